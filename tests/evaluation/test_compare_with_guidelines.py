"""The panel of the added value: held to its parts, and no patient is predicted by a fit that saw it."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats
from sklearn.metrics import roc_auc_score

from ecg_ccta.config import Evaluation
from ecg_ccta.evaluation.compare_with_guidelines import (
    CLINICAL,
    CONTRASTS,
    compare_with_guidelines,
    fit_models,
    headline_aucs,
    with_predictors,
)
from ecg_ccta.evaluation.guideline_figures import added_value_roc_figure, reclassification_figure
from ecg_ccta.statistics.auc import compare_auc_delong
from ecg_ccta.statistics.estimates import CONDITIONAL, ESTIMATE_COLUMNS, rows_of

SETTINGS = Evaluation(bootstrap_replicates=100)
RISKS = ("hypertension", "diabetes", "dyslipidaemia", "smoking")


def simulate_patients(n: int = 1200, seed: int = 4) -> pd.DataFrame:
    """Patients whose event depends on the ECG and, independently of it, on age, sex, pain and risk factors."""
    rng = np.random.default_rng(seed)
    patients = pd.DataFrame(
        {
            "patient_id": [f"{number:020x}" for number in range(n)],
            "ecg_id": [f"{number:020x}" for number in range(n)],
            "age": rng.normal(60, 10, n).clip(25, 90),
            "sex": pd.array(rng.choice(["female", "male"], n), dtype="string"),
            "chest_pain": pd.array(rng.choice(["none", "nonanginal", "atypical", "typical"], n), dtype="string"),
            **{name: pd.array(rng.random(n) < 0.4, dtype="boolean") for name in RISKS},
            "fold": np.arange(n) % 5,
            "ecg_logit": rng.normal(-1, 1, n),
        }
    )
    clinical = (
        0.5 * (patients["age"] - 60) / 10
        + 0.8 * (patients["sex"] == "male")
        + 1.0 * (patients["chest_pain"] == "typical")
        + 0.4 * patients["diabetes"].astype(float)
    )
    event = rng.random(n) < 1 / (1 + np.exp(0.4 - patients["ecg_logit"] - clinical))
    patients["y_true"] = pd.array(event.astype(int), dtype="Int8")
    patients["group"] = np.where(patients["ecg_logit"] > -1, "high", "low")
    patients["stratum"] = np.select(
        [patients["ecg_logit"] > 0, patients["ecg_logit"] < -2], ["high", "low"], "intermediate"
    )
    patients.loc[::17, "y_true"] = pd.NA
    patients.loc[::23, "hypertension"] = pd.NA
    patients.loc[::31, "chest_pain"] = pd.NA
    return patients


@pytest.fixture(scope="module")
def patients() -> pd.DataFrame:
    return simulate_patients()


@pytest.fixture(scope="module")
def panel(patients):
    return compare_with_guidelines(patients, None, SETTINGS, seed=1)


def test_only_a_probability_of_zero_in_the_table_is_raised(patients):
    """The RF-CL of a young woman without risk factors is 0.3 % as its formula gives it; 0 % has no log-odds."""
    young = patients.iloc[:1].assign(age=35.0, sex="female", chest_pain="nonanginal", **dict.fromkeys(RISKS, False))
    found = with_predictors(young).iloc[0]
    assert 0 < found["rf_cl"] < 0.005
    assert 1 / (1 + np.exp(-found["rf_cl_logit"])) == pytest.approx(found["rf_cl"])
    assert 1 / (1 + np.exp(-found["esc_2019_logit"])) == pytest.approx(0.01)


def test_only_intervals_of_the_models_are_conditional_on_them(patients, panel):
    table = panel["added_value"]
    says = table["note"].str.contains(CONDITIONAL)
    assert set(table.loc[says, "measure"]) >= {"IDI", "NRI without categories", "NRI by categories"}
    assert not says[table["comparison"].str.startswith("guideline, ")].any()
    assert not says[table["measure"].isin(["AUC", "AUC difference"])].any()
    assert not table["measure"].str.contains(r"(?:NRI|IDI).* p").any()
    elsewhere = compare_with_guidelines(patients.assign(fold=-1), patients, SETTINGS, seed=1)["added_value"]
    assert not elsewhere["note"].str.contains(CONDITIONAL).any()


def one(table, measure, **where):
    for column, value in where.items():
        table = table[table[column] == value]
    found = rows_of(table, measure)
    assert len(found) == 1
    return found.iloc[0]


def test_independent_predictors_add_to_each_other(panel):
    aucs = headline_aucs(panel["added_value"])
    assert aucs["with ECG"] > max(aucs["ECG"], aucs["without ECG"])
    for contrast in ("with ECG against without ECG", "with ECG against ECG"):
        row = one(panel["added_value"], "AUC difference", basis=CLINICAL, comparison=contrast)
        assert row["lower"] > 0
    assert list(panel["added_value"].columns) == ["basis", "comparison", *ESTIMATE_COLUMNS]


def test_the_clinical_model_is_that_of_statsmodels_formula(patients):
    """Each fold by statsmodels' formula interface with its own coding of the categories."""
    found = fit_models(with_predictors(patients), None, CLINICAL, SETTINGS)
    rows = found.patients.assign(
        **{name: found.patients[name].astype(int) for name in RISKS}, y_true=found.patients["y_true"].astype(int)
    )
    formula = "y_true ~ age + C(sex) + C(chest_pain) + hypertension + diabetes + dyslipidaemia + smoking"
    for fold in range(5):
        fit = sm.Logit.from_formula(formula, rows[rows["fold"] != fold]).fit(disp=False)
        scored = (rows["fold"] == fold).to_numpy()
        expected = fit.predict(rows[scored]).to_numpy()
        assert 1 / (1 + np.exp(-found.logits["without ECG"][scored])) == pytest.approx(expected, abs=1e-6)


def test_likelihood_ratio_is_half_that_of_statsmodels(patients, panel):
    """The ECG's score was learnt from the same labels: the statistic is up to twice as large as chi-squared."""
    used = fit_models(with_predictors(patients), None, CLINICAL, SETTINGS)
    y_true = used.patients["y_true"].to_numpy(dtype=int)
    fits = [
        sm.Logit(y_true, sm.add_constant(used.designs[model])).fit(disp=False) for model in ("without ECG", "with ECG")
    ]
    expected = fits[1].llf - fits[0].llf
    where = {"basis": CLINICAL, "comparison": "with ECG against without ECG"}
    assert one(panel["added_value"], "likelihood ratio chi-squared", **where)["estimate"] == pytest.approx(expected)
    p_value = one(panel["added_value"], "likelihood ratio p value", **where)["estimate"]
    assert p_value == pytest.approx(stats.chi2.sf(expected, 1))


def test_auc_differences_elsewhere_are_delongs(patients):
    """One ECG per patient, and models that were trained on others; Student's t instead of the normal distribution."""
    external = simulate_patients(500, seed=9).assign(fold=-1)
    table = compare_with_guidelines(external, patients, SETTINGS, seed=1)["added_value"]
    used = fit_models(with_predictors(external), with_predictors(patients), CLINICAL, SETTINGS)
    y_true = used.patients["y_true"].to_numpy(dtype=int)
    scores = used.logits | {"ECG": used.patients["ecg_logit"].to_numpy()}
    for contrast, (old, new) in CONTRASTS.items():
        expected = compare_auc_delong(y_true, scores[new], scores[old])
        where = {"basis": CLINICAL, "comparison": contrast}
        row = one(table, "AUC difference", **where)
        assert row["estimate"] == pytest.approx(roc_auc_score(y_true, scores[new]) - roc_auc_score(y_true, scores[old]))
        assert (row["lower"], row["upper"]) == pytest.approx((expected.lower, expected.upper), abs=1e-3)
        assert one(table, "AUC difference p", **where)["estimate"] == pytest.approx(expected.p_value, abs=5e-3)


def test_auc_differences_at_the_development_site_are_within_folds_and_wider(patients, panel):
    used = fit_models(with_predictors(patients), None, CLINICAL, SETTINGS)
    fold, y_true = used.patients["fold"].to_numpy(), used.patients["y_true"].to_numpy(dtype=int)
    pairs = [np.prod(np.bincount(y_true[fold == k], minlength=2)) for k in range(5)]
    for contrast, (old, new) in CONTRASTS.items():
        if "ECG" in (old, new):
            continue
        areas = [
            [roc_auc_score(y_true[fold == k], used.logits[model][fold == k]) for k in range(5)] for model in (new, old)
        ]
        row = one(panel["added_value"], "AUC difference", basis=CLINICAL, comparison=contrast)
        assert row["estimate"] == pytest.approx(np.subtract(*np.average(areas, axis=1, weights=pairs)))
        delong = compare_auc_delong(y_true, used.logits[new], used.logits[old])
        assert row["upper"] - row["lower"] > 1.3 * (delong.upper - delong.lower)


def test_an_outcome_does_not_change_the_patients_own_score(patients):
    columns = with_predictors(patients)
    before = fit_models(columns, None, CLINICAL, SETTINGS)
    place = 7
    own = before.patients.index[place]
    columns.loc[own, "y_true"] = 1 - columns.loc[own, "y_true"]
    after = fit_models(columns, None, CLINICAL, SETTINGS)
    for model in before.logits:
        changed = before.logits[model] != after.logits[model]
        same_fold = (before.patients["fold"] == before.patients["fold"].iloc[place]).to_numpy()
        assert not changed[same_fold].any()
        assert changed[~same_fold].all()


def test_elsewhere_the_whole_development_site_decides_and_the_site_itself_nothing(patients):
    external = simulate_patients(500, seed=9).assign(fold=-1)
    columns, development = with_predictors(external), with_predictors(patients)
    found = fit_models(columns, development, CLINICAL, SETTINGS)
    used = fit_models(development, None, CLINICAL, SETTINGS)
    fit = sm.Logit(used.patients["y_true"].to_numpy(dtype=int), sm.add_constant(used.designs["with ECG"])).fit(
        disp=False
    )
    expected = fit.predict(sm.add_constant(found.designs["with ECG"]))
    assert 1 / (1 + np.exp(-found.logits["with ECG"])) == pytest.approx(expected, abs=1e-6)
    flipped = fit_models(columns.assign(y_true=1 - columns["y_true"]), development, CLINICAL, SETTINGS)
    assert all((found.logits[model] == flipped.logits[model]).all() for model in found.logits)
    table = compare_with_guidelines(external, patients, SETTINGS, seed=1)["added_value"]
    assert not table["measure"].str.startswith("likelihood ratio").any()


def test_reclassification_counts_everybody_with_outcome_and_category(patients, panel):
    table, columns = panel["reclassification"], with_predictors(patients)
    for basis, column in (("ESC 2019", "esc_2019"), ("RF-CL (ESC 2024)", "rf_cl")):
        usable = columns.dropna(subset=["y_true", column])
        for _, cells in table[table["basis"] == basis].groupby("modifier"):
            assert cells["n"].sum() == len(usable)
            assert cells["events"].sum() == usable["y_true"].sum()
    counted = panel["guideline_patients"]
    for _, cells in counted.groupby("basis"):
        own = cells.set_index("reason")["patients"]
        assert own["all"] == own.drop("all").sum() == len(patients)
        assert own["analysed"] < own["all"]


def test_shares_of_the_strategies_are_those_of_the_table(panel):
    table = panel["reclassification"]
    cells = table[(table["basis"] == "ESC 2019") & (table["modifier"] == "rule-out and rule-in strata")]
    where = {"basis": "ESC 2019", "comparison": "with rule-out and rule-in strata"}
    after = cells.groupby("after")[["n", "events"]].sum()
    found = panel["added_value"]
    assert one(found, "proportion in the gray zone", **where)["estimate"] == after.loc["5-15 %", "n"] / after["n"].sum()
    missed = one(found, "proportion of events ruled out (missed)", **where)["estimate"]
    assert missed == after.loc["<5 %", "events"] / after["events"].sum()
    rate = one(found, "event rate of the ruled out", **where)["estimate"]
    assert rate == after.loc["<5 %", "events"] / after.loc["<5 %", "n"]
    up = cells[(cells["stratum"] == "high") & (cells["before"] != ">15 %")]["events"].sum()
    down = cells[(cells["stratum"] == "low") & (cells["before"] != "<5 %")]["events"].sum()
    nri = one(
        found, "NRI by categories, events", basis="ESC 2019", comparison=f"{where['comparison']} against guideline"
    )
    assert nri["estimate"] == pytest.approx((up - down) / cells["events"].sum())


def test_too_few_events_are_said(patients):
    few = patients.assign(y_true=pd.array([1] * 6 + [0] * (len(patients) - 6), dtype="Int8"))
    panel = compare_with_guidelines(few, None, SETTINGS, seed=1)
    assert panel["added_value"]["estimate"].isna().all()
    assert panel["added_value"]["note"].str.contains("too few events").all()
    assert panel["added_value_roc"].empty
    reclassification_figure(panel["reclassification"])
    added_value_roc_figure(panel["added_value"], panel["added_value_roc"])


def test_a_site_without_chest_pain_has_no_pretest_probability(patients):
    bare = patients.assign(chest_pain=pd.array([None] * len(patients), dtype="string"))
    panel = compare_with_guidelines(bare, None, SETTINGS, seed=1)
    assert set(panel["added_value"]["note"]) == {"no patient has all that is needed"}
    assert panel["reclassification"]["n"].sum() == 0
    reclassification_figure(panel["reclassification"])


def test_figures_show_both_guidelines_and_all_models(panel):
    figure = reclassification_figure(panel["reclassification"])
    titles = [axes.get_title() for axes in figure.axes]
    assert [title.split("\n")[0] for title in titles] == ["ESC 2019"] * 2 + ["RF-CL (ESC 2024)"] * 2
    curves = added_value_roc_figure(panel["added_value"], panel["added_value_roc"]).axes[0]
    assert [text.get_text().split(":")[0] for text in curves.get_legend().get_texts()] == [
        "clinical model",
        "ECG",
        "both",
    ]
