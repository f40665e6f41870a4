import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from ecg_ccta.config import Evaluation
from ecg_ccta.evaluation.analyse_shortcut import ALONE, MACRO, POOLED, WITHIN, analyse_shortcut, shortcut_figure
from ecg_ccta.evaluation.probe_origin import ALL_PAIRS, DEMOGRAPHY, FEATURES, SAME_FINDINGS
from ecg_ccta.result_tables import write_csv
from ecg_ccta.statistics.estimates import estimate_table
from ecg_ccta.vessels import VESSELS

SETTINGS = Evaluation()


def scored_site(patients, odds_ratio, fold, seed):
    """A network whose logit is half a true sign and half the device, B."""
    rng = np.random.default_rng(seed)
    sign = rng.normal(size=(patients, 4))
    event = rng.random((patients, 4)) < expit(-2.2 + sign)
    with_b = rng.random(patients) < expit(np.log(odds_ratio) * (event.any(axis=1) - 0.4))
    return pd.DataFrame(
        {"ecg_id": np.repeat([f"{seed}-{n}" for n in range(patients)], 4),
         "patient_id": np.repeat([f"{seed}-{n}" for n in range(patients)], 4), "vessel": list(VESSELS) * patients,
         "fold": np.repeat(fold(patients), 4), "y_true": pd.array(event.ravel().astype(int), "Int8"),
         "logit": (sign + 1.5 * with_b[:, None]).ravel(), "probability": 0.5,
         "origin": np.repeat(np.where(with_b, "B", "A"), 4)}
    )  # fmt: skip


@pytest.fixture(scope="module")
def sites():
    return {
        "internal": scored_site(1500, 8.0, lambda n: np.arange(n) % 5, 1),
        "external": scored_site(1200, 1.0, lambda n: np.full(n, -1), 2),
    }


@pytest.fixture(scope="module")
def table(sites):
    return analyse_shortcut(sites, "device", SETTINGS)


def row(table, **values):
    for name, value in values.items():
        table = table[table[name] == value]
    assert len(table) == 1
    return table.iloc[0]


def test_pairs_of_one_origin_are_those_of_the_same_fold_and_device(sites, table):
    lad = sites["internal"].query("vessel == 'LAD'")
    right = pairs = 0.0
    for _, part in lad.groupby(["fold", "origin"]):
        y = part["y_true"].astype(int)
        weight = y.sum() * (1 - y).sum()
        right, pairs = right + weight * roc_auc_score(y, part["logit"]), pairs + weight
    at = {"site": "internal", "vessel": "LAD", "measure": "AUC"}
    assert row(table, compared=WITHIN, **at)["estimate"] == pytest.approx(right / pairs)
    lost = row(table, site="internal", vessel="LAD", measure="AUC difference")
    assert lost["estimate"] == pytest.approx(row(table, compared=POOLED, **at)["estimate"] - right / pairs)


def test_the_shortcut_is_seen_where_it_is_and_not_where_it_is_not(table):
    internal, external = (
        table[(table["site"] == site) & (table["vessel"] == MACRO)] for site in ("internal", "external")
    )
    assert row(internal, measure="AUC difference")["lower"] > 0.01
    assert row(internal, measure="AUC", compared=ALONE)["lower"] > 0.55
    alone = row(external, measure="AUC", compared=ALONE)
    assert alone["lower"] < 0.5 < alone["upper"]
    # Noise by the device lowers the AUC over all pairs: the difference is not above zero.
    assert row(external, measure="AUC difference")["estimate"] < 0
    falls = external[external["measure"] == "AUC difference to development"]
    assert row(falls, compared=POOLED)["upper"] < 0
    within = row(falls, compared=WITHIN)
    assert within["lower"] < 0 < within["upper"]


def test_sites_without_origins_have_a_note(sites, tmp_path):
    one = sites["internal"].assign(origin="A")
    nothing = sites["external"].assign(origin=None)
    table = analyse_shortcut({"internal": one, "external": nothing, "third": sites["external"]}, "device", SETTINGS)
    notes = table.drop_duplicates("site").set_index("site")["note"]
    assert (notes["internal"], notes["external"]) == ("only one device", "no device in the export")
    write_csv(table, tmp_path / "shortcut.csv")


def test_few_events_and_the_figure(sites, table, tmp_path):
    rare = sites["external"].copy()
    rare.loc[rare["vessel"] == "LM", "y_true"] = 0
    few = analyse_shortcut({"external": rare}, "device", SETTINGS)
    assert row(few, vessel="LM")["note"] == "too few events (0)"
    write_csv(table, tmp_path / "shortcut.csv")
    probe = estimate_table(
        [{"column": "device", "origin": "B", "predictor": predictor, "pairs": pairs, "measure": "AUC", "estimate": 0.7,
          "lower": 0.6, "upper": 0.8} for predictor, pairs in
         ((FEATURES, ALL_PAIRS), (FEATURES, SAME_FINDINGS), (DEMOGRAPHY, ALL_PAIRS))],
        ["column", "origin", "predictor", "pairs"],
    )  # fmt: skip
    titles = {"internal": "Internal", "external": "External"}
    assert len(shortcut_figure(table, dict.fromkeys(titles, probe), titles).axes) == 2
    shortcut_figure(table[:0], {}, {})
