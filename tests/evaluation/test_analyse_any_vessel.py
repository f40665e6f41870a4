"""Operating points against scikit-learn, decision curves against dcurves, and nobody judged by their own data."""

import numpy as np
import pandas as pd
import pytest
from dcurves import dca
from scipy.special import expit
from sklearn.metrics import recall_score

from ecg_ccta import figures
from ecg_ccta.config import Evaluation
from ecg_ccta.evaluation.analyse_any_vessel import (
    ADVANTAGE,
    ALL,
    AVOIDED,
    BASES,
    CLINICAL,
    ECG,
    GAIN,
    GROUP,
    GUIDELINE,
    INDEPENDENT,
    NET_BENEFIT,
    NONE,
    PUBLISHED,
    RANGE,
    RECALIBRATED,
    RULES,
    WITH,
    WITHOUT,
    analyse_any_vessel,
    strategies_of,
)
from ecg_ccta.evaluation.any_vessel import ANY
from ecg_ccta.evaluation.any_vessel_figures import any_vessel_figure
from ecg_ccta.statistics.estimates import CLUSTERED, rows_of
from ecg_ccta.tables import RISK_FACTORS

SETTINGS = Evaluation(bootstrap_replicates=100)
LOW, HIGH = 0.2, 0.55


def simulate(n: int = 700, seed: int = 3, ecg: float = 1.0) -> pd.DataFrame:
    """Patients whose outcome depends on the ECG's score and on age, sex and diabetes; a tenth with one unjudged."""
    rng = np.random.default_rng(seed)
    score = rng.normal(-0.8, 1.1, n)
    patients = pd.DataFrame(
        {
            "patient_id": [f"{number:020x}" for number in range(n)],
            "ecg_id": [f"{number:020x}" for number in range(n)],
            "age": rng.normal(60, 10, n).clip(31, 90),
            "sex": pd.array(rng.choice(["female", "male"], n), dtype="string"),
            "chest_pain": pd.array(rng.choice(["none", "nonanginal", "atypical", "typical"], n), dtype="string"),
            **{name: pd.array(rng.random(n) < 0.4, dtype="boolean") for name in RISK_FACTORS},
            "fold": np.arange(n) % 5,
            "ecg_logit": score,
            "probability": expit(score),
        }
    )
    linear = ecg * score + 0.6 * (patients["age"] - 60) / 10 + 0.5 * patients["diabetes"].astype(float)
    event = pd.Series(pd.array((rng.random(n) < expit(linear)).astype(int), dtype="Int8"))
    patients["y_true"] = event.mask(pd.Series(rng.random(n) < 0.1))
    patients["group"] = np.where(score > -1.5, "high", "low")
    stratum = np.select(
        [patients["probability"] >= HIGH, patients["probability"] < LOW], ["high", "low"], "intermediate"
    )
    return patients.assign(stratum=stratum)


def choices(note: str = "") -> dict:
    """What `choose_thresholds` says of any vessel."""
    made = {
        "recalibration": {"intercept": 0.0, "slope": 1.0, "note": note},
        "thresholds": {
            kind: {"threshold": None if note else at, "note": note}
            for kind, at in (("rule-out", LOW), ("rule-in", HIGH))
        },
    }
    return {
        "site": "internal",
        "frozen": {ANY: made},
        "cross_fitted": {str(fold): {ANY: made} for fold in range(5)},
    }


@pytest.fixture(scope="module")
def patients() -> pd.DataFrame:
    return simulate()


@pytest.fixture(scope="module")
def panel(patients) -> dict[str, pd.DataFrame]:
    return analyse_any_vessel(patients, None, choices(), SETTINGS, seed=1)


def test_operating_points_are_scikit_learns(patients, panel):
    known = patients.dropna(subset=["y_true"])
    y = known["y_true"].to_numpy(dtype=int)
    called = {GROUP: known["group"] == "high"}
    called |= {rule: known["probability"] >= at for rule, at in zip(RULES[1:], (LOW, HIGH, 0.05, 0.15), strict=True)}
    table = panel["any_vessel_thresholds"]
    assert tuple(table["rule"].drop_duplicates()) == RULES
    for rule, positive in called.items():
        cells = table[(table["rule"] == rule) & (table["method"] == CLUSTERED)].set_index("measure")
        assert cells.loc["sensitivity", "estimate"] == pytest.approx(recall_score(y, positive))
        assert cells.loc["specificity", "estimate"] == pytest.approx(recall_score(y, positive, pos_label=0))
        assert cells.loc["PPV", "estimate"] == pytest.approx(y[positive].mean())
        assert cells.loc["NPV", "estimate"] == pytest.approx(1 - y[~positive].mean(), nan_ok=True)
        assert (cells[["n", "patients"]] == len(y)).all(axis=None)
    strata = panel["any_vessel_strata"]
    rates = rows_of(strata, "event rate", CLUSTERED).set_index("stratum")["estimate"]
    assert rates.to_dict() == pytest.approx(known.groupby("stratum")["y_true"].mean().astype(float).to_dict())


@pytest.mark.parametrize("basis", BASES)
def test_the_curves_are_those_of_dcurves_on_the_same_patients(patients, panel, basis):
    found = strategies_of(patients, None, basis, "", SETTINGS)
    assert found.patients["y_true"].notna().all()
    names = dict(zip(found.probabilities, "abcd", strict=False))
    data = pd.DataFrame({names[name]: values for name, values in found.probabilities.items()})
    data["y"] = found.patients["y_true"].to_numpy(dtype=int)
    expected = dca(data=data, outcome="y", modelnames=list(names.values()), thresholds=RANGE, nper=100)
    table = panel["any_vessel_decisions"].query("basis == @basis")
    assert set(table["n"]) == {len(data)}
    for name, short in (*names.items(), (ALL, "all"), (NONE, "none")):
        ours = rows_of(table[table["strategy"] == name], NET_BENEFIT)
        theirs = expected[expected["model"] == short]
        assert ours["estimate"].to_numpy() == pytest.approx(theirs["net_benefit"].to_numpy(), abs=1e-10)
        if name in names:
            avoided = rows_of(table[table["strategy"] == name], AVOIDED)["estimate"].to_numpy()
            assert avoided == pytest.approx(theirs["net_intervention_avoided"].to_numpy(), abs=1e-8)
    wide = rows_of(table, NET_BENEFIT).pivot_table(index="threshold", columns="strategy", values="estimate")
    for name in (ECG, WITH):
        gain = rows_of(table[table["strategy"] == name], GAIN).set_index("threshold")
        assert gain["estimate"].to_numpy() == pytest.approx((wide[name] - wide[WITHOUT]).to_numpy())
        assert (gain["lower"] <= gain["upper"]).all()
    advantage = rows_of(table[table["strategy"] == ECG], ADVANTAGE)["estimate"].to_numpy()
    assert advantage == pytest.approx((wide[ECG] - wide[ALL].clip(lower=0)).to_numpy())
    assert (PUBLISHED in names) == (basis == GUIDELINE)


def test_an_ecg_that_knows_nothing_gains_nothing():
    useless = analyse_any_vessel(simulate(1500, seed=8, ecg=0.0), None, choices(), SETTINGS, seed=1)
    table = useless["any_vessel_decisions"].query("basis == @CLINICAL")
    for name in (ECG, WITH):
        assert (rows_of(table[table["strategy"] == name], GAIN)["lower"] <= 0).mean() >= 0.9


def test_nobody_is_judged_by_a_model_of_their_own_fold(patients):
    own = (patients["fold"] == 2).to_numpy()
    flipped = patients.assign(y_true=patients["y_true"].mask(own, 1 - patients["y_true"]))
    before, after = (strategies_of(table, None, CLINICAL, "", SETTINGS) for table in (patients, flipped))
    members = (before.patients["fold"] == 2).to_numpy()
    for name in (WITHOUT, WITH):
        np.testing.assert_array_equal(before.probabilities[name][members], after.probabilities[name][members])
        assert (before.probabilities[name][~members] != after.probabilities[name][~members]).any()


def test_elsewhere_the_competitor_is_that_of_the_development_site(patients):
    there = simulate(300, seed=9).assign(fold=-1)
    found = strategies_of(there, patients, CLINICAL, "", SETTINGS)
    other = strategies_of(there.assign(y_true=1 - there["y_true"]), patients, CLINICAL, "", SETTINGS)
    np.testing.assert_array_equal(found.probabilities[WITHOUT], other.probabilities[WITHOUT])


def test_calibration_is_of_both_probabilities(panel):
    table = panel["any_vessel_calibration"]
    assert tuple(table["probability"].drop_duplicates()) == (RECALIBRATED, INDEPENDENT)
    # Here the one is the other, so that all measures agree.
    one, other = (
        table[table["probability"] == name].drop(columns="probability") for name in (RECALIBRATED, INDEPENDENT)
    )
    np.testing.assert_allclose(one["estimate"], other["estimate"])


def test_without_covariates_the_ecg_is_judged_alone(patients, tmp_path):
    bare = patients.assign(chest_pain=pd.array([None] * len(patients), dtype="string"))
    table = analyse_any_vessel(bare, None, choices(), SETTINGS, seed=1)["any_vessel_decisions"]
    for basis in BASES:
        rows = table[table["basis"] == basis]
        assert set(rows["strategy"]) == {ECG, WITHOUT, ALL, NONE}
        assert rows.loc[rows["strategy"] == WITHOUT, "note"].item().startswith(f"{basis}: no patient has all")
        assert set(rows["n"]) == {patients["y_true"].notna().sum()}
    figures.save(any_vessel_figure(table), tmp_path / "bare.svg")


def test_too_few_events_give_notes_and_no_numbers(patients, tmp_path):
    few = patients.assign(y_true=pd.array([1] * 4 + [0] * (len(patients) - 4), dtype="Int8"))
    panel = analyse_any_vessel(few, None, choices("too few events (4)"), SETTINGS, seed=1)
    for table in panel.values():
        assert table["estimate"].isna().all()
        assert table["note"].str.contains("too few events").all()
    figures.save(any_vessel_figure(panel["any_vessel_decisions"]), tmp_path / "few.svg")
