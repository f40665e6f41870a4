"""Single ECGs explained: shown where the patients are simulated, and only told of where they are real."""

import pandas as pd

from ecg_ccta.report.blocks import Figure, Folded, Section, Text
from ecg_ccta.report.embedding import file_uri
from ecg_ccta.report.formatting import number, percent
from ecg_ccta.report.results_folder import ResultsFolder
from ecg_ccta.single_ecg.choosing import OUTCOMES
from ecg_ccta.vessels import VESSELS

ORDER = 130


def individual(results: ResultsFolder) -> Section | None:
    """A tracing is personal data, and the report is what leaves a hospital: pages of real patients stay in `ecgs/`."""
    blocks: list = []
    for site, settings in results.study.sites.items():
        folder = results.folder / "ecgs" / site
        if not (folder / "index.csv").exists():
            continue
        index = pd.read_csv(folder / "index.csv")
        where = f"results/{results.study.study}/ecgs/{site}"
        title = results.title(site)
        if settings.simulation is None:
            blocks.append(
                Text(
                    f"{title}: the pages of {len(index)} single ECGs are in {where}. They are not shown here, nor sent "
                    "to MLflow, because a tracing is personal data and can identify a patient, and this report may "
                    "leave the hospital."
                )
            )
        elif site == results.study.development_site and len(index):
            shown = examples(index)
            pages = [
                Figure(
                    f"ECG {row['ecg_id']}, {title}",
                    f"Page of one ECG: four probabilities, risk groups, and the tracing coloured for {row['vessel']}.",
                    file_uri(folder / row["file"]),
                    _says(row),
                )
                for _, row in shown.iterrows()
            ]
            blocks += [
                Text(f"{title}: {len(index)} ECGs have a page each in {where}; {len(pages)} of them are here."),
                pages[0],
                Folded("More examples", pages[1:]),
            ]
        else:
            blocks.append(Text(f"{title}: the pages of {len(index)} single ECGs are in {where}."))
    return Section("single-ecgs", "Single ECGs", blocks) if blocks else None


def examples(index: pd.DataFrame) -> pd.DataFrame:
    """One ECG of each outcome, of another vessel each where there is one; all where they were chosen by hand."""
    if not set(index["chosen_as"]) <= set(OUTCOMES):
        return index.head(len(OUTCOMES))
    turned = list(VESSELS[2:] + VESSELS[:2])
    rows = []
    for place, outcome in enumerate(OUTCOMES):
        of_outcome = index[index["chosen_as"] == outcome]
        order = of_outcome["vessel"].map(lambda vessel, place=place: (turned.index(vessel) - place) % len(turned))
        rows.append(of_outcome.loc[order.sort_values().index[:1]])
    return pd.concat(rows)


def _says(row: pd.Series) -> str:
    grade = "no finding" if pd.isna(row["grade"]) else f"CCTA: {row['grade']}"
    against = row["logit_over_mean_beat"]
    says = f"{row['vessel']}, {row['chosen_as']}: probability {percent(row['probability'], 1)} ({grade})."
    if pd.isna(against):
        return f"{says} Too few similar beats for colours."
    return (
        f"{says} The colours add up to {number(against, 2)}, the logit over that of the mean beat of other patients in "
        "its place; orange raises it, blue lowers it."
    )
