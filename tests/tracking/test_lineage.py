"""Which job made what another read."""

import pytest

from ecg_ccta.tracking.lineage import LONGEST_NOTE, edited, lineage_tags, makers, upstream


def record(job: str, inputs: dict[str, str], outputs: dict[str, str]) -> dict:
    return {"job": job, "rule": job.split()[0], "inputs": inputs, "outputs": outputs, "git_commit": "c" * 40}


@pytest.fixture
def contents() -> list[dict]:
    """Two makers, a reader of both and of what nobody made, and a reader of an older version."""
    return [
        record("split a", {"export": "e"}, {"s": "1"}),
        record("train a", {"s": "1"}, {"m": "2"}),
        record("predict a", {"m": "2", "s": "1", "export": "e", "gone": None}, {"p": "3"}),
        record("validate a", {"p": "older"}, {"t": "4"}),
    ]


def test_a_file_was_made_by_the_job_with_its_hash(contents):
    made = makers(contents)
    assert made["m", "2"] == "train a"
    assert [upstream(content, made) for content in contents] == [[], ["split a"], ["train a", "split a"], []]


def test_tags_name_run_ids_in_both_directions(contents):
    runs = {content["job"]: f"id-{content['job'][0]}" for content in contents}
    tags = lineage_tags(contents, runs, "1", "parent")
    assert tags["predict a"]["ecg_ccta.upstream"] == "id-t id-s"
    assert tags["split a"]["ecg_ccta.downstream"] == "id-t id-p"
    assert tags["validate a"]["ecg_ccta.upstream"] == ""
    note = tags["predict a"]["mlflow.note.content"]
    assert note.startswith(
        "Made by [workflow/scripts/predict.py](#/experiments/1/runs/id-p/artifacts/predict.py) from "
        "[train a](#/experiments/1/runs/id-t), [split a](#/experiments/1/runs/id-s).\n"
    )
    assert "| `m` | `2` | [train a](#/experiments/1/runs/id-t) |" in note
    assert "| `gone` | `missing` |  |" in note
    assert "[the study](#/experiments/1/runs/parent)" in note
    assert (
        "| `s` | `1` | [train a](#/experiments/1/runs/id-t), [predict a](#/experiments/1/runs/id-p) |"
        in tags["split a"]["mlflow.note.content"]
    )


def test_a_long_note_says_what_it_leaves_out():
    files = {f"results/default/records/rule-{i}/site.json": "f" * 64 for i in range(300)}
    tags = lineage_tags([record("build_report report", files, {})], {"build_report report": "id"}, "1", "parent")
    note = tags["build_report report"]["mlflow.note.content"]
    assert len(note) < LONGEST_NOTE + 100
    assert note.count("| `results") + int(note.split()[-4]) == 300
    assert note.endswith("more in `record.json`.\n")


def test_a_note_is_edited_where_it_is_not_the_one_that_was_written():
    assert not edited({})
    assert edited({"mlflow.note.content": "mine"})
    assert edited({"mlflow.note.content": "mine", "ecg_ccta.note": "0" * 64})
