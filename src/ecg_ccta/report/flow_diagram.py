"""The STARD flow diagram of a site: who came, who was left out and why, and what CCTA found in the rest.

Items and order follow STARD 2015 (Bossuyt et al., BMJ 351:h5527): eligible, index test, reference standard, findings.
"""

import textwrap
from typing import Any

import pandas as pd

from ecg_ccta.config import EventFrom
from ecg_ccta.report.blocks import Box, Flow
from ecg_ccta.report.formatting import count, percent
from ecg_ccta.vessels import GRADE_CUTS, VESSELS

_SEVERE = EventFrom()

LINE, PADDING, GAP = 18, 9, 26
"""Pixels: height of a line, space inside a box, space between boxes."""
WIDTH, BOX, ASIDE, BETWEEN = 700, 320, 340, 12
"""Pixels: whole diagram, main boxes, exclusions, space between the vessels' boxes."""
MIDDLE, TIP = BOX / 2, 1.5
"""Pixels: middle of the main boxes, and room for an arrow's tip."""
CHARACTERS = 46
"""Of a line in the exclusions' box beside its number."""


def flow_diagram(
    site: str, title: str, steps: list[dict[str, Any]], found: pd.DataFrame | None, event_from: EventFrom = _SEVERE
) -> Flow:
    """The diagram of one site.

    Parameters
    ----------
    steps : {"label", "ecgs", "patients"} with {"excluded": reason, "ecgs"} between them, as in flow.json.
    found : rows with vessel, n (ECGs with a finding) and events, or None where no CCTA was read.
    event_from : the grade from which a stenosis is an event, per vessel.
    """
    boxes: list[Box] = []
    arrows: list[str] = []
    stages = _stages(steps)
    y = 1.0
    for place, (step, exclusions) in enumerate(stages):
        boxes.append(_box(1, y, BOX, [(step["label"], ""), (_size(step), "")]))
        bottom = y + boxes[-1].height
        y = bottom + GAP
        if exclusions:
            total = sum(part["ecgs"] for part in exclusions)
            lines = [line for part in exclusions for line in _reason(part)]
            aside = _box(WIDTH - ASIDE - 1, bottom + GAP / 2, ASIDE, [("ECGs excluded", count(total)), *lines])
            boxes.append(aside)
            arrows.append(f"M{MIDDLE} {aside.y + aside.height / 2}H{aside.x - TIP}")
            y = aside.y + aside.height + GAP / 2
        if place + 1 < len(stages):
            arrows.append(f"M{MIDDLE} {bottom}V{y - TIP}")
    first, last = stages[0][0], stages[-1][0]
    if found is not None:
        _findings(boxes, arrows, bottom, last["ecgs"], found, event_from)
    share = percent(last["ecgs"] / max(first["ecgs"], 1))
    return Flow(
        f"Flow of ECGs, {title}",
        f"flow_{site}",
        boxes,
        arrows,
        WIDTH,
        max(box.y + box.height for box in boxes) + 1,
        f"{count(last['ecgs'])} of {count(first['ecgs'])} ECGs ({share}) of {count(last['patients'])} patients are "
        "included.",
    )


def _stages(steps: list[dict[str, Any]]) -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Each step with a label, and the exclusions that follow it."""
    stages: list[tuple[dict[str, Any], list[dict[str, Any]]]] = []
    for step in steps:
        if "excluded" in step:
            stages[-1][1].append(step)
        else:
            stages.append((step, []))
    return stages


def _reason(step: dict[str, Any]) -> list[tuple[str, str]]:
    """The lines of one exclusion, its count behind the last."""
    *before, last = textwrap.wrap(step["excluded"], CHARACTERS) or [""]
    return [*((line, "") for line in before), (last, count(step["ecgs"]))]


def _findings(
    boxes: list[Box], arrows: list[str], top: float, included: int, found: pd.DataFrame, event_from: EventFrom
) -> None:
    """What stands under the included ECGs: the network's reading, and CCTA's finding of each vessel."""
    test = _box(1, top + GAP, BOX, [("Index test: probability by the network", ""), (f"{count(included)} ECGs", "")])
    boxes.append(test)
    arrows.append(f"M{MIDDLE} {top}V{test.y - TIP}")
    rows = found.set_index("vessel")
    width = (WIDTH - 2 - 3 * BETWEEN) / 4
    bottom = test.y + test.height
    y = bottom + GAP
    for place, vessel in enumerate(VESSELS):
        n, events = int(rows.loc[vessel, "n"]), int(rows.loc[vessel, "events"])
        lines = [
            (f"CCTA: {vessel}", count(n)),
            (f"{GRADE_CUTS[getattr(event_from, vessel)]} % or more", count(events)),
            ("less", count(n - events)),
            ("no finding", count(included - n)),
        ]
        box = _box(1 + place * (width + BETWEEN), y, width, lines)
        boxes.append(box)
        arrows.append(f"M{MIDDLE} {bottom}V{bottom + GAP / 2}H{box.x + width / 2}V{y - TIP}")


def _box(x: float, y: float, width: float, lines: list[tuple[str, str]]) -> Box:
    return Box(x, y, width, 2 * PADDING + LINE * len(lines), lines)


def _size(step: dict[str, Any]) -> str:
    return f"{count(step['ecgs'])} ECGs of {count(step['patients'])} patients"
