"""The first results table: each vessel's AUC beside the oracle's and the paper's."""

from dataclasses import replace

import pandas as pd

from ecg_ccta.report.blocks import Section, Table, Text
from ecg_ccta.report.formatting import count, estimate, interval, is_missing, listed, number, percent_interval
from ecg_ccta.report.results_folder import ResultsFolder
from ecg_ccta.statistics.estimates import CLUSTERED, COLUMNS, rows_of
from ecg_ccta.vessels import PAPER_AUC, PAPER_AUC_LATER, VESSELS

NOT_PLANTED = "–"


def first_results(results: ResultsFolder, control: ResultsFolder | None) -> Section:
    """AUC with patient-clustered interval per cohort and vessel."""
    study = results.study
    known_oracle = any(results.has("recovery", site) for site in study.sites)
    header = [
        "Vessel",
        "ECGs",
        "Events",
        f"AUC ({100 * study.evaluation.level:g} % interval)",
        *(["Oracle's AUC"] if known_oracle else []),
        "Paper, first release",
        "Paper, later release",
    ]
    groups, sentences = [], []
    for label, table, site, stratum, paper in cohorts(results):
        found = clustered_aucs(results, table, site)
        oracle = _oracle(results, site, stratum)
        rows = []
        for vessel in VESSELS:
            row = _row(found, vessel)
            auc = estimate(row)
            cells = [vessel, count(row["n"]), count(row["events"]), auc]
            if known_oracle:
                cells.append(number(oracle.get(vessel), note=NOT_PLANTED))
            rows.append([*cells, number(PAPER_AUC[paper][vessel]), number(PAPER_AUC_LATER[paper][vessel])])
        groups.append((label, rows))
        sentences.append(_sentence(label, found))
    blocks: list = [
        Table(
            "Discrimination of severe or complete stenosis, by cohort and vessel",
            header,
            groups,
            says=" ".join(sentences),
            downloads=[results.download(table, site) for _, table, site, _, _ in cohorts(results)],
            notes=_notes(results, known_oracle),
        )
    ]
    unscored = [results.title(site) for site in study.external_sites if study.sites[site].tables.ccta is None]
    if unscored:
        blocks.append(Text(f"{listed(unscored)}: scored only. The export has no CCTA findings to validate against."))
    blocks += _recovered(results) + _control(control)
    return Section("results", "Discrimination", blocks)


def cohorts(results: ResultsFolder) -> list[tuple[str, str, str, str, str]]:
    """(label, table, site, stratum of the recovery table, key of PAPER_AUC) of every validated cohort."""
    study = results.study
    own = study.development_site
    listing = [(f"{results.title(own)}, out of fold", "discrimination", own, "all", "internal")]
    listing += [
        (results.title(site), "discrimination", site, "all", "external")
        for site in study.external_sites
        if study.sites[site].tables.ccta is not None
    ]
    if results.has("normal_ecg", own):
        listing.append((f"{results.title(own)}, clinically normal ECGs", "normal_ecg", own, "normal ECG", "normal ECG"))
    return listing


def clustered_aucs(results: ResultsFolder, table: str, site: str) -> pd.DataFrame:
    """AUCs with their patient-clustered intervals: a row per vessel and for their mean."""
    found = results.table(table, site, ("vessel", *COLUMNS))
    return rows_of(found, "AUC", CLUSTERED)


def _row(found: pd.DataFrame, vessel: str) -> pd.Series:
    rows = found[found["vessel"] == vessel]
    empty = pd.Series({"n": None, "events": None, "estimate": None, "note": "not analysed"}).reindex(found.columns)
    return rows.iloc[0] if len(rows) else empty


def _oracle(results: ResultsFolder, site: str, stratum: str) -> dict[str, float]:
    if not results.has("recovery", site):
        return {}
    recovery = results.table("recovery", site, ("stratum", "vessel", "oracle_auc"))
    rows = recovery[recovery["stratum"] == stratum]
    return dict(zip(rows["vessel"], rows["oracle_auc"], strict=True))


def _sentence(label: str, found: pd.DataFrame) -> str:
    macro = _row(found, "macro")
    if is_missing(macro["estimate"]):
        return f"{label}: no vessel has enough events for an estimate."
    auc = interval(macro["estimate"], macro["lower"], macro["upper"])
    return f"{label}: mean AUC over vessels {auc}."


def _notes(results: ResultsFolder, known_oracle: bool) -> list[str]:
    notes = [
        "Intervals: bootstrap over patients, each with all their ECGs. DeLong's intervals are in the downloads.",
        "Paper: Xiao et al., arXiv 2512.05136, version 1 and the later release; other patients and another network, "
        "shown for orientation, not as a target. Left main disease is rare there too.",
    ]
    if known_oracle:
        notes.insert(
            1,
            "Oracle: the true event probability given everything that the simulated ECG shows, scored on the same "
            "ECGs; no model can do better but by luck.",
        )
    return notes


def _recoveries(results: ResultsFolder) -> list[tuple[str, pd.DataFrame]]:
    """(label, rows of a stratum) of every site whose truth is known."""
    return [
        (results.title(site) + ("" if stratum == "all" else f", {stratum}s"), rows)
        for site, _ in results.sites_with("recovery")
        for stratum, rows in results.table(
            "recovery", site, ("stratum", "vessel", "n", "events", "oracle_auc", "model_auc", "recovered", "note")
        ).groupby("stratum", sort=False)
    ]


def recovered_sentences(results: ResultsFolder) -> list[str]:
    """How much of what was planted is found, for each site and stratum that has an estimate."""
    said = []
    for label, rows in _recoveries(results):
        mean = rows[rows["vessel"] == "mean"]
        if len(mean) and not is_missing(mean.iloc[0]["recovered"]):
            row = mean.iloc[0]
            share = percent_interval(row["recovered"], row["recovered_lower"], row["recovered_upper"])
            said.append(f"{label}: {share} of the planted discrimination is recovered, {row['note'].split(' (')[0]}.")
    return said


def _recovered(results: ResultsFolder) -> list:
    recoveries = _recoveries(results)
    if not recoveries:
        return []
    return [
        Table(
            "Recovered against planted: model and oracle on the same ECGs",
            ["Vessel", "ECGs", "Events", "Oracle's AUC", "Model's AUC", "Recovered"],
            [(label, [_recovery_row(row) for _, row in rows.iterrows()]) for label, rows in recoveries],
            says=" ".join(recovered_sentences(results)),
            downloads=[results.download("recovery", site) for site, _ in results.sites_with("recovery")],
            notes=[
                "Recovered: (model's AUC − 0.5) / (oracle's AUC − 0.5), with an interval over patients. The mean is "
                "over vessels with at least 100 events."
            ],
        )
    ]


def _recovery_row(row: pd.Series) -> list[str]:
    mean = row["vessel"] == "mean"
    recovered = percent_interval(row["recovered"], row["recovered_lower"], row["recovered_upper"], note=row["note"])
    if mean:
        return ["Mean", "", "", "", "", recovered]
    return [
        row["vessel"],
        count(row["n"]),
        count(row["events"]),
        number(row["oracle_auc"], note=row["note"]),
        interval(row["model_auc"], row["model_lower"], row["model_upper"], note=row["note"]),
        recovered,
    ]


def control_sentence(control: ResultsFolder) -> str:
    """Whether the analysis finds something where nothing is planted."""
    macro = _row(clustered_aucs(control, "discrimination", control.study.development_site), "macro")
    if is_missing(macro["estimate"]):
        return f"Negative control: {macro['note'] or 'no estimate'}."
    covered = macro["lower"] <= 0.5 <= macro["upper"]
    auc = interval(macro["estimate"], macro["lower"], macro["upper"])
    return f"Negative control (the same analysis where nothing is planted): mean AUC over vessels {auc}; " + (
        "0.5 lies within the interval, as it must." if covered else "0.5 lies OUTSIDE the interval: find out why."
    )


def _control(control: ResultsFolder | None) -> list:
    if control is None:
        return []
    site = control.study.development_site
    found = clustered_aucs(control, "discrimination", site)
    rows = []
    for vessel in (*VESSELS, "macro"):
        row = _row(found, vessel)
        auc = estimate(row)
        rows.append(["Mean" if vessel == "macro" else vessel, count(row["n"]), count(row["events"], note=""), auc])
    rows[-1][2] = ""
    numbers = control.download("discrimination", site)
    return [
        Table(
            "Negative control: planted effect zero",
            ["Vessel", "ECGs", "Events", f"AUC ({100 * control.study.evaluation.level:g} % interval)"],
            [("", rows)],
            says=control_sentence(control),
            downloads=[replace(numbers, name=f"{control.study.study}_{numbers.name}")],
        )
    ]
