"""How much of what is planted can be read from generated beats, and how much is lost on the way from simulated ones.

    python benchmarks/learnt_morphology.py results/default [external] [learnt]

A ridge regression reads the expressions from the median beat, trained at the internal site, or at the site itself
(five folds of patients). Its R squared is a lower bound of what a reader could know of the expressions.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score
from sklearn.model_selection import GroupKFold, cross_val_predict

from ecg_ccta.cohort.pseudonyms import pseudonym, site_key
from ecg_ccta.config import Export
from ecg_ccta.files import read_json
from ecg_ccta.signals.beats import stored_median_beats
from ecg_ccta.signals.store import SignalStore
from ecg_ccta.vessels import LEADS, VESSELS

MOST_ECGS = 900
MEASURED = [LEADS.index(lead) for lead in ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")]


def read_site(folder: Path, site: str, seed: int, settings: dict) -> tuple[np.ndarray, pd.DataFrame]:
    """Median beats (n, 8 * samples) of a site's first ECGs, and their rows of cohort and truth."""
    cohort = pd.read_parquet(folder / "cohort" / f"{site}.parquet").head(MOST_ECGS)
    key = site_key(site, Export(simulation=settings), seed)
    truth = pd.read_parquet(folder / "truth" / f"{site}.parquet")
    truth["ecg_id"] = [pseudonym(key, "ecg", str(value)) for value in truth["ecg_id"]]
    rows = cohort.merge(truth.drop(columns="patient_id").drop_duplicates("ecg_id"), on="ecg_id", how="left")
    beats, _, ok = stored_median_beats(SignalStore(folder / "signals" / site, cohort), 0.1, 0.4)
    beats = beats[:, MEASURED, ::3].reshape(len(beats), -1)
    return beats[ok], rows[ok].reset_index(drop=True)


def main(folder: Path, sites: list[str]) -> None:
    config = read_json(folder / "config.json")
    seed = config["seed"]
    model = RidgeCV(np.logspace(-3, 2, 6))
    expressions = [f"expression_{vessel}" for vessel in VESSELS]

    def site_of(name: str) -> tuple[np.ndarray, pd.DataFrame]:
        return read_site(folder, name, seed, next(iter(config["sites"].values()))["simulation"])

    internal, known = site_of("internal")
    model.fit(internal, known[expressions])
    print(f"{'site':10s} {'reader from':12s} " + " ".join(f"{vessel:>18s}" for vessel in VESSELS))
    for name in sites:
        beats, rows = site_of(name)
        readings = {
            "internal": model.predict(beats),
            "itself": cross_val_predict(
                RidgeCV(np.logspace(-3, 2, 6)), beats, rows[expressions], groups=rows["patient_id"], cv=GroupKFold(5)
            ),
        }
        for source, read in readings.items():
            explained = r2_score(rows[expressions], read, multioutput="raw_values")
            correlated = [np.corrcoef(rows[one], two)[0, 1] for one, two in zip(expressions, read.T, strict=True)]
            said = [f"R2 {one:5.2f}, r {two:4.2f}" for one, two in zip(explained, correlated, strict=True)]
            print(f"{name:10s} {source:12s} " + " ".join(f"{text:>18s}" for text in said))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:] or ["external", "learnt"])
