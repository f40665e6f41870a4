"""How often the probe of the origin finds one where there is none, and whether it finds a planted one.

Patients have 1 to 3 ECGs, the origin belongs to the patient, and stenosis is read in the features with an AUC of about
0.75. The probe, its folds and its interval are those of `evaluation.probe_origin`. Four cases: the origin is drawn
without regard to anything; it is drawn by stenosis (odds ratio 3), which features tell, without a signature; and both
with a signature, a shift of one feature. Prints the mean AUC and how often the 95 % interval lies above or below 0.5,
each with its Monte Carlo standard error.

    python benchmarks/origin_probe.py [--repetitions 500] [--patients 600] [--features 96]
"""

import argparse

import numpy as np
import pandas as pd
from scipy.special import expit

from ecg_ccta.config import Evaluation
from ecg_ccta.evaluation.probe_origin import ALL_PAIRS, FEATURES, SAME_FINDINGS, probe_origin
from ecg_ccta.vessels import VESSELS

FOLDS = 5


def simulated(patients: int, width: int, odds_ratio: float, shift: float, rng: np.random.Generator) -> tuple:
    """Cohort, folds and each fold's features, in which only the first tells stenosis and the second the origin."""
    stenosis = rng.random(patients) < 0.3
    origin = rng.random(patients) < expit(np.log(odds_ratio) * (stenosis - 0.3))
    owner = np.repeat(np.arange(patients), rng.choice([1, 1, 1, 2, 3], patients))
    own = rng.normal(size=(patients, width))
    own[:, 0] += 0.95 * stenosis
    own[:, 1] += shift * origin
    shared = own[owner] + 0.5 * rng.normal(size=(len(owner), width))
    # Each fold's network reads the same ECGs by weights of its own.
    features = [shared @ np.linalg.qr(rng.normal(size=(width, width)))[0] for _ in range(FOLDS)]
    cohort = pd.DataFrame(
        {"patient_id": owner.astype(str), "device": np.where(origin[owner], "B", "A"), "age": 60.0, "sex": "male",
         **{f"target_{vessel}": stenosis[owner].astype(int) for vessel in VESSELS}}
    )  # fmt: skip
    cohort["age"] = rng.normal(60, 10, patients)[owner]
    return cohort, (rng.permutation(patients) % FOLDS)[owner], features


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repetitions", type=int, default=500)
    parser.add_argument("--patients", type=int, default=600)
    parser.add_argument("--features", type=int, default=96)
    asked = parser.parse_args()
    cases = {
        "unrelated, no signature": (1.0, 0.0),
        "by stenosis, no signature": (3.0, 0.0),
        "unrelated, signature": (1.0, 0.8),
        "by stenosis, signature": (3.0, 0.8),
    }
    print(f"{asked.repetitions} repetitions of {asked.patients} patients, {asked.features} features")
    for name, (odds_ratio, shift) in cases.items():
        found = []
        for repetition in range(asked.repetitions):
            cohort, fold, features = simulated(
                asked.patients, asked.features, odds_ratio, shift, np.random.default_rng([1, repetition])
            )
            found.append(probe_origin(cohort, fold, features, "device", Evaluation(), 1).assign(repetition=repetition))
        rows = pd.concat(found)
        for pairs in (ALL_PAIRS, SAME_FINDINGS):
            here = rows[(rows["predictor"] == FEATURES) & (rows["pairs"] == pairs)]
            below, above = (here["upper"] < 0.5).mean(), (here["lower"] > 0.5).mean()
            errors = [np.sqrt(p * (1 - p) / len(here)) for p in (below, above)]
            print(
                f"{name:27s} pairs: {pairs:13s} AUC {here['estimate'].mean():.3f}  below 0.5: {100 * below:.1f} "
                f"({100 * errors[0]:.1f}) %, above: {100 * above:.1f} ({100 * errors[1]:.1f}) %"
            )


if __name__ == "__main__":
    main()
