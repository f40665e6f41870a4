"""A simulated hospital whose ECGs were generated: the same export, and an oracle that knows no age."""

import numpy as np
import pandas as pd
import pydantic
import pytest
import wfdb

from ecg_ccta.config import Simulation
from ecg_ccta.files import read_json
from ecg_ccta.sources.event_model import expected_auc, simulate_expressions, simulate_patients, solve
from ecg_ccta.sources.generated_ecgs import NO_BEAT_S, GeneratedECGs
from ecg_ccta.sources.morphology import choose_morphology
from ecg_ccta.sources.simulated_site import simulate_site
from ecg_ccta.vessels import LEADS, VESSELS

SETTINGS = {
    "broken_fraction": 0.0,
    "oracle_auc": {"RCA": 0.794, "LM": 0.818, "LAD": 0.744, "LCX": 0.755},
    "prevalence": {"RCA": 0.2, "LM": 0.05, "LAD": 0.27, "LCX": 0.18},
}
SIMULATION = Simulation(patients=60, ecgs=60, morphology="learnt", **SETTINGS)


def flat_ecgs(n):
    """ECGs without any wave, a beat per second: what stands in them is what was planted."""
    ones = np.ones(n)
    return GeneratedECGs(
        microvolts=np.zeros((n, 8, 5000), dtype=np.int16),
        peaks=np.tile([*np.arange(-0.5, 11), NO_BEAT_S], (n, 1)),
        t_peak=0.3 * ones,
        heart_rate=60 * ones,
        rr_irregularity=0 * ones,
        pr_ms=np.nan * ones,
        qrs_ms=90 * ones,
        qtc_ms=400 * ones,
        axis_deg=45 * ones,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("learnt")
    simulate_site(folder / "export", folder / "truth.parquet", folder / "truth.json", SIMULATION, 3, flat_ecgs(60))
    return folder


def test_the_planted_size_stands_at_its_time_in_every_beat(site):
    truth = pd.read_parquet(site / "truth.parquet").set_index("ecg_id")
    index = pd.read_csv(site / "export" / "ecg_index.csv", dtype=str).set_index("ecg_id")
    t_peak_of_lead_two = 500 * (np.arange(10) + 0.5 + 0.3)
    for ecg_id in index.index[:10]:
        record = wfdb.rdrecord(str(site / "export" / index.loc[ecg_id, "path"]).removesuffix(".hea"))
        found = record.p_signal[t_peak_of_lead_two.astype(int), LEADS.index("II")]
        assert found == pytest.approx(-0.20 * truth.loc[ecg_id, "expression_RCA"], abs=0.002)


def test_the_truth_names_the_morphology_and_its_oracle_follows_the_expression_alone(site):
    assert read_json(site / "truth.json")["morphology"] == "learnt"
    truth = pd.read_parquet(site / "truth.parquet")
    for vessel in VESSELS:
        by_expression = truth.sort_values(f"expression_{vessel}")[f"oracle_{vessel}"]
        assert by_expression.is_monotonic_increasing


def test_the_oracle_is_the_probability_given_the_expression():
    model = solve(SIMULATION)
    rng = np.random.default_rng(1)
    patients = simulate_patients(5000, rng)
    age, male = patients["age"].to_numpy(), patients["male"].to_numpy()
    for size in (-1.5, 0.0, 1.5):
        expression = np.full((len(age), len(VESSELS)), size)
        given_all = model._probability(expression, age, male)
        assert model.oracle(expression[:1], age[:1], male[:1])[0] == pytest.approx(given_all.mean(axis=0), abs=0.003)
    expression = simulate_expressions(5000, rng)
    probability = model._probability(expression, age, male)
    oracle = model.oracle(expression, age, male)
    for column, vessel in enumerate(VESSELS):
        reached = expected_auc(probability[:, column], oracle[:, column])
        assert reached == pytest.approx(getattr(SIMULATION.oracle_auc, vessel), abs=0.015)
        # Nothing that the ECG shows is lost: age and sex, which it does not show, would add to it.
        assert reached < expected_auc(probability[:, column])


def test_the_statement_follows_the_measurements(site):
    slow = flat_ecgs(1)
    slow.heart_rate[0] = 50
    morphology = choose_morphology(SIMULATION, np.ones(1), np.ones(1), slow, np.random.default_rng(1))
    _, findings = morphology.record(np.array([0]), np.zeros((1, 8, 5)), np.random.default_rng(1))
    # Bradycardia, and the low voltage of a flat line.
    assert findings.sum() == 2
    assert findings[0, 0]


def test_one_ecg_per_patient():
    with pytest.raises(pydantic.ValidationError, match="one ECG per patient"):
        Simulation(patients=60, ecgs=70, morphology="learnt", **SETTINGS)
    with pytest.raises(ValueError, match="59 generated ECGs for 60 patients"):
        choose_morphology(SIMULATION, np.ones(60), np.ones(60), flat_ecgs(59), np.random.default_rng(1))
    with pytest.raises(ValueError, match="learnt without ECGs"):
        choose_morphology(SIMULATION, np.ones(60), np.ones(60), None, np.random.default_rng(1))
