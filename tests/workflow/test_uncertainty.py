"""Instability and abstention of a finished study, as it is planned: their own jobs, and what shows them."""

import re

import pytest
import yaml

AGAIN = {"build_report": 1, "log_study": 1, "log_report": 1, "all": 1}
"""What every new result is sent and shown by."""


@pytest.mark.parametrize(
    ("section", "own"),
    [
        ({"abstention": {}}, {"build_prediction_sets": 2}),
        (
            {"instability": {"redevelopments": 20, "networks": 0}},
            {"redevelop_probe": 2, "measure_instability": 2, "compare_instability_with_truth": 2},
        ),
        (
            {"instability": {"redevelopments": 20, "networks": 3}},
            {"redevelop_probe": 2, "finetune": 6, "predict": 6, "measure_instability": 2,
             "compare_instability_with_truth": 2},
        ),
    ],
)  # fmt: skip
def test_a_finished_study_adds_only_their_jobs(make_workflow, small_study, root, tmp_path, section, own):
    values = yaml.safe_load((root / "tests/workflow/small.yaml").read_text()) | section
    (tmp_path / "more.yaml").write_text(yaml.safe_dump(values))
    planned = make_workflow(small_study.folder, tmp_path / "more.yaml").run(options=["-n"]).stdout
    jobs = {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", planned, flags=re.MULTILINE)}
    assert jobs == own | AGAIN | {"total": sum((own | AGAIN).values())}
