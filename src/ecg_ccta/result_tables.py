"""The contracts of the result tables: one schema per CSV under results/<study>/tables, checked on write and on read.

A table is known by its name, `tables/<name>.csv` or `tables/<name>/<site>.csv`. One without a schema of its own is a
table of estimates: columns of words that say what is estimated, and then `statistics.estimates.COLUMNS`.
"""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import pandera.pandas as pa

from ecg_ccta import tables
from ecg_ccta.errors import StudyError
from ecg_ccta.files import replacing
from ecg_ccta.statistics.estimates import ESTIMATE_COLUMNS

_TEXT, _NUMBER, _COUNT, _FLAG = (
    pa.Column(kind, nullable=True, coerce=True) for kind in ("string", "float64", "Int64", "boolean")
)

_INTERVAL = pa.Check(lambda table: ~(table["lower"] > table["upper"]), error="lower above upper")
_SAID = pa.Check(
    lambda table: table["estimate"].notna() | table["note"].fillna("").ne(""), error="no estimate and no note"
)


def _columns(text: str = "", numbers: str = "", counts: str = "", flags: str = "") -> pa.DataFrameSchema:
    return _named(text.split(), numbers.split(), counts.split(), flags.split())


def _named(text: list[str], numbers: list[str], counts: list[str], flags: list[str]) -> pa.DataFrameSchema:
    kinds = ((text, _TEXT), (numbers, _NUMBER), (counts, _COUNT), (flags, _FLAG))
    columns = {name: column for names, column in kinds for name in names}
    checks = [_INTERVAL] if {"lower", "upper"} <= columns.keys() else []
    return pa.DataFrameSchema(columns, checks=checks, strict=True)


def _estimates(text: Iterable[str], numbers: str = "", counts: str = "") -> pa.DataFrameSchema:
    """Estimates with their intervals, counts and method; what is missing has a note that says why."""
    schema = _columns(
        "measure method note", f"{numbers} estimate lower upper level", f"{counts} n events patients"
    ).add_columns(dict.fromkeys(text, _TEXT))
    return pa.DataFrameSchema(schema.columns, checks=[_INTERVAL, _SAID], strict=True)


_OF_VESSEL = _estimates(["vessel"])
_CALIBRATION = _estimates(["vessel", "risk_group"], "predicted", "group")
_CALIBRATION_CURVE = _estimates(["vessel"], "predicted")
_ROC = _estimates(["vessel"], "false_positive_rate")
_STRATA = _estimates(["vessel", "stratum"])
_THRESHOLDS = _estimates(["vessel", "kind"], "lowest_threshold highest_threshold")
_READINGS = _columns("vessel grouping group method note", "day percent lower upper", "at_risk events deaths censored")

SCHEMAS = {
    "index": _columns(
        "ecg_id file vessel chosen_as grade group stratum noisy_leads", "probability logit logit_over_mean_beat", "fold"
    ),
    "table1": pa.DataFrameSchema({"characteristic": _TEXT, "value": _TEXT}),
    "discrimination": _OF_VESSEL,
    "roc": _ROC,
    "calibration": _CALIBRATION,
    "calibration_curve": _CALIBRATION_CURVE,
    "calibration_summary": _OF_VESSEL,
    "probabilities": _estimates(["vessel", "outcome"], "lowest highest", "ecgs"),
    "normal_ecg": _OF_VESSEL,
    "normal_ecg_roc": _ROC,
    "normal_ecg_calibration": _CALIBRATION,
    "normal_ecg_calibration_curve": _CALIBRATION_CURVE,
    "normal_ecg_calibration_summary": _OF_VESSEL,
    "normal_ecg_thresholds": _THRESHOLDS,
    "normal_ecg_strata": _STRATA,
    "normal_ecg_comparison": _estimates(["vessel", "ecgs"]),
    "recalibration": _estimates(["vessel", "predictions"], counts="fold"),
    "recalibrated_summary": _estimates(["vessel", "predictions"]),
    "recalibrated_curve": _estimates(["vessel", "predictions"], "predicted"),
    "site_comparison": _estimates(["site", "vessel"]),
    "grades": _estimates(["vessel", "grade"]),
    "subgroups": _estimates(["vessel", "subgroup", "category"]),
    "thresholds": _THRESHOLDS,
    "strata": _STRATA,
    "sensitivity": _estimates(["vessel", "analysis"]),
    "sensitivity_centres": _estimates(["vessel", "centre"]),
    "fairness": _estimates(["vessel", "attribute", "group", "kind"]),
    "fairness_differences": _estimates(["vessel", "attribute", "group", "reference", "kind"]),
    "robustness": _estimates(["kind", "perturbation", "vessel"]),
    "robustness_quality": _estimates(["kind", "perturbation", "reason"]),
    "robustness_recovery": _estimates(["kind", "perturbation", "vessel"]),
    "origin_probe": _estimates(["column", "origin", "predictor", "pairs"]),
    "shortcut": _estimates(["site", "vessel", "compared"]),
    "prediction_sets": _estimates(["vessel", "calibration"]),
    "prediction_set_cutoffs": _columns("vessel calibration note", "no_to yes_from", "fold n events patients"),
    "instability": _estimates(["model", "vessel"]),
    "instability_bands": _columns(
        "model vessel", "predicted lower lower_quartile median upper_quartile upper", "group n"
    ),
    "instability_calibration": _columns("model vessel", "predicted observed", "redevelopment"),
    "instability_truth": _estimates(["model", "vessel", "group"], "predicted"),
    "decision_curves": _estimates(["vessel", "strategy"], "threshold"),
    "any_vessel_thresholds": _estimates(["rule"], "lowest_threshold highest_threshold"),
    "any_vessel_strata": _STRATA,
    "any_vessel_calibration": _estimates(["probability"]),
    "any_vessel_decisions": _estimates(["basis", "strategy"], "threshold"),
    "sample_size": _estimates(["vessel"], "width target_width", "patients_needed events_needed"),
    "initialisations": _columns(
        "fold vessels note", "macro_auc_foundation macro_auc_random difference lower upper p_value"
    ),
    "ladder": _estimates(["rung", "vessel"]),
    "training": _columns("kept_as reason", "probe_loss probe_auc loss auc", "fold kept_epoch epochs"),
    "added_value": _estimates(["basis", "comparison"]),
    "added_value_roc": _columns("basis model", "false_positive_rate sensitivity"),
    "reclassification": _columns("basis modifier before stratum after", "estimate lower upper", "n events"),
    "guideline_patients": _columns("basis reason", counts="patients"),
    "cumulative_events": _READINGS,
    "event_rates": _READINGS,
    "cumulative_events_comparison": _estimates(["vessel", "grouping"]),
    "cumulative_events_curves": _columns("vessel grouping group method", "day cumulative lower upper"),
    "cumulative_events_at_risk": _columns("vessel grouping group", "day", "at_risk events deaths censored"),
    "cumulative_events_flow": _columns("step", counts="patients"),
    "time_dependent_auc": _estimates(["vessel"], "day"),
    "waveforms": _columns(
        "comparison scale vessel lead segment note",
        "low high difference lower upper standardised_difference t p_value q_value",
        "patients_low patients_high ecgs_low ecgs_high",
    ),
    "waveform_clusters": _columns(
        "comparison scale vessel lead note",
        "from_ms to_ms mass difference p_value p_corrected",
        "permutations patients_low patients_high",
    ),
    "waveform_curves": _columns(
        "comparison scale vessel lead note", "time low low_lower low_upper high high_lower high_upper t"
    ),
    "matching": _columns(
        "vessel",
        "age_low age_high age_low_matched age_high_matched smd_age smd_age_matched smd_male smd_male_matched",
        "patients_low patients_high in_both without_age_or_sex pairs",
    ),
    "measurements_comparison": _columns(
        "comparison vessel measurement lead unit note",
        "low high difference lower upper standardised_difference t p_value q_value",
        "patients_low patients_high ecgs_low ecgs_high",
    ),
    "beats": _columns("lead", "heart_rate", "ecg beats usable", "median_beat"),
    "attribution": _columns(
        "method vessel lead segment unit note", "attribution lower upper absolute rise", "ecgs folds"
    ),
    "attribution_map": _columns("vessel lead", "time gradients lower upper activation beat_mv mean_beat_mv"),
    "faithfulness": _columns(
        "method vessel curve note", "area area_random difference lower upper", "folds_better folds events"
    ),
    "faithfulness_curves": _columns("order vessel curve", "proportion rise", "fold regions"),
    "randomisation": _columns(
        "method vessel layer note", "correlation lower upper correlation_absolute", "reinitialised of_layers folds"
    ),
    "logit_r2": _columns("vessel predictors note", "r2 lower upper level", "ecgs patients"),
    "logit_groups": _columns("vessel group note", "r2_lost lower upper level", "measurements"),
    "logit_coefficients": _columns(
        "vessel measurement group label note", "coefficient lower upper level selected missing"
    ),
    "recovery": _columns(
        "stratum vessel note",
        "oracle_auc oracle_lower oracle_upper model_auc model_lower model_upper recovered recovered_lower "
        "recovered_upper",
        "n events patients",
    ),
    "learning_curve": _estimates(["start", "vessel"], counts="training_patients trainings"),
    "learning_curve_recovered": _estimates(["start", "vessel"], counts="training_patients trainings"),
    "patients_needed": _columns("start note", "target lower upper patients"),
    "planted": _columns("vessel", "waveform", "regions planted"),
    "planted_regions": _columns("vessel lead segment", "waveform", flags="planted"),
    "planted_attribution": _columns("measure vessel note", "auroc lower upper", "regions planted folds"),
    "planted_hazards": _columns(
        "regression finding note", "planted estimate lower upper level p_planted", "patients events", "inside"
    ),
    "oracle_separation": _columns(
        "source vessel note",
        "log_rank_p hazard_ratio lower upper per_sd per_sd_lower per_sd_upper",
        "patients_high events_high patients_low events_low",
    ),
    "planted_attribution_regions": _named(
        ["vessel", "lead", "segment"],
        [
            "from_s",
            "to_s",
            "integrated gradients",
            "occlusion",
            "Grad-CAM",
            "integrated gradients, absolute",
            "occlusion, absolute",
            "integrated gradients, random weights",
            "occlusion, random weights",
        ],
        ["fold"],
        ["planted"],
    ),
    "leakage": _columns("check compared unit method note", counts="n findings"),
    "time_used": _columns("rule", "wall_seconds work_seconds other_seconds overhead", "jobs"),
}


def schema_of(path: str | Path, columns: Iterable[str]) -> pa.DataFrameSchema:
    """The schema of the table that lies at `path`; `columns` are those that it has."""
    parts = Path(path).parts
    place = len(parts) - parts[::-1].index("tables") if "tables" in parts else len(parts) - 1
    name = parts[place].removesuffix(".csv")
    return SCHEMAS.get(name) or _estimates([column for column in columns if column not in ESTIMATE_COLUMNS])


def write_csv(table: pd.DataFrame, path: str | Path) -> None:
    """Check a result table by the schema of its name and write it as CSV (missing is an empty field), atomically.

    Raises
    ------
    StudyError
        Where the table breaks its contract: file, column and the first row are named, and nothing is written.
    """
    tables.check(table.reset_index(drop=True), schema_of(path, table.columns), path)
    with replacing(path) as temporary:
        table.to_csv(temporary, index=False)


def read_csv(path: str | Path) -> pd.DataFrame:
    """Read a result table and check it by the schema of its name; a note is a word or nothing.

    Raises
    ------
    StudyError
        Where the file is missing, no CSV, or breaks its contract.
    """
    try:
        found = pd.read_csv(path)
    except FileNotFoundError:
        raise StudyError(f"{path}: no such table. Fix: run the rule that makes it") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise StudyError(f"{path}: not a CSV table ({error}). Fix: make it again") from None
    if "note" in found:
        found["note"] = found["note"].fillna("").astype(str)
    tables.check(found, schema_of(path, found.columns), path)
    return found
