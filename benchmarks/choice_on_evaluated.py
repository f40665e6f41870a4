"""What the negative control shows of an epoch that was chosen on the evaluated patients: little.

    OMP_NUM_THREADS=1 python benchmarks/choice_on_evaluated.py [repetitions]

A control of the size of the default study's: 600 patients with one ECG each, two folds, four vessels with a stenosis in
30 %. Each fold has so many candidates, whose scores are independent of the findings and of each other (those of epochs
are not, so that a choice among as many epochs gains less), and keeps the one with the largest mean AUC among its own
evaluated patients. Printed: the mean AUC, and how often the interval of the mean AUC lies above 0.5.
"""

import sys

import numpy as np
from sklearn.metrics import roc_auc_score

from ecg_ccta.statistics.clustered_auc import auc_interval, mean_auc
from ecg_ccta.statistics.cross_validated_auc import cross_validated_auc

PATIENTS, VESSELS, FOLDS, PREVALENCE, LEVEL = 600, 4, 2, 0.3, 0.95
CANDIDATES = (1, 2, 7, 20)
"""One: nothing is chosen. Seven: the start and the default study's six epochs."""


def control(candidates: int, rng: np.random.Generator) -> tuple[float, bool]:
    """Mean AUC of one control, and whether its interval lies above 0.5."""
    outcome = rng.random((PATIENTS, VESSELS)) < PREVALENCE
    fold = np.arange(PATIENTS) % FOLDS
    score = np.empty((PATIENTS, VESSELS))
    for part in range(FOLDS):
        own = fold == part
        tried = rng.normal(size=(candidates, own.sum(), VESSELS))
        aucs = [roc_auc_score(outcome[own], scores, average="macro") for scores in tried]
        score[own] = tried[int(np.argmax(aucs))]
    codes = np.arange(PATIENTS)
    found = mean_auc(
        [cross_validated_auc(outcome[:, v].astype(int), score[:, v], fold, codes, PATIENTS) for v in range(VESSELS)]
    )
    return found.estimate, auc_interval(found, LEVEL)[0] > 0.5


def main(repetitions: int) -> None:
    rng = np.random.default_rng(7)
    print("candidates  mean AUC  interval above 0.5 (standard error), per cent")
    for candidates in CANDIDATES:
        made = [control(candidates, rng) for _ in range(repetitions)]
        above = np.mean([shown for _, shown in made])
        error = (above * (1 - above) / repetitions) ** 0.5
        print(f"{candidates:10d}  {np.mean([auc for auc, _ in made]):8.3f}  {100 * above:5.1f} ({100 * error:.1f})")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
