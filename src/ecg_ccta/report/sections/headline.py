"""The first results table: each vessel's AUC beside the oracle's and the paper's."""

import pandas as pd

from ecg_ccta.report.blocks import Section, Table, Text
from ecg_ccta.report.columns import ABSENT, Cell, bounded, grouped_rows, value, words
from ecg_ccta.report.formatting import count, interval, is_missing, listed, number, percent_interval
from ecg_ccta.report.negative_control import control_table
from ecg_ccta.report.outcome import outcome
from ecg_ccta.report.results_folder import ResultsFolder
from ecg_ccta.statistics.estimates import HONEST, rows_of
from ecg_ccta.truth.compare_with_truth import MEAN_EVENTS
from ecg_ccta.vessels import PAPER_ABSTRACT_RANGE, PAPER_AUC, PAPER_AUC_REPOSITORY, VESSELS

ORDER = 30


def _unless_mean(cell: Cell) -> Cell:
    return lambda rows: "" if rows["vessel"].iloc[0] == "mean" else cell(rows)


RECOVERY = {
    "Vessel": words("vessel", lambda vessel: "Mean" if vessel == "mean" else vessel),
    "ECGs": _unless_mean(value("n", count)),
    "Events": _unless_mean(value("events", count)),
    "Oracle's AUC": _unless_mean(value("oracle_auc", number)),
    "Model's AUC, folds pooled": _unless_mean(value("model_auc", number)),
    "Recovered": bounded("recovered", 0, "recovered_lower", "recovered_upper", percent_interval),
}


def headline(results: ResultsFolder) -> Section:
    """AUC with patient-clustered interval per cohort and vessel."""
    study = results.study
    known_oracle = any(results.has("recovery", site) for site in study.sites)
    cohort_tables, sentences = [], []
    for label, table, site, stratum, paper in cohorts(results):
        found = clustered_aucs(results, table, site)
        of_vessels = _of_vessels(found).assign(cohort=label)
        for name, values in (
            ("oracle", _oracle(results, site, stratum)),
            ("paper", PAPER_AUC.get(paper, {})),
            ("repository", PAPER_AUC_REPOSITORY.get(paper, {})),
        ):
            of_vessels[name] = of_vessels["vessel"].map(values)
        cohort_tables.append(of_vessels)
        sentences.append(_sentence(label, found))
    columns = {
        "Vessel": words("vessel"),
        "ECGs": value("n", count),
        "Events": value("events", count),
        f"AUC ({100 * study.evaluation.level:g} % interval)": bounded("estimate"),
        **({"Oracle's AUC": value("oracle", number, missing=ABSENT)} if known_oracle else {}),
        "Paper, version 1": value("paper", number, missing=ABSENT),
        "Paper, released repository": value("repository", number, missing=ABSENT),
    }
    blocks: list = [
        Table(
            f"Discrimination of {outcome(study.cohort.event_from)}, by cohort and vessel",
            list(columns),
            grouped_rows(pd.concat(cohort_tables), columns, group="cohort"),
            says=" ".join(sentences),
            downloads=[results.download(table, site) for _, table, site, _, _ in cohorts(results)],
            notes=_notes(results, known_oracle),
        )
    ]
    unjudged = [results.title(site) for site in study.external_sites if study.sites[site].tables.ccta is None]
    if unjudged:
        blocks.append(Text(f"{listed(unjudged)}: predicted only. The export has no CCTA findings to validate against."))
    controls = [control_table(study, results.control)] if results.control is not None else []
    return Section("results", "Discrimination", [*blocks, *_recovered(results), *controls])


def cohorts(results: ResultsFolder) -> list[tuple[str, str, str, str, str]]:
    """(label, table, site, stratum of the recovery table, key of PAPER_AUC or "none") of every validated cohort."""
    study = results.study
    own = study.development_site
    listing = [(f"{results.title(own)}, out of fold", "discrimination", own, "all", "internal")]
    listing += [
        (results.title(site), "discrimination", site, "all", "external")
        for site in study.external_sites
        if study.sites[site].tables.ccta is not None
    ]
    # The paper gives clinically normal ECGs of its own hospital alone.
    listing += [
        (f"{title}, clinically normal ECGs", "normal_ecg", site, "normal ECG", "normal ECG" if site == own else "none")
        for site, title in results.judged_sites_with("normal_ecg")
    ]
    return listing


def clustered_aucs(results: ResultsFolder, table: str, site: str) -> pd.DataFrame:
    """AUCs with intervals that allow for folds and for several ECGs of a patient: a row per vessel and their mean."""
    return rows_of(results.table(table, site), "AUC", HONEST)


def _of_vessels(found: pd.DataFrame, names: tuple[str, ...] = VESSELS) -> pd.DataFrame:
    """A row per vessel, also of one that was not analysed."""
    rows = found.set_index("vessel").reindex(names).reset_index()
    return rows.assign(note=rows["note"].fillna("not analysed"))


def _oracle(results: ResultsFolder, site: str, stratum: str) -> dict[str, float]:
    if not results.has("recovery", site):
        return {}
    recovery = results.table("recovery", site)
    rows = recovery[recovery["stratum"] == stratum]
    return dict(zip(rows["vessel"], rows["oracle_auc"], strict=True))


def _sentence(label: str, found: pd.DataFrame) -> str:
    macro = _of_vessels(found, ("macro",)).iloc[0]
    if is_missing(macro["estimate"]):
        return f"{label}: no vessel has enough events for an estimate."
    auc = interval(macro["estimate"], macro["lower"], macro["upper"])
    return f"{label}: mean AUC over vessels {auc}."


def _notes(results: ResultsFolder, known_oracle: bool) -> list[str]:
    notes = [
        "Intervals allow for several ECGs of a patient. Out of fold the AUC is the mean over folds, and its interval "
        "that of a model trained on as many patients: the folds' models were trained on each other's patients, which "
        "at most doubles the variance. Intervals for the models at hand, by DeLong and by the bootstrap, are in the "
        "downloads.",
        "Paper: Xiao et al., arXiv 2512.05136, version 1, and the repository that its authors released later; their "
        f"newest abstract gives internal AUCs of {' to '.join(map(number, PAPER_ABSTRACT_RANGE))} over the vessels. "
        "Other patients and another network, shown for orientation, not as a target. Left main disease is rare there "
        "too.",
    ]
    if known_oracle:
        notes.insert(
            1,
            "Oracle: the true event probability given everything that the simulated ECG shows, evaluated on the same "
            "ECGs; no model can do better but by luck.",
        )
    return notes


def _recoveries(results: ResultsFolder) -> pd.DataFrame:
    """The recovery tables of all sites whose truth is known, with the `cohort` of each row."""
    tables = []
    for site, title in results.sites_with("recovery"):
        found = results.table("recovery", site)
        strata = found["stratum"].map(lambda stratum: "" if stratum == "all" else f", {stratum}s")
        tables.append(found.assign(cohort=title + strata))
    return pd.concat(tables) if tables else pd.DataFrame(columns=["cohort", "vessel", "recovered"])


def recovered_sentences(results: ResultsFolder) -> list[str]:
    """How much of what was planted is found, for each site and stratum that has an estimate."""
    found = _recoveries(results)
    said = []
    for _, row in found[found["vessel"] == "mean"].dropna(subset=["recovered"]).iterrows():
        recovered = percent_interval(row["recovered"], row["recovered_lower"], row["recovered_upper"])
        vessels = row["note"].split(" (")[0]
        said.append(f"{row['cohort']}: {recovered} of the planted discrimination is recovered, {vessels}.")
    return said


def _recovered(results: ResultsFolder) -> list:
    found = _recoveries(results)
    if found.empty:
        return []
    return [
        Table(
            "Recovered against planted: model and oracle on the same ECGs",
            list(RECOVERY),
            grouped_rows(found, RECOVERY, group="cohort"),
            says=" ".join(recovered_sentences(results)),
            downloads=[results.download("recovery", site) for site, _ in results.sites_with("recovery")],
            notes=[
                "Recovered: (model's AUC − 0.5) / (oracle's AUC − 0.5), with an interval over patients that out of "
                f"fold allows for the folds. The mean is over vessels with at least {MEAN_EVENTS} events."
            ],
        )
    ]
