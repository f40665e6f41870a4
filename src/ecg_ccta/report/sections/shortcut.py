"""Whether the network knows where or with what an ECG was recorded, and how much of its AUC rests on that."""

import pandas as pd

from ecg_ccta.evaluation.analyse_shortcut import ALONE, MACRO, POOLED, WITHIN
from ecg_ccta.evaluation.probe_origin import ALL_PAIRS, DEMOGRAPHY, FEATURES, SAME_FINDINGS
from ecg_ccta.report.blocks import Section, Text
from ecg_ccta.report.columns import Cell, bounded, measured, p_of, value, where, words
from ecg_ccta.report.formatting import count, estimate, is_missing
from ecg_ccta.report.results_folder import ResultsFolder
from ecg_ccta.statistics.estimates import rows_of

ORDER = 147


def _probe(predictor: str, pairs: str) -> Cell:
    cell = bounded("estimate")

    def of_rows(rows: pd.DataFrame) -> str:
        found = rows[(rows["predictor"] == predictor) & (rows["pairs"] == pairs)]
        return cell(found) if len(found) else rows["note"].iloc[0]

    return of_rows


PROBES = {
    "Origin": words("origin"),
    "Its ECGs": value("events", count),
    "Of": value("n", count),
    "Features": _probe(FEATURES, ALL_PAIRS),
    "Features, same findings": _probe(FEATURES, SAME_FINDINGS),
    "Age and sex": _probe(DEMOGRAPHY, ALL_PAIRS),
}
AUCS = {
    "Vessel": words("vessel", lambda vessel: "Mean" if vessel == MACRO else vessel),
    "All pairs": where("compared", POOLED, measured("AUC")),
    "Pairs of one origin": where("compared", WITHIN, measured("AUC")),
    "All minus one origin": where("compared", POOLED, measured("AUC difference")),
    "p": where("compared", POOLED, p_of("AUC difference p")),
    "Origin alone": where("compared", ALONE, measured("AUC")),
}


def shortcut(results: ResultsFolder) -> Section | None:
    if results.study.shortcut is None or not results.has("shortcut"):
        return None
    column = results.study.shortcut.column
    found = results.table("shortcut").fillna({"compared": ""})
    blocks: list = [
        Text(
            f"A {column} that is used more often where there is a stenosis can pass for a sign of it. First, a linear "
            f"probe of what the network's last layer reads tells the {column} of ECGs whose patients neither probe nor "
            f"network has seen. Second, the AUC is compared with that over pairs of ECGs of one {column}, which no "
            f"knowledge of the {column} can order."
        ),
        *results.drawn(
            "shortcut",
            None,
            f"What the network knows of the {column}, and what its AUC is worth without it",
            f"Left: dots with intervals of the AUC by which features, and age and sex, tell the {column}. Right: mean "
            "AUC over all pairs, over pairs of one origin, and of the origin alone, for each site.",
            " ".join(filter(None, [probe_sentence(results), auc_sentence(results, found)])),
            "shortcut",
        ),
    ]
    for site, _ in results.judged_sites_with("origin_probe"):
        blocks.append(
            results.tabulated(
                "origin_probe",
                site,
                f"AUC by which the {column} is told",
                results.table("origin_probe", site).fillna({"origin": "", "predictor": "", "pairs": ""}),
                PROBES,
                row="origin",
                notes=[
                    "Fisher's linear discriminant, fitted on the patients of the other folds; pairs of one fold, "
                    "interval over patients that allows for the folds' common patients. Same findings: pairs of two "
                    "patients who both have a severe stenosis or both none. Above 0.5 the features know the origin, be "
                    "it by what the recorder leaves in a tracing or because its patients differ, as age and sex may."
                ],
            )
        )
    for site in [site for site in results.study.sites if (found["site"] == site).any()]:
        here = found[found["site"] == site]
        if here["estimate"].isna().all() and here["vessel"].eq(MACRO).all():
            blocks.append(Text(f"{results.title(site)}: {here['note'].iloc[0]}."))
            continue
        blocks.append(
            results.tabulated(
                "shortcut",
                None,
                f"AUC over all pairs of ECGs and over pairs of one {column}, {results.title(site)}",
                here,
                AUCS,
                row="vessel",
                notes=[
                    "ECGs whose origin is known. Origin alone: each ECG ranked by the proportion of stenoses in its "
                    "origin among the patients of the other folds. All minus one origin, paired over patients, holds "
                    "what the network takes from the origin and what it rightly sees where one origin's patients are "
                    "sicker; the two cannot be told apart in one hospital's data."
                ],
            )
        )
    return Section("shortcut", "Where and with what ECGs were recorded", blocks)


def probe_sentence(results: ResultsFolder) -> str:
    """What features tell of the origin beyond the findings, at each site."""
    said = []
    for site, title in results.judged_sites_with("origin_probe"):
        rows = results.table("origin_probe", site).dropna(subset=["estimate"])
        rows = rows[(rows["predictor"] == FEATURES) & (rows["pairs"] == SAME_FINDINGS)]
        if rows.empty:
            continue
        best = rows.loc[rows["estimate"].idxmax()]
        known = (rows["lower"] > 0.5).sum()
        verdict = f"{known} of {len(rows)} origins are told from the others" if len(rows) > 1 else ""
        if not verdict:
            verdict = f"features tell {best['origin']}" if known else f"features do not tell {best['origin']}"
        said.append(f"{title}: {verdict} among patients of the same findings, AUC {estimate(best)}.")
    return " ".join(said)


def auc_sentence(results: ResultsFolder, found: pd.DataFrame) -> str:
    """What the mean AUC loses within origins, and at sites where the origin has nothing to do with stenosis."""
    said = []
    for site, rows in found[found["vessel"] == MACRO].groupby("site", sort=False):
        lost = rows_of(rows, "AUC difference")
        if lost.empty or is_missing(lost["estimate"].iloc[0]):
            continue
        of = {kind: rows_of(rows[rows["compared"] == kind], "AUC").iloc[0] for kind in (POOLED, WITHIN, ALONE)}
        said.append(
            f"{results.title(str(site))}: mean AUC {estimate(of[POOLED])} over all pairs and {estimate(of[WITHIN])} "
            f"over pairs of one origin, a difference of {estimate(lost.iloc[0])}; the origin alone has "
            f"{estimate(of[ALONE])}."
        )
        falls = rows_of(rows, "AUC difference to development")
        if len(falls):
            by = {row["compared"]: estimate(row) for _, row in falls.iterrows()}
            said.append(
                f"Compared with the development site the difference is {by[POOLED]} over all pairs and "
                f"{by[WITHIN]} over pairs of one origin."
            )
    return " ".join(said)
