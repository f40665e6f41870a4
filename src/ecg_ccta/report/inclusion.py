"""Who was included: the flow of ECGs of every site, and Table 1."""

from typing import Any

from ecg_ccta.report.blocks import Flow, FlowStep, Section, Table
from ecg_ccta.report.formatting import count, percent
from ecg_ccta.report.results_folder import ResultsFolder


def inclusion(results: ResultsFolder) -> Section:
    blocks: list = [Flow(results.title(site), flow_steps(results.flow(site))) for site in results.study.sites]
    for site in results.study.sites:
        # Of the intermediate site, whose flow goes further, Table 1 is no description of who taught the network.
        if not results.has("table1", site) or site == results.study.intermediate_site:
            continue
        words = results.table("table1", site, words=True)
        first, last = _ends(results.flow(site))
        blocks.append(
            Table(
                f"Characteristics of the included patients, {results.title(site)}",
                [name.capitalize() if name in ("characteristic", "value") else name for name in words.columns],
                [("", words.to_numpy().tolist())],
                says=f"{count(last['ecgs'])} of {count(first['ecgs'])} ECGs "
                f"({percent(last['ecgs'] / max(first['ecgs'], 1))}) of {count(last['patients'])} patients are "
                "included.",
                downloads=[results.download("table1", site)],
            )
        )
    return Section("inclusion", "Who was included", blocks)


def flow_steps(steps: list[dict[str, Any]]) -> list[FlowStep]:
    """Boxes of the flow diagram, each with the exclusions that follow it.

    `steps` are {"label", "ecgs", "patients"} with {"excluded": reason, "ecgs"} between them.
    """
    boxes: list[FlowStep] = []
    for step in steps:
        if "excluded" in step:
            boxes[-1].excluded.append((step["excluded"], count(step["ecgs"])))
        else:
            boxes.append(FlowStep(step["label"], count(step["ecgs"]), count(step["patients"]), []))
    return boxes


def _ends(steps: list[dict[str, Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
    boxes = [step for step in steps if "label" in step]
    return boxes[0], boxes[-1]
