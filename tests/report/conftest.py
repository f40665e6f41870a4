"""A small study's results: made-up tables with the columns of the real ones, and toy figures."""

import shutil
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from ecg_ccta import figures
from ecg_ccta.config import Study, load, load_overlaid, merge, read_yaml, validated
from ecg_ccta.evaluation.probabilities import OUTCOMES
from ecg_ccta.evaluation.recalibrate import UPDATES
from ecg_ccta.files import write_json
from ecg_ccta.prognosis.comparison import ADJUSTED, CRUDE, RANK, TREND
from ecg_ccta.prognosis.patients import GROUPINGS, PROBABILITY
from ecg_ccta.result_tables import schema_of, write_csv
from ecg_ccta.signals.segments import SEGMENTS
from ecg_ccta.statistics.estimates import CLUSTERED, DELONG, PATIENTS, estimate_table
from ecg_ccta.statistics.incidence import AALEN_JOHANSEN, INCIDENCE_METHODS
from ecg_ccta.truth.planted_hazards import ALONE, MODEL, ORACLE, TOGETHER
from ecg_ccta.vessels import GRADES, LEADS, VESSELS
from ecg_ccta.waveforms.explain_logits import BLOCKS

ROOT = Path(__file__).resolve().parents[2]
AUC = {"RCA": 0.71, "LM": np.nan, "LAD": 0.68, "LCX": 0.7}


@pytest.fixture
def study() -> Study:
    return load(base=ROOT / "config.yaml")


@pytest.fixture
def control() -> Study:
    return load_overlaid(read_yaml(ROOT / "config.yaml"), ROOT / "studies/negative-control.yaml")


@pytest.fixture
def changed():
    """The default study with an overlay given as a mapping."""
    return lambda overlay: validated(merge(read_yaml(ROOT / "config.yaml"), overlay))


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Path:
    """The results of the default study, made once."""
    return write_study(tmp_path_factory.mktemp("finished"))


def write_study(folder: Path) -> Path:
    for site in ("internal", "external"):
        write_site(folder, site)
    comparison = [
        {"site": "external", "vessel": v, "measure": m, "method": method, "estimate": -0.07, "lower": -0.12,
         "upper": -0.02}
        for v in (*VESSELS, "macro")
        for m, method in (("AUC difference", PATIENTS), ("AUC difference p", PATIENTS),
                          ("PR-AUC difference", CLUSTERED))
    ]  # fmt: skip
    path = folder / "tables/site_comparison.csv"
    write_table(comparison, path)
    write_leakage(folder)
    write_records(folder)
    return folder


@pytest.fixture
def results(tmp_path: Path, finished: Path, study: Study) -> Path:
    """A copy of the results that a test may change."""
    return Path(shutil.copytree(finished, tmp_path / "results" / study.study))


@pytest.fixture
def put_table(results: Path):
    """Function (table, name of the table, site) that adds a table to the results."""

    def put(table: pd.DataFrame, name: str, site: str) -> None:
        write_table(table, results / "tables" / name / f"{site}.csv")

    return put


def write_table(rows: list[dict] | pd.DataFrame, path: Path) -> None:
    """A result table, with empty columns for what the rows leave out."""
    table = pd.DataFrame(rows)
    columns = schema_of(path, table.columns).columns
    path.parent.mkdir(parents=True, exist_ok=True)
    write_csv(table.reindex(columns=list(dict.fromkeys([*table.columns, *columns]))), path)


@pytest.fixture
def add_site():
    """Function of (results folder, site) that adds a site's tables and figures."""
    return write_site


@pytest.fixture
def control_results(tmp_path: Path) -> Path:
    folder = tmp_path / "results" / "negative-control"
    (folder / "tables/discrimination").mkdir(parents=True)
    table = discrimination(dict.fromkeys(VESSELS, 0.505), 0.503)
    table.to_csv(folder / "tables/discrimination/internal.csv", index=False)
    table = discrimination(dict.fromkeys(VESSELS, 0.49), 0.492)
    table.to_csv(folder / "tables/discrimination/external.csv", index=False)
    return folder


def discrimination(auc: dict[str, float], macro: float) -> pd.DataFrame:
    rows = []
    for vessel in VESSELS:
        few = np.isnan(auc[vessel])
        counts = {"vessel": vessel, "n": 2200 if vessel != "LM" else 2100, "events": 7 if few else 260,
                  "patients": 1900, "level": 0.95, "note": "too few events (7)" if few else ""}  # fmt: skip
        for measure, method, half in (("AUC", PATIENTS, 0.04), ("AUC", DELONG, 0.035), ("AUC", CLUSTERED, 0.04),
                                      ("PR-AUC", CLUSTERED, 0.05)):  # fmt: skip
            value = auc[vessel] - 0.4 * (measure == "PR-AUC")
            rows.append(counts | {"measure": measure, "estimate": value, "lower": value - half, "upper": value + half,
                                  "method": method})  # fmt: skip
    for vessel, note in (("macro", "mean of RCA, LAD, LCX"), ("micro", "n and events count pairs")):
        rows += [
            {"vessel": vessel, "measure": measure, "estimate": macro, "lower": macro - 0.02, "upper": macro + 0.02,
             "level": 0.95, "n": 2300, "events": None if vessel == "macro" else 6700, "patients": 1910,
             "method": method, "note": note}
            for measure, method in (("AUC", PATIENTS), ("AUC", CLUSTERED), ("PR-AUC", CLUSTERED))
        ]  # fmt: skip
    return estimate_table(rows, ["vessel"])


def calibration_summary(few: tuple[str, ...], kind: dict) -> list[dict]:
    values = {"mean predicted": 0.12, "observed proportion": 0.118, "intercept": -0.02, "slope": 0.85, "Brier": 0.0945,
              "scaled Brier": 0.1, "ICI": 0.02, "E50": 0.015, "E90": 0.05}  # fmt: skip
    return [
        {"vessel": v, "measure": m, "n": 2100, "events": 7, "note": "too few events (7)"} | kind
        if v in few
        else {"vessel": v, "measure": m, "estimate": value, "lower": value - 0.15,
              "upper": 0.99 if (v, m) == ("RCA", "slope") else value + 0.2, "n": 2200, "events": 260, "level": 0.95,
              "note": ""} | kind
        for v in VESSELS for m, value in values.items()
    ]  # fmt: skip


def normal_comparison() -> pd.DataFrame:
    rows = [{"vessel": "any", "ecgs": ecgs, "measure": "ECGs", "estimate": number, "n": number, "method": "count"}
            for ecgs, number in (("normal", 800), ("not normal", 1300), ("unknown", 200))]  # fmt: skip
    for v in VESSELS:
        few = {"note": "too few events (3)"} if v == "LM" else {}
        rows += [
            {"vessel": v, "ecgs": ecgs, "measure": "AUC", "method": PATIENTS, "n": 1000, "events": 100}
            | (few or {"estimate": value, "lower": value - 0.04, "upper": value + 0.04})
            for ecgs, value in (("normal", 0.66), ("not normal", 0.72))
        ]  # fmt: skip
        rows += [
            {"vessel": v, "ecgs": "normal - not normal", "measure": measure, "method": PATIENTS}
            | (few or {"estimate": value, "lower": value - 0.05, "upper": value + 0.05})
            for measure, value in (("AUC difference", -0.06), ("AUC difference p", 0.02 if v == "LAD" else 0.3))
        ]  # fmt: skip
    return estimate_table(rows, ["vessel", "ecgs"])


def write_site(folder: Path, site: str) -> None:
    """Every table and figure of one site."""
    tables = folder / "tables"
    tables.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(3)

    def put(name: str, rows: list[dict] | pd.DataFrame) -> None:
        write_table(rows, tables / name / f"{site}.csv")

    write_json(
        folder / "cohort" / f"{site}.flow.json",
        {
            "site": site,
            "steps": [
                {"label": "ECGs in the export", "ecgs": 2400, "patients": 2000},
                {"excluded": "no CCTA within 90 days before or 7 days after", "ecgs": 61},
                {"excluded": "the recording's file is missing", "ecgs": 12},
                {"label": "ECGs eligible", "ecgs": 2327, "patients": 1950},
                {"excluded": "flat lead", "ecgs": 27},
                {"label": "ECGs included", "ecgs": 2300, "patients": 1910},
            ],
        },
    )
    put("discrimination", discrimination(AUC, 0.697))
    put("normal_ecg", discrimination({"RCA": 0.69, "LM": np.nan, "LAD": 0.66, "LCX": np.nan}, 0.675))
    put("calibration_summary", estimate_table(calibration_summary(("LM",), {}), ["vessel"]))
    put("probabilities", [
        {"vessel": v, "measure": "proportion of ECGs", "n": 2100, "events": 7, "note": "too few events (7)"}
        if v == "LM" else
        {"vessel": v, "outcome": outcome, "measure": "median", "estimate": value, "n": 260, "note": ""}
        for v in VESSELS for outcome, value in zip(OUTCOMES.values(), (0.28, 0.13), strict=True)
    ])  # fmt: skip
    if site != "internal":
        recalibrated = [row for kind in UPDATES for row in calibration_summary(("LM",), {"predictions": kind})]
        put("recalibrated_summary", estimate_table(recalibrated, ["vessel", "predictions"]))
        put("recalibrated_curve", estimate_table([], ["vessel", "predictions", "predicted"]))
        put("recalibration", estimate_table([], ["vessel", "predictions", "fold"]))
    put("normal_ecg_comparison", normal_comparison())
    put("normal_ecg_calibration_summary", estimate_table(calibration_summary(("LM",), {}), ["vessel"]))
    categories = [("all ECGs", "all"), ("age", "< 65 years"), ("age", "≥ 65 years"), ("sex", "female"), ("sex", "male")]
    few = {"note": "too few events (3)"}
    put("subgroups", estimate_table(
        [
            {"vessel": v, "subgroup": s, "category": c, "measure": "AUC", "method": method, "n": 900, "events": 100,
             "patients": 800, "level": 0.95}
            | (few if v == "LM" else {"estimate": AUC[v], "lower": AUC[v] - 0.05, "upper": AUC[v] + 0.05})
            for v in VESSELS for s, c in categories for method in (PATIENTS,)
        ] + [
            {"vessel": v, "subgroup": s, "category": "", "measure": f"interaction {letter}"}
            | (few if v == "LM" else {"estimate": 0.003 if (v, s, site) == ("LAD", "sex", "external") else value})
            for v in VESSELS for s in ("age", "sex") for letter, value in (("p", 0.21), ("q", 0.42))
        ],
        ["vessel", "subgroup", "category"],
    ))  # fmt: skip
    trend = {"Spearman correlation": 0.21, "Jonckheere-Terpstra z": 9.1, "Jonckheere-Terpstra p": 0.0001,
             "smallest rise of the median": -0.01 if site == "external" else 0.02}  # fmt: skip
    put("grades", estimate_table(
        [{"vessel": v, "grade": g, "measure": "median", "estimate": 0.1, "n": 40} for v in VESSELS for g in GRADES]
        + [{"vessel": v, "grade": "", "measure": m, "estimate": e, "n": 2200, "patients": 1900}
           for v in VESSELS for m, e in trend.items()],
        ["vessel", "grade"],
    ))  # fmt: skip
    put(
        "cumulative_events",
        [
            {"vessel": v, "grouping": grouping, "group": g, "method": method, "day": d, "at_risk": 800 - d,
             "events": d // 50, "deaths": 0, "censored": d // 3,
             "percent": 1 + d / 60 if g == "high" else d / 150, "lower": 0.5, "upper": 9.0, "note": ""}
            for v in ("any", *VESSELS) for grouping, groups in GROUPINGS.items() for g in groups
            for method in INCIDENCE_METHODS for d in (30, 100, 200, 300)
        ],
    )  # fmt: skip
    put("cumulative_events_flow", [
        {"step": step, "patients": patients}
        for step, patients in (("patients with a prediction", 1910), ("no follow-up", 0), ("event by day 28", 8),
                               ("death by day 28", 2), ("analysed", 1900))
    ])  # fmt: skip
    put("cumulative_events_comparison", estimate_table(
        [
            {"vessel": v, "grouping": grouping, "measure": measure, "method": method, "events": 90, "patients": 800}
            | ({"note": "too few events (3)"} if v == "LM" else {"estimate": 2.1, "lower": 1.3, "upper": 3.4})
            for v in ("any", *VESSELS) for grouping in GROUPINGS for measure, method in (
                ("p", RANK), ("p", TREND), ("hazard ratio", CRUDE), ("hazard ratio", ADJUSTED),
                ("proportional hazards p", CRUDE),
            )
        ] + [
            {"vessel": v, "grouping": PROBABILITY, "measure": "C-index", "estimate": 0.61, "lower": 0.55, "upper": 0.66}
            for v in ("any", *VESSELS)
        ],
        ["vessel", "grouping"],
    ))  # fmt: skip
    put(
        "event_rates",
        [
            {"vessel": v, "grouping": "risk group", "group": g, "method": AALEN_JOHANSEN, "day": d, "at_risk": 800 - d,
             "events": d // 50, "deaths": 0, "censored": d // 3}
            | ({"note": "too few events (3)"} if v == "LM" else
               {"percent": 1 + d / 60 if g == "high" else d / 150, "lower": 0.5, "upper": 9.0, "note": ""})
            for v in ("any", *VESSELS) for g in ("low", "high") for d in (30, 100, 200, 300)
        ],
    )  # fmt: skip
    put("time_dependent_auc", estimate_table(
        [
            {"vessel": v, "day": d, "measure": "AUC", "events": d // 10, "patients": 800}
            | ({"note": "too few events (3)"} if d == 30 else {"estimate": 0.63, "lower": 0.56, "upper": 0.7})
            for v in ("any", *VESSELS) for d in (30, 300, 700)
        ],
        ["vessel", "day"],
    ))  # fmt: skip
    put(
        "planted_hazards",
        [
            {"regression": regression, "finding": v, "planted": 2.5, "level": 0.95, "patients": 1700, "events": 160}
            | ({"note": "too few events (3)"} if v == "LM" and regression == ALONE else
               {"estimate": 2.2, "lower": 1.4, "upper": 3.1, "inside": True, "p_planted": 0.41, "note": ""})
            for regression in (TOGETHER, ALONE) for v in ("any", *VESSELS)
        ],
    )  # fmt: skip
    put(
        "oracle_separation",
        [
            {"source": source, "vessel": v, "patients_high": 900, "events_high": 90, "patients_low": 800,
             "events_low": 60, "log_rank_p": 0.012, "hazard_ratio": 1.7, "lower": 1.2, "upper": 2.4, "per_sd": 1.3,
             "per_sd_lower": 1.1, "per_sd_upper": 1.5, "note": ""}
            for source in (ORACLE, MODEL) for v in ("any", *VESSELS)
        ],
    )  # fmt: skip
    put(
        "waveforms",
        [
            {"comparison": "all", "scale": "mV", "vessel": v, "lead": lead, "segment": s, "low": 0.1,
             "high": 0.05, "difference": -0.05,
             "lower": -0.07, "upper": -0.03, "standardised_difference": -0.3, "t": rng.normal(), "p_value": 0.001,
             "q_value": 0.01, "patients_low": 900, "patients_high": 200, "ecgs_low": 1000, "ecgs_high": 210, "note": ""}
            if v != "LM" else {"vessel": v, "lead": lead, "segment": s, "note": "too few patients (4 high-risk)"}
            for v in VESSELS for lead in LEADS for s in SEGMENTS
        ],
    )  # fmt: skip
    put(
        "waveform_clusters",
        [
            {"comparison": "all", "scale": "mV", "vessel": v, "lead": lead, "from_ms": 62.0, "to_ms": 148.0,
             "mass": -231.4, "difference": -0.05, "p_value": p / 8, "p_corrected": p, "permutations": 1000,
             "patients_low": 900, "patients_high": 200, "note": ""}
            for v in VESSELS if v != "LM" for lead, p in (("V2", 0.001), ("V5", 0.3 if v == "LCX" else 0.02))
        ] + [{"comparison": "all", "scale": "mV", "vessel": "LM", "note": "too few patients (4 high-risk)"}],
    )  # fmt: skip
    put(
        "measurements_comparison",
        [
            {"comparison": comparison, "vessel": v, "measurement": m, "lead": lead, "unit": unit}
            | ({"note": "too few patients (4 high-risk)"} if v == "LM" else
               {"low": 0.1, "high": 0.07, "difference": -0.03, "lower": -0.05, "upper": -0.01,
                "standardised_difference": -0.4, "q_value": 0.01, "note": ""})
            for comparison in ("all", "matched")
            for v in VESSELS
            for m, lead, unit in (("QRS duration", "", "ms"), ("ST at J+60 ms", "V5", "mV"))
        ],
    )  # fmt: skip
    short = {"note": "too few patients (31)"}
    put("logit_r2", [
        {"vessel": v, "predictors": block, "patients": 1910} | (
            short if v == "LM" else {"r2": 0.42, "lower": 0.38, "upper": 0.46, "note": ""})
        for v in VESSELS for block in BLOCKS
    ])  # fmt: skip
    put("logit_groups", [
        {"vessel": v, "group": group, "measurements": 12} | (
            short if v == "LM" else {"r2_lost": lost, "lower": 0.0, "upper": lost + 0.1, "note": ""})
        for v in VESSELS for group, lost in (("T", 0.01), ("ST", 0.3))
    ])  # fmt: skip
    put("logit_coefficients", [
        {"vessel": v, "measurement": name, "group": "ST", "label": label} | (
            short if v == "LM" else {"coefficient": value, "lower": value - 0.1, "upper": value + 0.1,
                                     "selected": 0.9, "missing": 0.0, "note": ""})
        for v in VESSELS for name, label, value in (("qrs_ms", "QRS duration", 0.1),
                                                    ("st60_mv_V3", "ST at J+60 ms, V3", -0.5))
    ])  # fmt: skip
    put(
        "matching",
        [{"vessel": v, "pairs": 190, "in_both": 4, "without_age_or_sex": 2, "smd_age": 0.31, "smd_age_matched": 0.01,
          "smd_male_matched": 0.0} for v in VESSELS],
    )  # fmt: skip
    put(
        "attribution",
        [
            {"method": m, "vessel": v, "lead": lead, "segment": s, "attribution": rng.normal(0, 0.1), "lower": -0.1,
             "upper": 0.3, "unit": "logits", "absolute": 0.1, "rise": 1.7, "ecgs": 320, "folds": 5, "note": ""}
            for m in ("integrated gradients", "occlusion") for v in VESSELS for lead in LEADS for s in SEGMENTS
        ],
    )  # fmt: skip
    put(
        "faithfulness",
        [
            {"method": m, "vessel": v, "curve": curve, "area": 0.2, "area_random": 1.1, "difference": -0.9,
             "lower": -1.2, "upper": -0.6, "folds_better": 5, "folds": 5, "events": 250, "note": ""}
            for m in ("integrated gradients", "occlusion", "Grad-CAM") for v in VESSELS
            for curve in ("deletion", "insertion")
        ],
    )  # fmt: skip
    put(
        "randomisation",
        [
            {"method": m, "vessel": v, "layer": layer, "reinitialised": k + 1, "of_layers": 2, "correlation": 0.04,
             "lower": -0.1, "upper": 0.2, "correlation_absolute": 0.6, "folds": 5, "note": ""}
            for m in ("integrated gradients", "occlusion", "Grad-CAM") for v in VESSELS
            for k, layer in enumerate(("dense", "first_conv"))
        ],
    )  # fmt: skip
    put(
        "planted_attribution",
        [
            {"measure": m, "vessel": v, "auroc": 0.88, "lower": 0.81, "upper": 0.95, "regions": 60, "planted": 3,
             "folds": 5, "note": ""}
            for m in ("integrated gradients", "occlusion", "Grad-CAM") for v in (*VESSELS, "mean")
        ],
    )  # fmt: skip
    put(
        "recovery",
        [
            {"stratum": s, "vessel": v, "n": 2200, "events": 260, "patients": 1900, "oracle_auc": 0.79,
             "oracle_lower": 0.75, "oracle_upper": 0.83, "model_auc": AUC[v], "model_lower": AUC[v] - 0.04,
             "model_upper": AUC[v] + 0.04, "recovered": (AUC[v] - 0.5) / 0.29, "recovered_lower": 0.55,
             "recovered_upper": 0.83, "note": "too few events (7)" if v == "LM" else ""}
            if v != "mean" else
            {"stratum": s, "vessel": v, "recovered": 0.66, "recovered_lower": 0.58, "recovered_upper": 0.74,
             "note": "mean of RCA, LAD, LCX (vessels with at least 100 events)"}
            for s in ("all", "normal ECG") for v in (*VESSELS, "mean")
        ],
    )  # fmt: skip
    put("planted", [{"vessel": v, "regions": 60, "planted": 3, "waveform": 0.93} for v in VESSELS])
    put("table1", [{"characteristic": "n", "value": "", "All": "1910"},
                   {"characteristic": "Age, years", "value": "median [quartiles]", "All": "61 [53, 68]"},
                   {"characteristic": "Sex", "value": "female", "All": "950 (49.7 %)"}])  # fmt: skip
    names = ["recalibrated"] * (site != "internal")
    names += [
        "roc",
        "calibration",
        "probabilities",
        "grades",
        "cumulative_events",
        "cumulative_events_strata",
        "attribution",
        "planted",
    ]
    names += ["attribution_regions", "faithfulness", "randomisation"]
    names += [f"planted_attribution_{vessel}" for vessel in VESSELS]
    names += ["event_rates", "planted_hazards", "logits", "beats"]
    names += [f"normal_ecg_{name}" for name in ("roc", "calibration", "comparison")]
    names += [f"subgroups_{vessel}" for vessel in VESSELS]
    draw_toy(folder / "figures" / "toy.svg")
    for name in (*names, *(f"waveforms_{vessel}" for vessel in VESSELS)):
        for suffix in (".svg", ".png"):
            shutil.copy(folder / "figures" / f"toy{suffix}", folder / "figures" / f"{name}_{site}{suffix}")


def draw_toy(svg: Path) -> None:
    with mpl.rc_context(figures.STYLE | {"savefig.dpi": 30}):
        figure = Figure(figsize=(figures.PAGE, 2.5))
        figure.subplots().plot([0, 1], [0, 1])
        svg.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(svg)
        figure.savefig(svg.with_suffix(".png"), dpi=30)


def write_leakage(folder: Path) -> None:
    rows = [
        {"check": "patient in two folds", "compared": "patients of the development site", "n": 1910, "unit": "patients",
         "findings": 0, "method": "folds of each pseudonym", "note": ""},
        {"check": "patient in development and external", "compared": "internal and external", "n": 770,
         "unit": "patients", "findings": 0, "method": "the same pseudonym", "note": "blind: other pseudonym keys"},
    ]  # fmt: skip
    write_table(rows, folder / "tables/leakage.csv")


def write_records(folder: Path) -> None:
    (folder / "tables/time_used.csv").write_text(
        "rule,jobs,wall_seconds,work_seconds,other_seconds,overhead\n"
        "simulate_site,1,66.0,60.0,6.0,0.0909\n"
        "clean_signals,2,120.0,90.0,30.0,0.25\n"
        "all,3,186.0,150.0,36.0,0.1935\n"
    )
    for number, rule in enumerate(("simulate_site", "clean_signals", "finetune")):
        write_json(
            folder / "records" / rule / "internal.json",
            {
                "rule": rule, "job": f"{rule} internal", "started_at": f"2026-01-01T00:00:0{number}+00:00",
                "seconds": 61.5, "parameters": {}, "metrics": {}, "git_commit": "a" * 40,
                "inputs": {"/secret/hospital/export": "0" * 64},
                "outputs": {f"results/default/{rule}.bin": "1" * 64, "/secret/place/file": "2" * 64},
                "versions": {"python": "3.11.2", "torch": "2.13.0"},
            },
        )  # fmt: skip
