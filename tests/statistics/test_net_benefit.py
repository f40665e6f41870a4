"""Net benefit against the dcurves package."""

from importlib.resources import files

import numpy as np
import pandas as pd
import pytest
from dcurves import dca

from ecg_ccta.statistics.net_benefit import net_benefit


def test_net_benefit_is_that_of_dcurves_on_its_own_data():
    """The cancer data that the package's tutorials use (Sjoberg and Vickers; dcurves' df_binary)."""
    data = pd.read_csv(files("dcurves") / "data/df_binary.csv")
    thresholds = np.arange(1, 50) / 100
    expected = dca(data=data, outcome="cancer", modelnames=["cancerpredmarker"], thresholds=thresholds)
    model, treat_all = net_benefit(
        data["cancer"].to_numpy(dtype=int), data["cancerpredmarker"].to_numpy(dtype=float), thresholds
    )
    for found, name in ((model, "cancerpredmarker"), (treat_all, "all")):
        assert found[0] == pytest.approx(expected.loc[expected["model"] == name, "net_benefit"].to_numpy(), abs=1e-12)
