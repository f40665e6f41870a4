"""What the ECG adds to what is known without it: a clinical model and the guidelines' pre-test probability.

The unit is the patient, by the ECG nearest to the first CCTA; the event is a stenosis of any vessel. The ECG has two
roles. As a predictor its log-odds enter logistic regressions beside a basis (age, sex, chest pain and risk factors; or
the log-odds of a guideline's pre-test probability), which are compared by AUC, NRI and IDI. As a modifier its risk
stratum moves the guideline's category one step.

No regression is evaluated on the patients it was fitted to: at the development site every fold by a fit on the others,
at other sites by a fit on the whole development site.
"""

from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from sklearn.metrics import roc_curve

from ecg_ccta.config import Evaluation
from ecg_ccta.evaluation.findings import auc_row, difference_rows
from ecg_ccta.evaluation.pretest_probability import (
    CATEGORIES,
    GUIDELINES,
    combined_category,
    guideline_probabilities,
    pretest_category,
)
from ecg_ccta.evaluation.scored import insufficient_events
from ecg_ccta.statistics.bootstrap import Bootstrap
from ecg_ccta.statistics.clustered_auc import AucInfluence, clustered_auc, compare_paired, stratified_auc
from ecg_ccta.statistics.cross_validated_auc import cross_validated_auc
from ecg_ccta.statistics.estimates import CROSS_VALIDATED, PATIENTS, WILSON, estimate_table, rows_of, with_condition
from ecg_ccta.statistics.logistic import fit_logistic, likelihood_ratio_out_of_fold, out_of_fold_logit, predict_logit
from ecg_ccta.statistics.proportions import wilson
from ecg_ccta.statistics.reclassification import (
    Improvement,
    improvement_replicates,
    integrated_discrimination,
    net_reclassification,
)
from ecg_ccta.tables import RISK_FACTORS

CLINICAL: Final = "clinical model"
BASES: Final = {CLINICAL: "clinical", **{name: column for column, name in GUIDELINES.items()}}
"""What the ECG is added to, and the first word of its predictors' columns."""

MODELS: Final = ("without ECG", "ECG", "with ECG")
CONTRASTS: Final = {
    "with ECG against without ECG": ("without ECG", "with ECG"),
    "with ECG against ECG": ("ECG", "with ECG"),
    "ECG against without ECG": ("without ECG", "ECG"),
}
"""Name of each comparison of models, and its old and new model."""
NESTED: Final = tuple(CONTRASTS)[:2]

MODIFIERS: Final = {"group": "risk groups", "stratum": "rule-out and rule-in strata"}
"""Column of the patients that moves the guideline's category, and how it is called."""

LEAST_PROBABILITY: Final = {"esc_2019": 0.005}
"""A probability of 0 % in a table counts as half of the last digit that it gives; a formula gives none."""

ALONE: Final = "guideline"
PREDICTED, OBSERVED, RATIO = "mean pre-test probability", "proportion of events", "observed over predicted"
"""Measures of the guideline by itself: whether the patients are those that it was made for."""

LIKELIHOOD_RATIO: Final = "likelihood-ratio test on the development site, whole"

_STRATA = ["basis", "comparison"]
_ALONE = "guideline, patients with"


class Models(NamedTuple):
    """Patients that all three models of a basis can score, with the scores; or why there are none."""

    patients: pd.DataFrame
    designs: dict[str, np.ndarray]
    logits: dict[str, np.ndarray]
    note: str


def compare_with_guidelines(
    patients: pd.DataFrame, development: pd.DataFrame | None, settings: Evaluation, seed: int
) -> dict[str, pd.DataFrame]:
    """The panel of one site.

    Parameters
    ----------
    patients : from `patients.patient_level`
    development : the same of the development site, or None where `patients` are that site's own
    settings : level, replicates, least events
    seed : of the bootstrap

    Returns
    -------
    guideline_patients : how many patients each basis can score, and why the others cannot be
    added_value : tidy estimates by basis and comparison (`estimates.ESTIMATE_COLUMNS`)
    reclassification : per guideline and modifier, patients and events by category before, ECG stratum, category after
    added_value_roc : corners of the ROC curves of the three models of each basis
    """
    patients = with_predictors(patients)
    development = None if development is None else with_predictors(development)
    counts, estimates, reclassified, curves = [], [], [], []
    for basis in BASES:
        counts += _counts(patients, basis)
        models = fit_models(patients, development, basis, settings)
        estimates += _model_rows(models, basis, development is None, settings, seed)
        curves += _roc(models, basis)
    for guideline in GUIDELINES.values():
        estimates += _prevalence_rows(patients, guideline, settings, seed)
        for column in MODIFIERS:
            classified = _classified(patients, guideline, column)
            estimates += _strategy_rows(classified, guideline, column, settings, seed)
            reclassified += _reclassified(classified, guideline, column, settings.level)
    found = estimate_table(estimates, _STRATA)
    return {
        "guideline_patients": pd.DataFrame(counts, columns=["basis", "reason", "patients"]),
        "added_value": with_condition(found, (development is None) & ~found["comparison"].str.startswith(_ALONE)),
        "reclassification": pd.DataFrame(
            reclassified,
            columns=["basis", "modifier", "before", "stratum", "after", "n", "events", "estimate", "lower", "upper"],
        ),
        "added_value_roc": pd.DataFrame(
            curves, columns=["basis", "model", "false_positive_rate", "sensitivity"]
        ).astype({"false_positive_rate": float, "sensitivity": float}),
    }


def headline_aucs(added_value: pd.DataFrame) -> dict[str, float]:
    """AUC of the clinical model, of the ECG and of both, where there is one; from the table `added_value`."""
    found = rows_of(added_value[added_value["basis"] == CLINICAL], "AUC")
    return dict(zip(found["comparison"], found["estimate"], strict=True))


def with_predictors(patients: pd.DataFrame) -> pd.DataFrame:
    """The patients with the columns of every design; what is unknown is missing.

    Age counts in decades from 60; chest pain is compared with none. The guidelines' probabilities are log-odds.
    """
    pain = patients["chest_pain"]
    known = pain.notna()
    probabilities = guideline_probabilities(patients)
    odds = {
        f"{column}_logit": np.log(p / (1 - p))
        for column in GUIDELINES
        for p in [probabilities[column].clip(lower=LEAST_PROBABILITY.get(column))]
    }
    return pd.concat([patients, probabilities], axis=1).assign(
        clinical_age=(patients["age"] - 60) / 10,
        clinical_male=(patients["sex"] == "male").astype(float).where(patients["sex"].notna()),
        **{
            f"clinical_{word}": (pain == word).fillna(False).astype(float).where(known)
            for word in ("nonanginal", "atypical", "typical")
        },
        **{f"clinical_{name}": patients[name].astype("Float64").astype(float) for name in RISK_FACTORS},
        **odds,
    )


def fit_models(patients: pd.DataFrame, development: pd.DataFrame | None, basis: str, settings: Evaluation) -> Models:
    """The models of a basis, evaluated on patients that none of them was fitted to.

    Parameters
    ----------
    patients, development : from `with_predictors`
    basis : of `BASES`
    """
    columns = _designs(basis)
    usable = _usable(patients, columns["with ECG"])
    training = usable if development is None else _usable(development, columns["with ECG"])
    designs = {model: usable[names].to_numpy(dtype=float) for model, names in columns.items()}
    y_true, fold = usable["y_true"].to_numpy(dtype=np.int64), usable["fold"].to_numpy()
    note = _lack(usable, settings.minimum_events)
    if not note:
        parts = [training[training["fold"] != number] for number in training["fold"].unique()]
        lacking = [
            insufficient_events(part, settings.minimum_events)
            for part in (parts if development is None else [training])
        ]
        note = next((f"{lack} to fit the models" for lack in lacking if lack), "")
    logits = {}
    if not note:
        try:
            for model, names in columns.items():
                if development is None:
                    logits[model] = out_of_fold_logit(designs[model], y_true, fold)
                else:
                    fit = fit_logistic(
                        training[names].to_numpy(dtype=float), training["y_true"].to_numpy(dtype=np.int64)
                    )
                    logits[model] = predict_logit(fit, designs[model])
        except ValueError as error:
            note = f"no model: {error}"
    return Models(usable, designs, logits, note)


def _designs(basis: str) -> dict[str, list[str]]:
    if basis == CLINICAL:
        own = ["age", "male", "nonanginal", "atypical", "typical", *RISK_FACTORS]
        without = [f"clinical_{name}" for name in own]
    else:
        without = [f"{BASES[basis]}_logit"]
    return {"without ECG": without, "ECG": ["ecg_logit"], "with ECG": [*without, "ecg_logit"]}


def _usable(patients: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    return patients.dropna(subset=["y_true", *columns])


def _lack(usable: pd.DataFrame, minimum_events: int) -> str:
    if usable.empty:
        return "no patient has all that is needed"
    return insufficient_events(usable, minimum_events)


def _counts(patients: pd.DataFrame, basis: str) -> list[dict[str, Any]]:
    unknown = patients["y_true"].isna()
    if basis == CLINICAL:
        lacking = patients[_designs(basis)["without ECG"]].isna().any(axis=1)
        reason = pd.Series(np.where(lacking, "age, sex, chest pain or a risk factor unknown", ""), index=patients.index)
    else:
        reason = patients[f"{BASES[basis]}_missing"]
    reason = reason.mask(unknown, "a vessel without finding")
    counts = {"all": len(patients), "analysed": int((reason == "").sum())}
    counts |= reason[reason != ""].value_counts().to_dict()
    return [{"basis": basis, "reason": name, "patients": count} for name, count in counts.items()]


def _model_rows(
    models: Models, basis: str, is_development: bool, settings: Evaluation, seed: int
) -> list[dict[str, Any]]:
    n = len(models.patients)
    bootstrap = Bootstrap(n, settings.bootstrap_replicates, settings.level, seed)
    y_true = models.patients["y_true"].to_numpy(dtype=np.int64)
    base = {"basis": basis, "level": settings.level, "n": n, "patients": n, "events": int(y_true.sum())}
    if models.note:
        return [
            {**base, "comparison": name, "measure": measure, "note": models.note}
            for names, measure in ((MODELS, "AUC"), (CONTRASTS, "AUC difference"))
            for name in names
        ]
    risks = {model: 1 / (1 + np.exp(-logit)) for model, logit in models.logits.items()}
    # A single predictor ranks by itself; pooled fits of several folds would only blur its order.
    scores = {
        model: models.designs[model][:, 0] if models.designs[model].shape[1] == 1 else logit
        for model, logit in models.logits.items()
    }
    aucs = {model: _auc(models, model, score, basis, is_development) for model, score in scores.items()}
    method = CROSS_VALIDATED if is_development else PATIENTS
    rows = [{**base, "comparison": model} | auc_row(auc, method, settings.level) for model, auc in aucs.items()]
    for contrast, (old, new) in CONTRASTS.items():
        own = {**base, "comparison": contrast}
        gain = compare_paired(aucs[new], aucs[old], settings.level)
        rows += [own | row for row in difference_rows(gain, method, settings.level)]
        before, after = risks[old], risks[new]
        rows += _improvement_rows(own, "NRI without categories", net_reclassification, y_true, before, after, bootstrap)
        from_category, to_category = (pretest_category(pd.Series(risk)).cat.codes for risk in (before, after))
        rows += _improvement_rows(
            own, "NRI by categories", net_reclassification, y_true, from_category.to_numpy(), to_category.to_numpy(),
            bootstrap,
        )  # fmt: skip
        rows += _improvement_rows(own, "IDI", integrated_discrimination, y_true, before, after, bootstrap)
        if is_development and contrast in NESTED:
            test = likelihood_ratio_out_of_fold(models.designs[old], models.designs[new], y_true)
            own = {**own, "method": f"{LIKELIHOOD_RATIO}, {test.degrees} df"}
            rows.append({**own, "measure": "likelihood ratio chi-squared", "estimate": test.statistic})
            rows.append({**own, "measure": "likelihood ratio p value", "estimate": test.p_value})
    return rows


def _auc(models: Models, model: str, score: np.ndarray, basis: str, is_development: bool) -> AucInfluence:
    """AUC of a model with what patients contribute to it.

    At the development site only patients of one fold are compared, and the variance of what was learnt there is that
    of `cross_validated_auc`; a guideline's probability was learnt elsewhere.
    """
    y_true, people = models.patients["y_true"].to_numpy(dtype=np.int64), np.arange(len(score))
    if not is_development:
        return clustered_auc(y_true, score, people, len(score))
    fold = models.patients["fold"].to_numpy()
    if basis != CLINICAL and model == "without ECG":
        return stratified_auc(y_true, score, fold, people, len(score))
    return cross_validated_auc(y_true, score, fold, people, len(score))


def _improvement_rows(
    own: dict[str, Any],
    name: str,
    measure: Any,
    y_true: np.ndarray,
    old: np.ndarray,
    new: np.ndarray,
    bootstrap: Bootstrap,
) -> list[dict[str, Any]]:
    """The index and its parts, with percentile intervals over patients."""
    found: Improvement = measure(y_true, old, new)
    drawn = improvement_replicates(measure, y_true, old, new, bootstrap)
    return [
        own | bootstrap.estimate(f"{name}{part}", float(estimate[0]), replicates)
        for part, estimate, replicates in zip(("", ", events", ", non-events"), found, drawn, strict=True)
    ]


def _prevalence_rows(patients: pd.DataFrame, guideline: str, settings: Evaluation, seed: int) -> list[dict[str, Any]]:
    """How many have an event among the patients of a guideline, against what it predicts for them."""
    known = patients.dropna(subset=["y_true", BASES[guideline]])
    y_true, predicted = known["y_true"].to_numpy(dtype=float), known[BASES[guideline]].to_numpy(dtype=float)
    n, events = len(known), int(y_true.sum())
    own = {"basis": guideline, "comparison": ALONE, "level": settings.level, "n": n, "patients": n, "events": events}
    note = _lack(known, settings.minimum_events)
    if note:
        return [own | {"measure": RATIO, "note": note}]
    bootstrap = Bootstrap(n, settings.bootstrap_replicates, settings.level, seed)
    drawn = np.concatenate([weights @ y_true / (weights @ predicted) for weights in bootstrap.draws()])
    lower, upper = wilson(events, n, settings.level)
    return [
        own | {"measure": PREDICTED, "estimate": float(predicted.mean())},
        own | {"measure": OBSERVED, "estimate": events / n, "lower": lower, "upper": upper, "method": WILSON},
        own | bootstrap.estimate(RATIO, float(y_true.sum() / predicted.sum()), drawn),
    ]


def _classified(patients: pd.DataFrame, guideline: str, column: str) -> pd.DataFrame:
    """Patients with outcome, category by the guideline, stratum of the ECG, and category after it."""
    known = patients.dropna(subset=["y_true", BASES[guideline], column])
    before = pretest_category(known[BASES[guideline]])
    return pd.DataFrame(
        {
            "patient_id": known["patient_id"],
            "y_true": known["y_true"],
            "before": before,
            "stratum": known[column],
            "after": combined_category(before, known[column]),
        }
    )


def _reclassified(classified: pd.DataFrame, guideline: str, column: str, level: float) -> list[dict[str, Any]]:
    rows = []
    strata = ("low", "high") if column == "group" else ("low", "intermediate", "high")
    for before in CATEGORIES:
        for stratum in strata:
            cell = classified[(classified["before"] == before) & (classified["stratum"] == stratum)]
            n, events = len(cell), int(cell["y_true"].sum())
            lower, upper = wilson(events, n, level)
            rows.append(
                {
                    "basis": guideline,
                    "modifier": MODIFIERS[column],
                    "before": before,
                    "stratum": stratum,
                    "after": combined_category(_one(before), [stratum]).iloc[0],
                    "n": n,
                    "events": events,
                    "estimate": events / n if n else np.nan,
                    "lower": lower,
                    "upper": upper,
                }
            )
    return rows


def _one(category: str) -> pd.Series:
    return pd.Series(pd.Categorical([category], categories=list(CATEGORIES), ordered=True))


def _strategy_rows(
    classified: pd.DataFrame, guideline: str, column: str, settings: Evaluation, seed: int
) -> list[dict[str, Any]]:
    """Proportions ruled out, left in the gray zone and ruled in, before and after the ECG, and what that misses."""
    modified = f"with {MODIFIERS[column]}"
    n, y_true = len(classified), classified["y_true"].to_numpy(dtype=np.int64)
    base = {"basis": guideline, "level": settings.level, "n": n, "patients": n, "events": int(y_true.sum())}
    note = _lack(classified, settings.minimum_events)
    if note:
        return [{**base, "comparison": f"{modified} against guideline", "measure": "NRI by categories", "note": note}]
    before, after = classified["before"].cat.codes.to_numpy(), classified["after"].cat.codes.to_numpy()
    parts = {
        "proportion ruled out": (0, np.ones(n, dtype=bool)),
        "proportion in the gray zone": (1, np.ones(n, dtype=bool)),
        "proportion ruled in": (2, np.ones(n, dtype=bool)),
        "proportion of non-events ruled out": (0, y_true == 0),
        "proportion of events ruled out (missed)": (0, y_true == 1),
    }
    rows = []
    alone = f"{_ALONE} {MODIFIERS[column]}"
    for comparison, codes in ((alone, before), (modified, after)):
        measured = {measure: ((codes == code) & among, among) for measure, (code, among) in parts.items()}
        for word, code in (("out", 0), ("in", 2)):
            measured[f"event rate of the ruled {word}"] = ((codes == code) & (y_true == 1), codes == code)
        for measure, (hit, of) in measured.items():
            rows.append(base | {"comparison": comparison} | _proportion(measure, hit, of, settings.level))
    own = base | {"comparison": f"{modified} against guideline"}
    bootstrap = Bootstrap(n, settings.bootstrap_replicates, settings.level, seed)
    counts = list(bootstrap.draws())
    for measure, (code, among) in parts.items():
        change = ((after == code).astype(float) - (before == code)) * among
        with np.errstate(invalid="ignore"):
            drawn = np.concatenate([weights @ change / (weights @ among) for weights in counts])
        rows.append(own | bootstrap.estimate(f"{measure}, change", float(change.sum() / among.sum()), drawn))
    return rows + _improvement_rows(own, "NRI by categories", net_reclassification, y_true, before, after, bootstrap)


def _proportion(measure: str, hit: np.ndarray, of: np.ndarray, level: float) -> dict[str, Any]:
    count, total = int(hit.sum()), int(of.sum())
    if not total:
        return {"measure": measure, "note": "nobody is in the group"}
    lower, upper = wilson(count, total, level)
    return {
        "measure": measure,
        "estimate": count / total,
        "lower": lower,
        "upper": upper,
        "method": f"{WILSON}, {count} of {total}",
    }


def _roc(models: Models, basis: str) -> list[dict[str, Any]]:
    y_true = models.patients["y_true"].to_numpy(dtype=np.int64)
    rows = []
    for model, logit in models.logits.items():
        single = models.designs[model].shape[1] == 1
        rate, sensitivity, _ = roc_curve(y_true, models.designs[model][:, 0] if single else logit)
        rows += [
            {"basis": basis, "model": model, "false_positive_rate": x, "sensitivity": y}
            for x, y in zip(rate, sensitivity, strict=True)
        ]
    return rows
