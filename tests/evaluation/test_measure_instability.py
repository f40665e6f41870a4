"""Instability of a site: by hand, aligned by ECG and vessel, few re-developments, too few events, the figures."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from ecg_ccta import figures, tables
from ecg_ccta.config import Evaluation
from ecg_ccta.errors import StudyError
from ecg_ccta.evaluation.build_ladder import FINE_TUNED, PROBE
from ecg_ccta.evaluation.choose_thresholds import choose_thresholds
from ecg_ccta.evaluation.instability_figures import instability_calibration_figure, instability_figure
from ecg_ccta.evaluation.measure_instability import (
    CURVES,
    GROUPS,
    Versions,
    in_rows_of,
    measure_instability,
    of_networks,
)
from ecg_ccta.evaluation.scored import with_finding
from ecg_ccta.result_tables import SCHEMAS, schema_of
from ecg_ccta.vessels import VESSELS

SETTINGS = Evaluation(minimum_events=5)


@pytest.fixture(scope="module")
def elsewhere(scored):
    """An external site, and versions that differ by noise on the logit."""
    return scored.assign(fold=-1)


@pytest.fixture(scope="module")
def models(elsewhere):
    logit = elsewhere["logit"].to_numpy()
    noise = np.random.default_rng(0).normal(0, 0.4, (30, len(logit)))
    return {PROBE: Versions(logit, logit + noise), FINE_TUNED: Versions(logit, logit + noise[:3])}


@pytest.fixture(scope="module")
def chosen(scored):
    return choose_thresholds(scored, "internal", SETTINGS)


@pytest.fixture(scope="module")
def found(elsewhere, models, chosen):
    return measure_instability(elsewhere, models, chosen, SETTINGS)


def value(found, model, vessel, measure, column="estimate"):
    rows = found.summary.query("model == @model and vessel == @vessel and measure == @measure")
    assert len(rows) == 1
    return rows[column].iloc[0]


def test_errors_and_classifications_are_means_over_ecgs_with_a_finding(found, elsewhere, models, chosen):
    at = with_finding(elsewhere.reset_index(drop=True), "LAD").index
    original, again = (1 / (1 + np.exp(-logit)) for logit in models[PROBE])
    moved = np.abs(again - original).mean(axis=0)
    assert value(found, PROBE, "LAD", "MAPE") == pytest.approx(moved[at].mean())
    assert value(found, PROBE, "LAD", "MAPE, 95 % quantile") == pytest.approx(np.quantile(moved[at], 0.95))
    cut = chosen["frozen"]["LAD"]["thresholds"]["rule-out"]["threshold"]
    other_side = ((again >= cut) != (original >= cut))[:, at].mean()
    assert value(found, PROBE, "LAD", "classification instability, rule-out") == pytest.approx(other_side)
    rows = found.ecgs.query("model == @PROBE").reset_index(drop=True)
    np.testing.assert_allclose(rows["mape"], moved)
    np.testing.assert_allclose(rows["upper"], np.quantile(again, 0.975, axis=0))
    tables.check(found.ecgs, tables.INSTABILITY, "instability")


def test_auc_of_every_version_is_scikit_learns(found, elsewhere, models):
    rows = with_finding(elsewhere.reset_index(drop=True), "RCA")
    y = rows["y_true"].to_numpy(int)
    aucs = [roc_auc_score(y, logit[rows.index]) for logit in models[PROBE].again]
    assert value(found, PROBE, "RCA", "AUC") == pytest.approx(roc_auc_score(y, rows["logit"]))
    assert value(found, PROBE, "RCA", "AUC, re-developed") == pytest.approx(np.median(aucs))
    assert value(found, PROBE, "RCA", "AUC, re-developed", "lower") == pytest.approx(np.quantile(aucs, 0.025))
    assert value(found, FINE_TUNED, "RCA", "AUC, re-developed", "upper") == pytest.approx(max(aucs[:3]))
    assert value(found, FINE_TUNED, "RCA", "AUC, re-developed", "note") == "range of 3"
    assert value(found, FINE_TUNED, "RCA", "width of interval, median", "note") == (
        "too few re-developments (3) for percentiles"
    )
    assert found.ecgs.query("model == @FINE_TUNED")["upper"].isna().all()


def test_noise_on_the_logit_flattens_the_slope(found):
    assert value(found, PROBE, "LAD", "slope, re-developed") < value(found, PROBE, "LAD", "slope")


def test_bands_and_curves_tell_what_was_added(found, models):
    bands = found.bands.query("model == @PROBE and vessel == 'LAD'")
    assert len(bands) == GROUPS
    assert bands["predicted"].is_monotonic_increasing
    assert (bands["lower"] < bands["lower_quartile"]).all()
    assert (bands["upper"] > bands["predicted"]).all()
    assert (
        found.calibration.query("model == @PROBE and vessel == 'LAD'")["redevelopment"].nunique() == min(CURVES, 30) + 1
    )
    for name in ("instability", "instability_bands", "instability_calibration"):
        assert schema_of(f"tables/{name}/x.csv", []) is SCHEMAS[name]


def test_logits_of_the_cohort_find_their_rows(elsewhere, cohort_and_predictions):
    cohort, _ = cohort_and_predictions
    logits = np.arange(2 * len(cohort) * 4, dtype=float).reshape(2, len(cohort), 4)
    rows = in_rows_of(elsewhere.sample(frac=1, random_state=0), cohort, logits)
    shuffled = elsewhere.sample(frac=1, random_state=0).reset_index(drop=True)
    for place in (0, 17, 400):
        ecg = (cohort["ecg_id"] == shuffled["ecg_id"][place]).to_numpy().argmax()
        assert rows[1, place] == logits[1, ecg, VESSELS.index(shuffled["vessel"][place])]


def test_networks_of_other_ecgs_or_folds_are_refused(elsewhere):
    versions = of_networks(elsewhere, [elsewhere.assign(logit=1.0), elsewhere.assign(logit=2.0)])
    assert versions.again[:, 0].tolist() == [1.0, 2.0]
    with pytest.raises(StudyError, match="re-development 2 is not"):
        of_networks(elsewhere, [elsewhere, elsewhere.assign(fold=0)])


def test_too_few_events_have_errors_but_no_auc(elsewhere, models, chosen):
    strict = Evaluation(minimum_events=10_000)
    found = measure_instability(elsewhere, {PROBE: models[PROBE]}, chosen, strict)
    assert value(found, PROBE, "LAD", "AUC", "note").startswith("too few")
    assert value(found, PROBE, "LAD", "MAPE") > 0
    assert found.calibration.empty
    instability_calibration_figure(found.calibration)


def test_the_figures_show_both_models(found, tmp_path):
    figures.save(instability_figure(found.bands), tmp_path / "bands.svg")
    figures.save(instability_calibration_figure(found.calibration.query("redevelopment < 5")), tmp_path / "curves.svg")
    assert min((tmp_path / name).stat().st_size for name in ("bands.svg", "curves.svg")) > 5000
