"""Sensitivity analyses: which ECGs each takes, the same numbers as the main analysis has elsewhere, and the centres."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from ecg_ccta.config import Evaluation, Sensitivity
from ecg_ccta.errors import StudyError
from ecg_ccta.evaluation.analyse_sensitivity import LATEST, LEFT_OUT, MAIN, OUTCOME, SAME, analyse_sensitivity
from ecg_ccta.evaluation.findings import findings_by_vessel
from ecg_ccta.evaluation.scored import scored_ecgs
from ecg_ccta.evaluation.sensitivity_centres import CENTRES, WITHOUT_CENTRE, centre_table, pooled_rows
from ecg_ccta.evaluation.sensitivity_figure import sensitivity_figure
from ecg_ccta.evaluation.validate import validate
from ecg_ccta.figures import PAGE
from ecg_ccta.result_tables import write_csv
from ecg_ccta.statistics.estimates import HONEST, rows_of
from ecg_ccta.tables import ENSEMBLE
from ecg_ccta.vessels import VESSELS

SETTINGS = Evaluation(bootstrap_replicates=50, minimum_events=8)
WINDOWS = Sensitivity(windows_days=[7, 400])


@pytest.fixture(scope="module")
def site(cohort_and_predictions) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Four centres by patient, 8 ECGs of unknown centre, and the columns of signal quality."""
    cohort, predictions = cohort_and_predictions
    names = np.array(["north", "south", "west", "east"])[[int(patient, 16) % 4 for patient in cohort["patient_id"]]]
    cohort = cohort.assign(centre=pd.array(names, dtype="string"), noisy_leads="", source_rate=500.0)
    cohort.loc[:7, "centre"] = pd.NA
    cohort.loc[:99, "noisy_leads"] = "V2"
    cohort.loc[50:149, "source_rate"] = 250.0
    return cohort, predictions


@pytest.fixture(scope="module")
def left_out(site) -> pd.DataFrame:
    """What a probe without the centre might predict: the study's logits with noise."""
    cohort, predictions = site
    made = predictions.merge(cohort[["ecg_id", "centre"]], on="ecg_id").dropna(subset=["centre"])
    logit = made["logit"] + np.random.default_rng(1).normal(0, 0.5, len(made))
    return made.assign(logit=logit, probability=expit(logit)).drop(columns="fold")


@pytest.fixture(scope="module")
def centres(site, left_out) -> pd.DataFrame:
    return centre_table(scored_ecgs(*site), SETTINGS, left_out)


@pytest.fixture(scope="module")
def table(site, centres) -> pd.DataFrame:
    return analyse_sensitivity(*site, centres, SETTINGS, WINDOWS)


def of(table: pd.DataFrame, vessel: str, analysis: str) -> pd.DataFrame:
    rows = table[(table["vessel"] == vessel) & (table["analysis"] == analysis)]
    return rows.set_index("measure")


def test_the_main_analysis_is_that_of_the_validation(site, table) -> None:
    panel = validate(scored_ecgs(*site), SETTINGS, seed=1)
    auc = rows_of(panel["discrimination"], "AUC", HONEST).set_index("vessel")
    line = panel["calibration_summary"].set_index(["vessel", "measure"])
    for vessel in ("RCA", "LAD", "LCX"):
        found = of(table, vessel, MAIN)
        for bound in ("estimate", "lower", "upper"):
            assert found.loc["AUC", bound] == auc.loc[vessel, bound]
            for name in ("intercept", "slope"):
                assert found.loc[name, bound] == line.loc[(vessel, name), bound]
        assert "AUC difference" not in found.index


@pytest.mark.parametrize(
    ("analysis", "member"),
    [
        ("ECG before or on the day of the CCTA", lambda rows: rows["days_to_ccta"] >= 0),
        ("ECG within 7 days of the CCTA", lambda rows: rows["days_to_ccta"].abs() <= 7),
        ("recordings without a noisy lead", lambda rows: rows["noisy_leads"] == ""),
        ("recorded at 500 Hz", lambda rows: rows["source_rate"] == 500),
        (LATEST, lambda rows: rows["recorded_at"] >= rows["recorded_at"].quantile(0.6)),
    ],
)
def test_members(site, table, analysis: str, member) -> None:
    cohort, predictions = site
    lad = cohort.merge(predictions[predictions["vessel"] == "LAD"], on=["ecg_id", "patient_id"])
    lad = lad[lad["target_LAD"].notna()]
    rows, found = lad[member(lad)], of(table, "LAD", analysis)
    tolerance = 0.1 * len(lad) if analysis == LATEST else 0
    assert found.loc["AUC", "n"] == pytest.approx(len(rows), abs=tolerance)
    assert found.loc["AUC", "n"] < len(lad)
    if not tolerance:
        assert found.loc["AUC", "events"] == rows["target_LAD"].sum()
        pooled = roc_auc_score(rows["target_LAD"].astype(int), rows["logit"])
        assert found.loc["AUC", "estimate"] == pytest.approx(pooled, abs=0.03)
    main = of(table, "LAD", MAIN).loc["AUC", "estimate"]
    difference = found.loc["AUC difference"]
    assert difference["lower"] < difference["estimate"] < difference["upper"]
    assert difference["estimate"] == pytest.approx(found.loc["AUC", "estimate"] - main, abs=1e-9)


def test_one_ecg_per_patient(site, table) -> None:
    cohort = site[0]
    first = of(table, "RCA", "one ECG per patient, the first").loc["AUC"]
    nearest = of(table, "RCA", "one ECG per patient, nearest to the CCTA").loc["AUC"]
    ecgs = cohort.sort_values("recorded_at").drop_duplicates("patient_id")
    assert first["n"] == first["patients"] == ecgs["target_RCA"].notna().sum()
    assert nearest["n"] == nearest["patients"] <= cohort["patient_id"].nunique()
    assert first["estimate"] != nearest["estimate"]


def test_complete_vessels_are_of_patients_not_of_ecgs(site, table) -> None:
    cohort = site[0]
    complete = cohort[[f"target_{vessel}" for vessel in VESSELS]].notna().all(axis=1)
    patients = set(cohort["patient_id"]) - set(cohort["patient_id"][~complete])
    found = of(table, "LCX", "patients with all four vessels assessed").loc["AUC"]
    assert found["patients"] == len(patients)
    assert found["n"] == cohort["patient_id"].isin(patients).sum() < complete.sum()


def test_a_stenosis_of_50_percent_is_moderate_or_worse(site, table) -> None:
    cohort, _ = site
    found = of(table, "LAD", OUTCOME)
    worse = cohort["grade_LAD"].isin(["moderate", "severe", "complete"]).sum()
    assert found.loc["AUC", "events"] == worse > of(table, "LAD", MAIN).loc["AUC", "events"]
    assert found.loc["AUC", "n"] == of(table, "LAD", MAIN).loc["AUC", "n"]
    assert found.loc["intercept", "estimate"] > of(table, "LAD", MAIN).loc["intercept", "estimate"]
    assert "AUC difference" not in found.index


def test_the_same_ecgs_are_no_other_analysis(table) -> None:
    found = of(table, "LAD", "ECG within 400 days of the CCTA")
    assert found.loc["AUC", "estimate"] == of(table, "LAD", MAIN).loc["AUC", "estimate"]
    assert found.loc["AUC difference", "note"] == SAME


def test_few_events_have_a_note(table) -> None:
    rare = table[(table["vessel"] == "LM") & ~table["analysis"].isin([OUTCOME, LEFT_OUT])]
    assert rare["estimate"].isna().all()
    assert rare["note"].str.contains("too few events").all()
    assert of(table, "LAD", LATEST).loc["AUC", "note"].startswith("recorded from 20")


def test_the_table_keeps_its_contract(table, centres, tmp_path) -> None:
    for name, of_name in (("sensitivity", table), ("sensitivity_centres", centres)):
        path = tmp_path / "tables" / name / "internal.csv"
        path.parent.mkdir(parents=True)
        write_csv(of_name, path)


def test_a_centre_is_evaluated_by_the_model_without_it(site, left_out, centres) -> None:
    cohort, _ = site
    rows = left_out[(left_out["vessel"] == "RCA") & (left_out["centre"] == "west")]
    rows = rows.merge(cohort[["ecg_id", "target_RCA"]], on="ecg_id").dropna()
    found = centres[(centres["vessel"] == "RCA") & (centres["centre"] == "west")].set_index("measure")
    assert found.loc["AUC", "estimate"] == pytest.approx(roc_auc_score(rows["target_RCA"].astype(int), rows["logit"]))
    assert found.loc["AUC", ["n", "events"]].tolist() == [len(rows), rows["target_RCA"].sum()]
    out_of_fold = findings_by_vessel(scored_ecgs(*site), SETTINGS, None)["RCA"]
    there = out_of_fold.where((out_of_fold.rows["centre"] == "west").fillna(False).to_numpy(dtype=bool))
    difference = found.loc["AUC", "estimate"] - there.expected.estimate
    assert found.loc["AUC difference", "estimate"] == pytest.approx(difference)


def test_the_mean_over_centres_lies_among_them(centres, table) -> None:
    aucs = rows_of(centres[centres["vessel"] == "RCA"], "AUC").set_index("centre")
    mean, four = aucs.loc[CENTRES], aucs.drop(CENTRES)["estimate"]
    assert len(four) == 4
    assert four.min() < mean["estimate"] < four.max()
    assert mean["note"].startswith("4 centres; tau")
    other = rows_of(centres[centres["vessel"] == "RCA"], "AUC, prediction interval").iloc[0]
    assert other["lower"] <= mean["lower"] < mean["upper"] <= other["upper"]
    pooled = of(table, "RCA", LEFT_OUT)
    assert pooled.loc["AUC", "estimate"] == mean["estimate"]
    assert {"AUC", "AUC difference", "intercept", "slope"} == set(pooled.index)
    unknown = rows_of(centres[centres["vessel"] == "RCA"], WITHOUT_CENTRE)["estimate"].iloc[0]
    assert 0 < unknown <= 8


def test_elsewhere_nothing_is_left_out(site) -> None:
    cohort, predictions = site
    external = predictions.assign(fold=ENSEMBLE)
    found = centre_table(scored_ecgs(cohort, external), SETTINGS)
    assert "AUC difference" not in set(found["measure"])
    table = analyse_sensitivity(cohort, external, found, SETTINGS, WINDOWS)
    assert set(table["analysis"]) >= {MAIN, CENTRES}
    assert LEFT_OUT not in set(table["analysis"])
    mean = of(table, "LAD", CENTRES).loc["AUC"]
    assert mean["estimate"] == pytest.approx(of(table, "LAD", MAIN).loc["AUC", "estimate"], abs=0.03)


def test_without_centres(site, left_out, table) -> None:
    cohort, predictions = site
    for bare, note in (
        (cohort.drop(columns="centre"), "no centre column"),
        (cohort.assign(centre="north"), "only one centre"),
    ):
        found = centre_table(scored_ecgs(bare, predictions), SETTINGS, left_out[:0])
        assert (found["note"] == note).all()
        assert [row["note"] for row in pooled_rows(found, "LAD")] == [note] * 3
        sensitivity_figure(table, found)


def test_a_centre_without_a_model_says_so(site, left_out) -> None:
    found = centre_table(scored_ecgs(*site), SETTINGS, left_out[left_out["centre"] != "east"])
    east = found[found["centre"] == "east"]
    assert len(east)
    assert east["note"].str.startswith("no model without it").all()


def test_predictions_of_other_centres_are_refused(site, left_out) -> None:
    with pytest.raises(StudyError, match="run predict_left_out_centres again"):
        centre_table(scored_ecgs(*site), SETTINGS, left_out.assign(centre="north"))


def test_a_site_without_findings(unjudged) -> None:
    cohort, predictions = unjudged
    cohort = cohort.assign(noisy_leads="", source_rate=500.0)
    centres = centre_table(scored_ecgs(cohort, predictions), SETTINGS)
    table = analyse_sensitivity(cohort, predictions, centres, SETTINGS, WINDOWS)
    assert table["estimate"].isna().all()
    sensitivity_figure(table, centres)


def test_figure(table, centres, tmp_path) -> None:
    figure = sensitivity_figure(table, centres)
    assert figure.get_figwidth() == pytest.approx(PAGE)
    words = {text.get_text() for text in figure.findobj(Text)}
    assert {"Main analysis", "Left out: west", "Recorded at 500 Hz", "too few"} <= words
    figure.savefig(tmp_path / "forest.png")
