"""What training options are worth: out-of-fold macro AUC on the default study's internal site, paired over seeds.

    python benchmarks/training_options.py results/default          # after `make study`

For each seed the patients are split anew, and every option trains all folds on these splits: without gradient surgery,
with exact PCGrad (baseline), with PCGrad on the pooled features, each from binary labels; and from the five grades.
The last layer starts at random and there are enough epochs, so that the options have something to act on. Prints
the macro AUC of each option and seed, and the mean difference from the baseline with its standard error over seeds.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from joblib import Parallel, delayed
from rich.console import Console
from rich.table import Table

from ecg_ccta import tables
from ecg_ccta.config import load
from ecg_ccta.signals.store import SignalStore
from ecg_ccta.training.fine_tuning import fine_tune, targets
from ecg_ccta.training.inner_validation import macro_auc, predict_logits
from ecg_ccta.training.splits import roles, split_patients

OPTIONS = {
    "pcgrad (exact)": {"gradient_surgery": "pcgrad"},
    "pcgrad-features": {"gradient_surgery": "pcgrad-features"},
    "none": {"gradient_surgery": "none"},
    "ordinal, none": {"gradient_surgery": "none", "labels": "ordinal"},
    "ordinal, pcgrad-features": {"gradient_surgery": "pcgrad-features", "labels": "ordinal"},
}


def one_fold(results: Path, option: dict, seed: int, fold: int, epochs: int, learning_rate: float) -> tuple:
    """Rows of the fold's test ECGs and their calibrated logits."""
    study = load()
    site = study.development_site
    cohort = tables.read(tables.COHORT, results / f"cohort/{site}.parquet")
    settings = study.training.model_copy(
        update={"epochs": epochs, "patience": epochs, "learning_rate": learning_rate, "probe_start": False, **option}
    )
    store = SignalStore(results / f"signals/{site}", cohort)
    splits = split_patients(cohort, settings.folds, seed)
    foundation = results.parent / "foundation" / study.foundation.name / "checkpoint.pth"
    model = fine_tune(foundation, study.foundation.architecture, store, cohort, splits, fold, settings, seed)
    torch.set_num_threads(1)
    rows = np.flatnonzero((roles(cohort, splits, fold) == "test").to_numpy())
    return rows, predict_logits(model.network, store, rows) / model.temperature


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, help="results of the finished default study")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    study = load()
    cohort = tables.read(tables.COHORT, options.results / f"cohort/{study.development_site}.parquet")
    labels = targets(cohort)
    jobs = [
        (name, seed, fold)
        for seed in range(1, options.seeds + 1)
        for name in OPTIONS
        for fold in range(study.training.folds)
    ]
    done = Parallel(n_jobs=options.processes)(
        delayed(one_fold)(options.results, OPTIONS[name], seed, fold, options.epochs, options.learning_rate)
        for name, seed, fold in jobs
    )
    scores = {}
    for name in OPTIONS:
        for seed in range(1, options.seeds + 1):
            logits = np.full(labels.shape, np.nan)
            for (job_name, job_seed, _), (rows, part) in zip(jobs, done, strict=True):
                if (job_name, job_seed) == (name, seed):
                    logits[rows] = part
            scores[name, seed] = macro_auc(labels, logits, study.evaluation.minimum_events)
    seeds = range(1, options.seeds + 1)
    title = f"Macro AUC out of fold, {options.epochs} epochs, {len(labels)} ECGs"
    table = Table("option", *(f"seed {seed}" for seed in seeds), "mean", "- pcgrad (exact)", title=title)
    for name in OPTIONS:
        values = np.array([scores[name, seed] for seed in seeds])
        difference = values - [scores["pcgrad (exact)", seed] for seed in seeds]
        error = difference.std(ddof=1) / np.sqrt(len(difference)) if len(difference) > 1 else float("nan")
        row = [f"{value:.4f}" for value in (*values, values.mean())]
        table.add_row(name, *row, f"{difference.mean():+.4f} ± {error:.4f}")
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
