"""Size of the log-rank test and mean hazard ratio of patients with several CCTAs, where the ECG says nothing of events.

    OMP_NUM_THREADS=1 python benchmarks/immortal_time.py [--repetitions 1000]

A quarter of 2,000 patients would have a second CCTA 200 to 700 days after the first, and have it if they are without an
event and under observation by then. Its ECG has a higher score, by 0.6 standard deviations. A tenth of the ECGs are
unusable. High risk is the upper half of the first ECGs' scores. Three ways to follow the patients: those with an ECG of
their first CCTA, as if there were no second; from the first CCTA by the included ECG nearest to any CCTA, which may be
recorded long after follow-up began; and as the library does, from the first CCTA that has an included ECG, by this ECG.
"""

import argparse
import time

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from ecg_ccta.cohort.follow_up import follow_up_from_index
from ecg_ccta.config import FollowUp
from ecg_ccta.evaluation.patients import nearest_to_ccta
from ecg_ccta.prognosis.patients import follow
from ecg_ccta.sources.second_ccta import DAYS_LATER, PROGRESSION
from ecg_ccta.statistics.survival import hazard_ratio, trend_test

PATIENTS, WOULD_HAVE_A_SECOND, UNUSABLE = 2000, 0.25, 0.1
EVENTS_PER_YEAR = 0.06
SETTINGS = FollowUp()
FIRST_DAY = pd.Timestamp("2021-01-01")
IDS = np.array([f"{number:020x}" for number in range(PATIENTS)])
NONE, ANY, INDEX = "no second CCTA", "from the first CCTA, nearest ECG", "from the index CCTA, its ECG"


def hospital(rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Draw ECGs with their scores, and when the patients were last known, which has nothing to do with the scores."""
    score = rng.normal(size=PATIENTS)
    event = np.ceil(rng.exponential(365.25 / EVENTS_PER_YEAR, PATIENTS)).astype(int)
    end = rng.integers(365, 3 * 365, PATIENTS)
    last = np.minimum(event, end)
    last_known = pd.DataFrame(
        {
            "patient_id": IDS,
            "last_date": FIRST_DAY + pd.to_timedelta(last, unit="D"),
            "event": pd.array(np.where(event <= end, "event", "censored"), dtype="string"),
        }
    )
    later = rng.integers(*DAYS_LATER, PATIENTS, endpoint=True)
    has = (rng.random(PATIENTS) < WOULD_HAVE_A_SECOND) & (later < last)
    first = pd.DataFrame({"patient_id": IDS, "score": score, "at": 0})
    second = first[has].assign(score=score[has] + PROGRESSION, at=later[has])
    ecgs = pd.concat([first, second], ignore_index=True)
    distance = rng.integers(0, 31, len(ecgs))
    date = FIRST_DAY + pd.to_timedelta(ecgs["at"], unit="D")
    return ecgs.assign(
        ecg_id=np.arange(len(ecgs)),
        days_to_ccta=distance.astype(float),
        ccta_date=date,
        recorded_at=date - pd.to_timedelta(distance, unit="D"),
        included=rng.random(len(ecgs)) >= UNUSABLE,
    ), last_known


def analysed(nearest: pd.DataFrame, follow_up: pd.DataFrame) -> tuple[bool, float]:
    """Follow the patients by their risk groups; give the log-rank test's verdict and the log of the hazard ratio."""
    patients, _ = follow(nearest.assign(high=(nearest["score"] > 0).astype(float)), follow_up, SETTINGS)
    days, is_event = patients["time"].to_numpy(), patients["is_event"].to_numpy()
    ratio = hazard_ratio(days, is_event, patients[["high"]], 0.95)["estimate"]
    return trend_test(days, is_event, patients["high"].to_numpy())[1] < 0.05, float(np.log(ratio))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    start = time.perf_counter()
    found: dict[str, list] = {NONE: [], ANY: [], INDEX: []}
    for number in range(options.repetitions):
        ecgs, last_known = hospital(np.random.default_rng([options.seed, number]))
        included = ecgs[ecgs["included"]]
        from_first, _ = follow_up_from_index(ecgs, last_known)
        from_index, _ = follow_up_from_index(included, last_known)
        found[NONE].append(analysed(nearest_to_ccta(included[included["at"] == 0]), from_first))
        # Without dates of the CCTAs the nearest ECG of all counts.
        found[ANY].append(analysed(nearest_to_ccta(included.assign(ccta_date=pd.NaT)), from_first))
        found[INDEX].append(analysed(nearest_to_ccta(included), from_index))
    table = Table("risk group by", "log-rank p < 0.05", "hazard ratio (geometric mean)", title="Nothing to find")
    for name, rows in found.items():
        rejected, logs = (np.array(values, dtype=float) for values in zip(*rows, strict=True))
        size, error = rejected.mean(), (rejected.mean() * (1 - rejected.mean()) / len(rows)) ** 0.5
        mean, spread = logs.mean(), logs.std(ddof=1) / len(rows) ** 0.5
        table.add_row(name, f"{size:.1%} ± {error:.1%}", f"{np.exp(mean):.3f} ± {np.exp(mean) * spread:.3f}")
    Console(width=120).print(table)
    print(f"± one Monte Carlo standard error; {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
