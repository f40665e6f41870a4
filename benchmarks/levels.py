"""Does every test and interval of the report hold its level? Type I error, or how often a 95 % interval misses.

    OMP_NUM_THREADS=1 python benchmarks/levels.py                       # 500 repetitions, 25 minutes
    OMP_NUM_THREADS=1 python benchmarks/levels.py --only follow_up      # one block of it
    OMP_NUM_THREADS=1 python benchmarks/levels.py --markdown levels.md  # also as docs/statistics.md has it

Each block simulates data whose truth is known and gives them to the functions that make the report's tables. A new
measure in one of these tables stops the block: its truth must be added. Patients have 1.3 ECGs on average, which share
outcome and nine tenths of the variance. Bootstrap intervals take 200 draws here, 1,000 in a study.

Verdict: "holds" from 3.5 to 6.5 %, "holds within error" where two Monte Carlo standard errors reach that range;
otherwise "too often" or "conservative"; none with fewer than 400 repetitions. Where a repetition makes several
intervals of a kind (thresholds, groups, subgroups, regions), their proportion is averaged, and its error is that
between repetitions.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import levels_explained
import levels_fixed
import levels_follow_up
import levels_trained
import numpy as np
from rich.console import Console
from rich.table import Table

LOWEST, HIGHEST = 0.035, 0.065
ENOUGH = 400
"""Repetitions without which there is no verdict. A repetition in which a test cannot be made does not count."""


class Level(NamedTuple):
    """How often a test rejects what is true, or an interval misses."""

    name: str
    scenario: str
    repetitions: int
    share: float
    error: float

    @property
    def verdict(self) -> str:
        if self.repetitions < ENOUGH:
            return "too few repetitions"
        if LOWEST <= self.share <= HIGHEST:
            return "holds"
        if LOWEST - 2 * self.error <= self.share <= HIGHEST + 2 * self.error:
            return "holds within error"
        return "too often" if self.share > HIGHEST else "conservative"


Block = Callable[[np.random.Generator], dict[tuple[str, str], float | tuple[float, float, float]]]
"""Makes a repetition: (test or interval, scenario) -> rejected or missed; or an interval with its own truth, whose mean
over repetitions it should hold."""

BLOCKS: dict[str, tuple[Block, ...]] = {
    "external": (levels_fixed.external_site,),
    "groups": (levels_fixed.groups,),
    "others": (levels_fixed.miscalibrated, levels_fixed.grades),
    "follow_up": levels_follow_up.BLOCKS,
    "waveforms": (levels_explained.beats, levels_explained.measurements),
    "attribution": (levels_explained.attribution,),
    "out_of_fold": levels_trained.OUT_OF_FOLD,
    "reclassified": levels_trained.RECLASSIFIED,
    "learning_curve": levels_trained.LEARNING_CURVE,
    "planted": levels_follow_up.PLANTED,
    "logits": (levels_explained.logits,),
}
"""Blocks by the name that `--only` takes."""


RESULTS = {
    "external": "discrimination roc calibration calibration_curve calibration_summary recalibrated_summary "
    "recalibrated_curve thresholds strata decision_curves normal_ecg normal_ecg_roc normal_ecg_calibration "
    "normal_ecg_calibration_curve normal_ecg_calibration_summary normal_ecg_thresholds normal_ecg_strata",
    "groups": "subgroups normal_ecg_comparison",
    "others": "grades",
    "follow_up": "cumulative_events event_rates cumulative_events_curves cumulative_events_comparison "
    "time_dependent_auc oracle_separation",
    "waveforms": "waveforms waveform_clusters waveform_curves measurements_comparison",
    "attribution": "attribution attribution_map faithfulness randomisation planted_attribution",
    "out_of_fold": "site_comparison ladder initialisations recovery",
    "reclassified": "added_value reclassification",
    "learning_curve": "learning_curve learning_curve_recovered patients_needed",
    "planted": "planted_hazards",
    "logits": "logit_r2 logit_groups logit_coefficients",
}
"""Block -> the result tables whose tests and intervals it is of."""

ELSEWHERE = {
    "benchmarks/group_intervals.py": "sensitivity sensitivity_centres fairness fairness_differences",
    "benchmarks/uncertainty.py": "prediction_sets instability instability_truth",
    "benchmarks/origin_probe.py": "origin_probe shortcut",
}
"""Benchmark -> the tables of optional analyses that it looks at; its figures are in the sections on these."""

SAME_FUNCTIONS = {
    "any_vessel_thresholds": "thresholds",
    "any_vessel_strata": "strata",
    "any_vessel_calibration": "calibration_summary",
    "any_vessel_decisions": "decision_curves",
    "robustness": "ladder",
    "robustness_quality": "thresholds",
    "robustness_recovery": "recovery",
}
"""Tables whose intervals are by the functions of another, on one ECG per patient or on perturbed ECGs."""

WITHOUT = {
    "probabilities": "quantiles, without intervals",
    "instability_bands": "quantiles over re-developments, no intervals of an estimate",
    "sample_size": "widths that are planned for, not measured",
    "recalibration": "coefficients of the update, without intervals",
}
"""Result tables with columns for intervals that have none to be held to a level, and why."""


def levels_of(block: Block, repetitions: int, seed: int) -> Iterator[Level]:
    """Repeat a block, and say how often each of its tests rejects or intervals miss."""
    found: dict[tuple[str, str], list] = {}
    for number in range(repetitions):
        for key, value in block(np.random.default_rng([seed, number])).items():
            found.setdefault(key, []).append(value)
    for (name, scenario), values in found.items():
        table = np.array(values, dtype=float)
        if table.ndim == 2:
            lower, upper, truth = table.T
            table = ((truth.mean() < lower) | (truth.mean() > upper)).astype(float)
        known = table[np.isfinite(table)]
        yield Level(name, scenario, known.size, float(known.mean()), float(known.std() / known.size**0.5))


def markdown(levels: list[Level]) -> str:
    """Write the table of docs/statistics.md."""
    lines = ["| test or interval | data | repetitions | rejects or misses | |", "|---|---|---|---|---|"]
    for row in levels:
        share = f"{row.share:.1%} ± {row.error:.1%}".replace("%", " %")
        lines.append(f"| {row.name} | {row.scenario} | {row.repetitions} | {share} | {row.verdict} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=500)
    parser.add_argument("--only", choices=list(BLOCKS), nargs="+", default=list(BLOCKS))
    parser.add_argument("--markdown", type=Path, help="file to write the table to, too")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    start = time.perf_counter()
    levels = [
        level
        for name in options.only
        for block in BLOCKS[name]
        for level in levels_of(block, options.repetitions, options.seed)
    ]
    table = Table("test or interval", "data", "repeated", "rejects or misses", "", title="Nominal 5 %")
    for row in levels:
        table.add_row(row.name, row.scenario, str(row.repetitions), f"{row.share:.1%} ± {row.error:.1%}", row.verdict)
    Console(width=160).print(table)
    print(f"± one Monte Carlo standard error; {time.perf_counter() - start:.0f} s")
    if options.markdown:
        options.markdown.write_text(markdown(levels), encoding="utf-8")


if __name__ == "__main__":
    main()
