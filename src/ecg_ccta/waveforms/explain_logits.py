"""Does the network rely on something clinical: its logits regressed on what a reader would measure.

Elastic net (Zou and Hastie, J R Stat Soc B 67:301, 2005; scikit-learn's coordinate descent) of each vessel's logit on
the measurements of the ECG, age and sex. The variance explained is that of predictions for patients who took part
neither in the fit nor in the choice of its penalty (nested cross-validation: Varma and Simon, BMC Bioinformatics 7:91,
2006).
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.linear_model import enet_path
from sklearn.model_selection import GroupKFold

from ecg_ccta.config import Evaluation
from ecg_ccta.evaluation.scored import scored_ecgs
from ecg_ccta.statistics.bootstrap import Bootstrap, patient_codes, percentile_interval
from ecg_ccta.vessels import VESSELS
from ecg_ccta.waveforms.logit_design import DEMOGRAPHY, Design, design_of, group_of, label_of, preparation

L1_RATIO = 0.5
"""Half lasso, half ridge: leads that say nearly the same share a coefficient instead of one of them taking it all."""
PENALTY_STEPS = 30
SMALLEST_PENALTY = 1e-3
"""Relative to the penalty at which no coefficient is left."""
NESTED_FOLDS = 5
"""Of the outer and of the inner cross-validation."""
LEAST_PATIENTS = 50
"""Fewer say so: a fifth of a fifth would be too few to judge a penalty by."""
REFITS = 200
"""Bootstrap fits behind the interval and the stability of a coefficient (Meinshausen and Bühlmann, J R Stat Soc B
72:417, 2010)."""

BOTH, MEASUREMENTS = "measurements, age and sex", "measurements"
BLOCKS = (DEMOGRAPHY, MEASUREMENTS, BOTH)

R2_COLUMNS = ["vessel", "predictors", "r2", "lower", "upper", "level", "ecgs", "patients", "note"]
GROUP_COLUMNS = ["vessel", "group", "measurements", "r2_lost", "lower", "upper", "level", "note"]
COEFFICIENT_COLUMNS = [
    "vessel", "measurement", "group", "label", "coefficient", "lower", "upper", "level", "selected", "missing", "note",
]  # fmt: skip


class LogitExplanation(NamedTuple):
    """The tables of `explain_logits`."""

    r2: pd.DataFrame
    """R2_COLUMNS, a row per vessel and set of predictors (BLOCKS)."""
    groups: pd.DataFrame
    """GROUP_COLUMNS, a row per vessel and group of columns: by how much R2 falls without it."""
    coefficients: pd.DataFrame
    """COEFFICIENT_COLUMNS, a row per vessel and column: standard deviations of the logit per standard deviation of the
    measurement, and the proportion of bootstrap fits that selected it."""


def explain_logits(
    cohort: pd.DataFrame,
    predictions: pd.DataFrame,
    measurements: pd.DataFrame,
    evaluation: Evaluation,
    refits: int = REFITS,
    seed: int = 0,
) -> LogitExplanation:
    """How much of each vessel's logit the measurements explain, and which of them.

    Parameters
    ----------
    cohort, predictions, measurements : `tables.COHORT`, `tables.PREDICTIONS`, `tables.MEASUREMENTS` of the same ECGs
    evaluation : level of the intervals, and draws of patients, with all their ECGs, behind those of R2, of the
        predictions made once
    refits : draws behind the intervals of the coefficients, each refitted at the penalty of all patients

    Returns
    -------
    LogitExplanation; a vessel whose logit does not vary, and all vessels where there are fewer than LEAST_PATIENTS
    patients, have a note and no numbers.

    Raises
    ------
    StudyError
        Where the tables are not of the same ECGs.
    """
    design = design_of(cohort, measurements)
    wide = scored_ecgs(cohort, predictions).pivot_table(index="ecg_id", columns="vessel", values="logit")
    logits = wide.loc[cohort["ecg_id"], list(VESSELS)].to_numpy(dtype=float)
    codes, patients = patient_codes(cohort["patient_id"])
    level = evaluation.level
    bootstrap = Bootstrap(patients, evaluation.bootstrap_replicates, level, seed)
    counts = {"ecgs": len(cohort), "patients": patients, "level": level}
    varies = logits.std(axis=0) > 1e-9
    if patients < LEAST_PATIENTS:
        return _without_numbers(VESSELS, f"too few patients ({patients})", counts)
    known = [vessel for vessel, does in zip(VESSELS, varies, strict=True) if does]
    still = _without_numbers([v for v in VESSELS if v not in known], "the logit does not vary", counts)
    if not known:
        return still
    target = logits[:, varies]
    predicted = nested_predictions(design, target, codes, seed)
    bootstrapped = {name: r2_replicates(target, found, codes, bootstrap) for name, found in predicted.items()}
    r2 = {name: r2_replicates(target, found, codes)[0] for name, found in predicted.items()}
    coefficients = _coefficient_table(design, target, codes, known, replace(bootstrap, replicates=refits))
    rows, losses = [], []
    for v, vessel in enumerate(known):
        for block in BLOCKS:
            lower, upper, _ = percentile_interval(bootstrapped[block][:, v], level)
            rows.append({"vessel": vessel, "predictors": block, "r2": r2[block][v], "lower": lower, "upper": upper})
        for group in groups_of(design.names):
            lost = bootstrapped[BOTH][:, v] - bootstrapped[_without(group)][:, v]
            lower, upper, _ = percentile_interval(lost, level)
            value = r2[BOTH][v] - r2[_without(group)][v]
            number = sum(group_of(name) == group for name in design.names)
            losses.append({"vessel": vessel, "group": group, "measurements": number, "r2_lost": value,
                           "lower": lower, "upper": upper})  # fmt: skip
    return LogitExplanation(
        _ordered([pd.DataFrame(rows).assign(**counts, note=""), still.r2], R2_COLUMNS),
        _ordered([pd.DataFrame(losses).assign(level=level, note=""), still.groups], GROUP_COLUMNS),
        _ordered([coefficients.assign(level=level, note=""), still.coefficients], COEFFICIENT_COLUMNS),
    )


def nested_predictions(design: Design, target: np.ndarray, patients: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Each ECG's logits predicted by fits that have seen none of its patient's ECGs.

    Parameters
    ----------
    design : (n, columns)
    target : (n, outputs)
    patients : (n,) integers; a patient's ECGs are always on one side of a split, of the outer and of the inner

    Returns
    -------
    (n, outputs) for each of BLOCKS, and for `BOTH` without each group of columns at the penalty chosen with it
    """
    names = [*BLOCKS, *(_without(group) for group in groups_of(design.names))]
    predicted = {name: np.full(target.shape, np.nan) for name in names}
    for fold, (train, test) in enumerate(_grouped(patients, seed)):
        prepare, columns = preparation(design, train)
        fitting, scoring = prepare.transform(design.at(train)), prepare.transform(design.at(test))
        inner = _prepared(design, patients, seed + 1 + fold, train)
        for output in range(target.shape[1]):
            y = target[:, output]
            penalties = {
                name: _penalty(inner, y, fitting[:, _belong(columns, name)], y[train], name) for name in BLOCKS
            }
            for name in names:
                use = _belong(columns, name)
                coefficients = fit(fitting[:, use], y[train], penalties.get(name, penalties[BOTH]))
                predicted[name][test, output] = y[train].mean() + scoring[:, use] @ coefficients
    return predicted


def fit(columns: np.ndarray, y: np.ndarray, penalties: float | np.ndarray) -> np.ndarray:
    """Elastic net's coefficients, (columns,) or (columns, penalties), of centred (n, columns) on (n,) `y`."""
    path = np.atleast_1d(penalties)
    found = enet_path(columns, y - y.mean(), l1_ratio=L1_RATIO, alphas=path, precompute=True, max_iter=5000)[1]
    return found if np.ndim(penalties) else found[:, 0]


def r2_replicates(
    y_true: np.ndarray, y_predicted: np.ndarray, patients: np.ndarray, bootstrap: Bootstrap | None = None
) -> np.ndarray:
    """R2 of (n, outputs) predictions in draws of the patients, (replicates, outputs); without a bootstrap, of all."""
    size = patients.max() + 1
    sums = [
        np.stack([np.bincount(patients, column, size) for column in values.T], axis=1)
        for values in ((y_true - y_predicted) ** 2, y_true, y_true**2)
    ]
    ecgs = np.bincount(patients, minlength=size)
    draws = bootstrap.draws() if bootstrap else [np.ones((1, size))]
    parts = []
    for drawn in draws:
        error, total, squares = (drawn @ one for one in sums)
        parts.append(1 - error / (squares - total**2 / (drawn @ ecgs)[:, None]))
    return np.concatenate(parts)


def groups_of(names: list[str]) -> list[str]:
    """Groups of the columns, each once, in the columns' order."""
    return list(dict.fromkeys(map(group_of, names)))


def _coefficient_table(
    design: Design, target: np.ndarray, patients: np.ndarray, vessels: list[str], refits: Bootstrap
) -> pd.DataFrame:
    everyone = np.arange(len(target))
    prepare, columns = preparation(design, everyone)
    values = prepare.transform(design.matrix)
    y = target / target.std(axis=0)
    inner = _prepared(design, patients, refits.seed, everyone)
    penalties = [_penalty(inner, one, values, one, BOTH) for one in y.T]
    found = np.stack([fit(values, one, penalty) for one, penalty in zip(y.T, penalties, strict=True)])
    again = []
    for drawn in refits.draws():
        for counts in drawn:
            rows = np.repeat(everyone, counts[patients])
            sample = values[rows] - values[rows].mean(axis=0)
            again.append([fit(sample, one[rows], penalty) for one, penalty in zip(y.T, penalties, strict=True)])
    replicated = np.array(again)
    lower, upper = np.quantile(replicated, [(1 - refits.level) / 2, (1 + refits.level) / 2], axis=0)
    missing = dict(zip(design.names, np.isnan(design.matrix).mean(axis=0), strict=True))
    return pd.DataFrame(
        {"vessel": vessel, "measurement": name, "group": group_of(name), "label": label_of(name),
         "coefficient": found[v, column], "lower": lower[v, column], "upper": upper[v, column],
         "selected": (replicated[:, v, column] != 0).mean(), "missing": missing.get(name, 0.0)}
        for v, vessel in enumerate(vessels) for column, name in enumerate(columns)
    )  # fmt: skip


class _Inner(NamedTuple):
    """One inner split, prepared on its fitting rows alone."""

    train: np.ndarray
    test: np.ndarray
    fitting: np.ndarray
    scoring: np.ndarray
    columns: list[str]


def _prepared(design: Design, patients: np.ndarray, seed: int, rows: np.ndarray) -> list[_Inner]:
    splits = []
    for inside, outside in _grouped(patients[rows], seed):
        train, test = rows[inside], rows[outside]
        prepare, columns = preparation(design, train)
        fitting, scoring = (prepare.transform(design.at(part)) for part in (train, test))
        splits.append(_Inner(train, test, fitting, scoring, columns))
    return splits


def _penalty(inner: list[_Inner], y: np.ndarray, fitting: np.ndarray, y_fitting: np.ndarray, block: str) -> float:
    """The penalty with the smallest squared error in the inner splits, among those that suit the fitting rows."""
    largest = np.abs(fitting.T @ (y_fitting - y_fitting.mean())).max() / (len(y_fitting) * L1_RATIO)
    # Where nothing is associated with the logit, any penalty leaves no coefficient.
    penalties = max(largest, np.finfo(float).tiny) * np.geomspace(1, SMALLEST_PENALTY, PENALTY_STEPS)
    errors = np.zeros(PENALTY_STEPS)
    for split in inner:
        use = _belong(split.columns, block)
        coefficients = fit(split.fitting[:, use], y[split.train], penalties)
        predicted = y[split.train].mean() + split.scoring[:, use] @ coefficients
        errors += ((y[split.test, None] - predicted) ** 2).sum(axis=0)
    return float(penalties[errors.argmin()])


def _grouped(patients: np.ndarray, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    return GroupKFold(NESTED_FOLDS, shuffle=True, random_state=seed).split(patients, groups=patients)


def _without(group: str) -> str:
    return f"without {group}"


def _belong(columns: list[str], name: str) -> np.ndarray:
    """Which columns a set of predictors has."""
    if name == BOTH:
        return np.ones(len(columns), dtype=bool)
    demographic = np.array([group_of(column) == DEMOGRAPHY for column in columns])
    if name in BLOCKS:
        return demographic if name == DEMOGRAPHY else ~demographic
    return np.array([_without(group_of(column)) != name for column in columns])


def _without_numbers(vessels: Sequence[str], note: str, counts: dict) -> LogitExplanation:
    rows = [{"vessel": vessel, "note": note} for vessel in vessels]
    level = {"level": counts["level"]}
    return LogitExplanation(
        _ordered(
            [pd.DataFrame([row | counts | {"predictors": block} for row in rows for block in BLOCKS])], R2_COLUMNS
        ),
        _ordered([pd.DataFrame([row | level for row in rows])], GROUP_COLUMNS),
        _ordered([pd.DataFrame([row | level for row in rows])], COEFFICIENT_COLUMNS),
    )


def _ordered(parts: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    """The parts below one another, vessels in the project's order."""
    table = pd.concat([part for part in parts if len(part)] or [pd.DataFrame(columns=columns)], ignore_index=True)
    order = table["vessel"].map({vessel: place for place, vessel in enumerate(VESSELS)})
    return table.reindex(columns=columns).loc[order.sort_values(kind="stable").index].reset_index(drop=True)
