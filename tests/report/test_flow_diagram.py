"""The flow diagram: its numbers, and boxes that neither overlap nor leave the drawing."""

import itertools

import pandas as pd
import pytest

from ecg_ccta.report.flow_diagram import WIDTH, flow_diagram

STEPS = [
    {"label": "ECGs in the export", "ecgs": 1000, "patients": 900},
    {"label": "ECGs read", "ecgs": 1000, "patients": 900},
    {"excluded": "a reason that is so long that it does not fit into one line of the box beside the flow", "ecgs": 40},
    {"excluded": "flat lead", "ecgs": 10},
    {"label": "ECGs included", "ecgs": 950, "patients": 870},
]
FOUND = pd.DataFrame({"vessel": ["RCA", "LM", "LAD", "LCX"], "n": [940, 950, 900, 930], "events": [90, 3, 120, 80]})


def words(flow) -> list[list[tuple[str, str]]]:
    return [box.lines for box in flow.boxes]


def test_it_has_every_step_and_exclusion_with_its_count():
    flow = flow_diagram("a", "A", STEPS, FOUND)
    boxes = words(flow)
    assert boxes[0] == [("ECGs in the export", ""), ("1\u202f000 ECGs of 900 patients", "")]
    aside = boxes[2]
    assert aside[0] == ("ECGs excluded", "50")
    assert " ".join(text for text, _ in aside[1:-1]) == STEPS[2]["excluded"]
    assert [number for _, number in aside[1:]] == ["", "40", "10"]
    assert boxes[-4] == [("CCTA: RCA", "940"), ("70 % or more", "90"), ("less", "850"), ("no finding", "10")]
    assert flow.says == "950 of 1\u202f000 ECGs (95 %) of 870 patients are included."


def test_a_site_without_ccta_ends_with_the_included():
    assert words(flow_diagram("a", "A", STEPS, None))[-1][0] == ("ECGs included", "")


@pytest.mark.parametrize("found", [FOUND, None])
def test_boxes_do_not_overlap_and_stay_inside(found):
    flow = flow_diagram("a", "A", STEPS, found)
    for box in flow.boxes:
        assert 0 <= box.x <= box.x + box.width <= WIDTH == flow.width
        assert 0 <= box.y <= box.y + box.height <= flow.height
    for one, other in itertools.combinations(flow.boxes, 2):
        beside = one.x + one.width <= other.x or other.x + other.width <= one.x
        assert beside or one.y + one.height <= other.y or other.y + other.height <= one.y
