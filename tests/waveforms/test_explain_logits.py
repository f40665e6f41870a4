import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import ElasticNet
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ecg_ccta import tables
from ecg_ccta.config import Evaluation
from ecg_ccta.errors import StudyError
from ecg_ccta.evaluation.scored import COVARIATES
from ecg_ccta.statistics.bootstrap import Bootstrap
from ecg_ccta.vessels import VESSELS
from ecg_ccta.waveforms import explain_logits as logits
from ecg_ccta.waveforms.explain_logits import BOTH, DEMOGRAPHY, MEASUREMENTS, explain_logits, nested_predictions
from ecg_ccta.waveforms.logit_design import Design, design_of, group_of, label_of
from ecg_ccta.waveforms.logit_figure import draw_logit_explanation, strongest

MEASURED = [name for name in tables.MEASUREMENTS.columns if name not in ("ecg_id", "beats", "p_wave")]


def site(ecgs: int, patients: int, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A cohort and its measurements: independent standard normal numbers."""
    rng = np.random.default_rng(seed)
    ids = [f"e{i}" for i in range(ecgs)]
    cohort = pd.DataFrame(dict.fromkeys(COVARIATES, pd.NA), index=range(ecgs)).assign(
        ecg_id=ids, patient_id=[f"p{i % patients}" for i in range(ecgs)],
        age=rng.normal(60, 10, ecgs), sex=np.where(rng.random(ecgs) < 0.5, "male", "female"),
        **{f"{column}_{vessel}": pd.NA for column in ("grade", "target") for vessel in VESSELS},
    )  # fmt: skip
    measured = pd.DataFrame(rng.normal(0, 1, (ecgs, len(MEASURED))), columns=MEASURED)
    return cohort, measured.assign(ecg_id=ids, beats=9, p_wave=pd.array(rng.random(ecgs) < 0.9, dtype="boolean"))


def predicted(cohort: pd.DataFrame, logit: dict[str, np.ndarray]) -> pd.DataFrame:
    parts = [
        cohort[["ecg_id", "patient_id"]].assign(vessel=vessel, fold=0, probability=0.5, logit=logit[vessel])
        for vessel in VESSELS
    ]
    return pd.concat(parts, ignore_index=True)


def of(table: pd.DataFrame, vessel: str, **wanted: str) -> pd.Series:
    found = table[table["vessel"] == vessel]
    for column, value in wanted.items():
        found = found[found[column] == value]
    assert len(found) == 1
    return found.iloc[0]


@pytest.fixture(scope="module")
def planted():
    """LAD: 0.6 ST at V3 - 0.4 T in V2 - 0.2 age + noise, true R2 0.56; RCA: noise; LM: constant; LCX: sex and gaps."""
    cohort, measured = site(1500, 1200)
    noise = np.random.default_rng(5).normal(0, 1, (2, 1500))
    age = (cohort["age"].to_numpy() - 60) / 10
    signal = 0.6 * measured["st60_mv_V3"] - 0.4 * measured["t_mv_V2"] - 0.2 * age
    gaps = np.random.default_rng(6).random(1500) < 0.3
    measured.loc[gaps, "pr_ms"] = np.nan
    logit = {
        "LAD": signal + np.sqrt(0.44) * noise[0],
        "RCA": noise[1],
        "LM": np.full(1500, -2.0),
        "LCX": 1.0 * (cohort["sex"] == "male") + 1.0 * gaps + 0.1 * noise[1],
    }
    return explain_logits(cohort, predicted(cohort, logit), measured, Evaluation(bootstrap_replicates=200), refits=50)


def test_the_known_variance_is_explained_by_what_was_planted(planted):
    both, measured, demography = (of(planted.r2, "LAD", predictors=name) for name in (BOTH, MEASUREMENTS, DEMOGRAPHY))
    assert both["r2"] == pytest.approx(0.56, abs=0.03)
    assert both["lower"] < 0.56 < both["upper"]
    assert measured["r2"] == pytest.approx(0.52, abs=0.03)
    assert demography["r2"] == pytest.approx(0.04, abs=0.02)
    assert (both["ecgs"], both["patients"]) == (1500, 1200)
    for group, lost in (("ST", 0.36), ("T", 0.16), (DEMOGRAPHY, 0.04), ("QRS duration", 0.0)):
        row = of(planted.groups, "LAD", group=group)
        assert row["r2_lost"] == pytest.approx(lost, abs=0.03)
        assert (row["lower"] > 0) == (lost > 0)


def test_known_coefficients_are_found_and_stable(planted):
    for name, value in (("st60_mv_V3", 0.6), ("t_mv_V2", -0.4), ("age", -0.2)):
        row = of(planted.coefficients, "LAD", measurement=name)
        # The penalty draws a coefficient towards zero, and never away from it.
        assert row["coefficient"] == pytest.approx(value, abs=0.06)
        assert row["lower"] <= row["coefficient"] <= row["upper"]
        assert row["selected"] == 1
    rest = planted.coefficients[planted.coefficients["vessel"] == "LAD"].set_index("measurement")["coefficient"]
    assert rest.drop(["st60_mv_V3", "t_mv_V2", "age"]).abs().max() < 0.06
    top = strongest(planted.coefficients[planted.coefficients["vessel"] == "LAD"], 3)
    assert list(top["label"]) == ["ST at J+60 ms, V3", "T, V2", "age"]


def test_noise_is_not_explained(planted):
    for block in logits.BLOCKS:
        row = of(planted.r2, "RCA", predictors=block)
        assert row["lower"] <= 0
        assert row["r2"] == pytest.approx(0, abs=0.02)
    lost = planted.groups[planted.groups["vessel"] == "RCA"]
    assert (lost["lower"] <= 0).all()


def test_a_logit_that_does_not_vary_says_so(planted):
    for table in planted:
        row = table[table["vessel"] == "LM"]
        assert set(row["note"]) == {"the logit does not vary"}
    assert list(dict.fromkeys(planted.r2["vessel"])) == list(VESSELS)


def test_missing_is_a_predictor_of_its_own(planted):
    row = of(planted.coefficients, "LCX", measurement="missingindicator_pr_ms")
    assert (row["label"], row["group"], row["missing"]) == ("PR missing", "PR", 0)
    # sqrt(0.3 x 0.7) over the standard deviation of the logit.
    assert row["coefficient"] == pytest.approx(0.458 / np.sqrt(0.25 + 0.21 + 0.01), abs=0.03)
    assert of(planted.coefficients, "LCX", measurement="pr_ms")["missing"] == pytest.approx(0.3, abs=0.04)
    assert of(planted.r2, "LCX", predictors=BOTH)["r2"] > 0.95


def test_the_figure_has_a_row_per_vessel(planted):
    titles = [axes.get_title(loc="left") for axes in draw_logit_explanation(planted).axes]
    assert [title.split(":")[0] for title in titles[::2]] == list(VESSELS)
    assert titles[2] == "LM: no estimate"
    assert titles[4].startswith("LAD: R² = 0.5")


def test_nested_predictions_are_scikit_learns():
    """The same splits and penalties through GridSearchCV over a whole pipeline."""
    rng = np.random.default_rng(3)
    values = rng.normal(0, 1, (200, 12)) @ rng.normal(0, 1, (12, 12))
    values[rng.random(values.shape) < 0.1] = np.nan
    names = ["age", "male", *(f"st_mv_{i}" for i in range(6)), *(f"t_mv_{i}" for i in range(4))]
    y = np.nan_to_num(values) @ rng.normal(0, 1, 12) + rng.normal(0, 4, 200)
    patients = np.arange(200) % 100
    found = nested_predictions(Design(values, names), y[:, None], patients, seed=7)
    expected = np.full(200, np.nan)
    for fold, (train, test) in enumerate(GroupKFold(5, shuffle=True, random_state=7).split(values, groups=patients)):
        prepare = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
        ready, centred = prepare.fit_transform(values[train]), y[train] - y[train].mean()
        largest = np.abs(ready.T @ centred).max() / (len(train) * 0.5)
        search = GridSearchCV(
            make_pipeline(prepare, ElasticNet(l1_ratio=0.5, max_iter=5000)),
            {"elasticnet__alpha": largest * np.geomspace(1, 1e-3, 30)},
            scoring="neg_mean_squared_error",
            cv=GroupKFold(5, shuffle=True, random_state=8 + fold),
        )
        expected[test] = search.fit(values[train], y[train], groups=patients[train]).predict(values[test])
    assert found[BOTH][:, 0] == pytest.approx(expected, abs=0.01 * y.std())
    assert r2_score(y, expected) > 0.3


def test_patients_never_straddle_a_split():
    """What only recognises a patient explains nothing, though it would if ECGs were split."""
    rng = np.random.default_rng(4)
    patients = np.repeat(np.arange(100), 4)
    values = rng.normal(0, 1, (100, 80))[patients] + rng.normal(0, 0.05, (400, 80))
    y = rng.normal(0, 1, 100)[patients]
    found = nested_predictions(
        Design(values, ["age", *(f"st_mv_{i}" for i in range(79))]), y[:, None], patients, seed=0
    )
    assert r2_score(y, found[MEASUREMENTS][:, 0]) < 0.02
    leaking = cross_val_predict(ElasticNet(0.01, l1_ratio=0.5), values, y, cv=KFold(5, shuffle=True, random_state=0))
    assert r2_score(y, leaking) > 0.5


def test_r2_and_its_draws_are_scikit_learns():
    rng = np.random.default_rng(2)
    y, guess = rng.normal(0, 1, (2, 60, 1))
    guess = 0.5 * y + 0.5 * guess
    patients = np.arange(60) % 40
    assert logits.r2_replicates(y, guess, patients)[0, 0] == pytest.approx(r2_score(y, guess))
    bootstrap = Bootstrap(40, 3, 0.95, 1)
    drawn = next(bootstrap.draws())
    expected = [r2_score(y, guess, sample_weight=counts[patients]) for counts in drawn]
    assert logits.r2_replicates(y, guess, patients, bootstrap)[:, 0] == pytest.approx(expected)


def test_a_measurement_that_nobody_has_is_no_error():
    cohort, measured = site(150, 150)
    measured["pr_ms"] = np.nan
    logit = measured["qrs_ms"].to_numpy()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = explain_logits(
            cohort,
            predicted(cohort, dict.fromkeys(VESSELS, logit)),
            measured,
            Evaluation(bootstrap_replicates=100),
            refits=5,
        )
    assert (found.r2.loc[found.r2["predictors"] == BOTH, "r2"] > 0.9).all()
    assert of(found.coefficients, "LAD", measurement="pr_ms")["coefficient"] == 0


def test_few_patients_give_a_note_and_no_number():
    cohort, measured = site(60, 49)
    logit = np.random.default_rng(0).normal(0, 1, 60)
    found = explain_logits(cohort, predicted(cohort, dict.fromkeys(VESSELS, logit)), measured, Evaluation())
    assert set(found.r2["note"]) == {"too few patients (49)"}
    assert found.r2["r2"].isna().all()
    assert len(found.groups) == len(found.coefficients) == 4
    assert draw_logit_explanation(found).axes


def test_a_design_has_axes_as_sine_and_cosine_and_no_count_of_beats():
    cohort, measured = site(3, 3)
    measured["axis_deg"] = [180.0, -180.0, 90.0]
    design = design_of(cohort, measured.iloc[::-1])
    sine, cosine = (design.matrix[:, design.names.index(f"axis_deg_{part}")] for part in ("sin", "cos"))
    assert sine == pytest.approx([0, 0, 1])
    assert cosine == pytest.approx([-1, -1, 0])
    assert "beats" not in design.names
    assert "axis_deg" not in design.names
    with pytest.raises(StudyError, match="1 ECG"):
        design_of(cohort, measured.iloc[1:])


def test_every_measurement_has_a_group_and_a_name_for_readers():
    cohort, measured = site(3, 3)
    names = design_of(cohort, measured).names
    assert "other" not in {group_of(name) for name in names}
    assert not [name for name in names if "_" in label_of(name)]
    assert group_of("new_ms") == "other"
    assert label_of("new_ms") == "new ms"
