"""The ladder: each rung on the same ECGs, regressions that have not seen the patient, and what folds kept."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from ecg_ccta.config import Evaluation
from ecg_ccta.errors import StudyError
from ecg_ccta.evaluation.build_ladder import (
    DEMOGRAPHY,
    FINE_TUNED,
    MEASURED,
    PROBE,
    RUNGS,
    START,
    build_ladder,
    ladder_figure,
    regressed,
    training_table,
)
from ecg_ccta.evaluation.findings import findings_by_vessel
from ecg_ccta.statistics.estimates import CROSS_VALIDATED, rows_of

SETTINGS = Evaluation(minimum_events=5)


@pytest.fixture(scope="module")
def measurements(scored) -> pd.DataFrame:
    """One measurement that tells something of LAD, one of nothing, one that is always missing."""
    rng = np.random.default_rng(1)
    lad = scored[scored["vessel"] == "LAD"].set_index("ecg_id")
    told = lad["y_true"].astype("Float64").fillna(0.3).astype(float) + rng.normal(0, 1.5, len(lad))
    told[rng.random(len(lad)) < 0.1] = np.nan
    return pd.DataFrame({"ecg_id": lad.index, "st_mv_V5": told.to_numpy(), "qt_ms": rng.normal(size=len(lad)),
                         "p_ms": np.nan})  # fmt: skip


@pytest.fixture(scope="module")
def probe(scored) -> pd.DataFrame:
    noise = np.random.default_rng(2).normal(0, 1.5, len(scored))
    return scored.assign(logit=scored["logit"] + noise)


@pytest.fixture(scope="module")
def ladder(scored, probe, measurements) -> pd.DataFrame:
    return build_ladder(scored, probe, measurements, SETTINGS)


def test_every_rung_is_on_the_same_ecgs(ladder, scored):
    aucs = rows_of(ladder, "AUC", CROSS_VALIDATED)
    assert set(aucs["rung"]) == set(RUNGS)
    lad = aucs[aucs["vessel"] == "LAD"].set_index("rung")
    assert lad["n"].nunique() == lad["events"].nunique() == 1
    known = scored[(scored["vessel"] == "LAD") & scored["y_true"].notna()]
    by_fold = pd.Series([roc_auc_score(f["y_true"].astype(int), f["logit"]) for _, f in known.groupby("fold")])
    assert lad.loc[FINE_TUNED, "estimate"] == pytest.approx(by_fold.mean(), abs=0.01)
    assert lad.loc[MEASURED, "estimate"] > lad.loc[DEMOGRAPHY, "estimate"] + 0.05
    assert lad.loc[FINE_TUNED, "estimate"] > lad.loc[PROBE, "estimate"] + 0.05


def test_differences_are_fine_tuned_minus_the_rung(ladder):
    for vessel in ("LAD", "macro"):
        of_vessel = ladder[ladder["vessel"] == vessel]
        aucs = rows_of(of_vessel, "AUC").set_index("rung")["estimate"]
        gains = rows_of(of_vessel, "AUC difference").set_index("rung")
        assert list(gains.index) == [rung for rung in RUNGS if rung != FINE_TUNED]
        for rung, row in gains.iterrows():
            assert row["estimate"] == pytest.approx(aucs[FINE_TUNED] - aucs[rung])
            assert row["lower"] < row["estimate"] < row["upper"]
    assert rows_of(ladder[ladder["vessel"] == "macro"], "AUC difference").set_index("rung").loc[PROBE, "lower"] > 0


def test_a_regression_has_not_seen_the_patient(scored, measurements):
    """Another outcome of one fold's patients changes the other folds' log-odds, and none of their own."""
    lad = findings_by_vessel(scored.merge(measurements, on="ecg_id"), SETTINGS, None)["LAD"]
    design = lad.rows[["age", "st_mv_V5", "qt_ms", "p_ms"]]
    before = regressed(lad, design)
    own = (lad.rows["fold"] == 0).to_numpy()
    flipped = lad.rows.assign(y_true=lad.rows["y_true"].where(~own, 1 - lad.rows["y_true"]))
    after = regressed(type(lad)(lad.vessel, flipped, lad.bootstrap, lad.minimum_events), design)
    assert (before[own] == after[own]).all()
    assert (before[~own] != after[~own]).all()


def test_a_vessel_with_few_events_says_so(ladder):
    lm = ladder[ladder["vessel"] == "LM"]
    if lm["estimate"].isna().all():
        assert lm["note"].str.startswith("too few events").all()


def test_other_ecgs_are_refused(scored, probe, measurements):
    with pytest.raises(StudyError, match="not evaluated on the same ECGs in the same folds"):
        build_ladder(scored, probe.iloc[4:], measurements, SETTINGS)


def test_without_enough_events_there_is_no_mean(scored, probe, measurements, tmp_path):
    table = build_ladder(scored, probe, measurements, Evaluation(minimum_events=10_000))
    assert table["estimate"].isna().all()
    assert "macro" not in set(table["vessel"])
    ladder_figure(table).savefig(tmp_path / "none.png")


def test_the_figure_has_a_panel_for_the_mean_and_each_vessel(ladder):
    titles = [axis.get_title(loc="left") for axis in ladder_figure(ladder).axes]
    assert titles[0] == "Mean"
    assert "LAD" in titles


def test_a_fold_that_kept_the_start_is_called_a_probe():
    epoch = {"validation_loss": 0.35, "validation_auc": 0.74}
    probe = {"penalty": 100.0, "validation_loss": 0.36, "validation_auc": 0.72}
    tuned = {"fold": 0, "probe": probe, "epochs": [epoch, epoch], "best_epoch": 1, "kept": "epoch 2, the last"}
    started = tuned | {"fold": 1, "best_epoch": -1, "kept": "the start: no epoch had a smaller loss"}
    table = training_table([tuned, started]).set_index("fold")
    assert table["kept_as"].tolist() == [FINE_TUNED, PROBE]
    assert table.loc[0, ["probe_loss", "loss"]].tolist() == [0.36, 0.35]
    assert table.loc[1, ["kept_epoch", "loss"]].tolist() == [0, 0.36]


def test_measurements_of_other_ecgs_are_refused(scored, probe, measurements):
    with pytest.raises(StudyError, match="not of the same ECGs"):
        build_ladder(scored, probe, measurements.iloc[1:], SETTINGS)


def test_outcomes_in_one_fold_alone_leave_nothing_to_fit(scored, probe, measurements):
    """All who have a stenosis are in fold 0: its training patients have none."""
    rare = scored.assign(y_true=scored["y_true"].where(scored["y_true"].isna() | (scored["fold"] == 0), 0))
    table = build_ladder(rare, probe, measurements, SETTINGS)
    lad = table[table["vessel"] == "LAD"]
    assert lad["estimate"].isna().all()
    assert set(lad["note"]) == {"too few patients of either outcome to fit a regression"}


def test_a_start_that_was_no_probe_is_not_called_one():
    kept = {"fold": 0, "probe": None, "epochs": [], "best_epoch": -1, "kept": "the start: no epoch had a smaller loss"}
    assert training_table([kept])["kept_as"].tolist() == [START]
