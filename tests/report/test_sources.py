"""Every figure and table leads to the run that made it, or says that it is not sent yet."""

import html
import re
from pathlib import Path

import pytest

from ecg_ccta.files import sha256_json, write_json
from ecg_ccta.report.page import build_report
from ecg_ccta.tracking.sent import Tracking, write_tracking


def write_record(results: Path, job: str, outputs: list[str]) -> dict:
    rule, site = job.split()
    record = {
        "rule": rule, "job": job, "started_at": "2026-01-01T00:01:00+00:00", "seconds": 1.0, "parameters": {},
        "inputs": {}, "outputs": {f"results/default/{name}": "3" * 64 for name in outputs}, "versions": {},
    }  # fmt: skip
    write_json(results / "records" / rule / f"{site}.json", record)
    return record


@pytest.fixture
def record(results) -> dict:
    names = ("tables/discrimination/internal.csv", "tables/roc/internal.csv", "figures/roc_internal.svg")
    write_record(results, "admit_ecgs internal", ["cohort/internal.flow.json"])
    return write_record(results, "validate internal", list(names))


def track(results: Path, **facts) -> None:
    write_json(results / "config.json", {})
    uri = {"tracking_uri": "https://mlflow.example.org", "experiment_id": "4", "parent_run_id": "all"}
    write_tracking(Tracking({**uri, **facts, "records": {}}, 0), results / "tracking.json")


def sources(page: str) -> list[str]:
    return [html.unescape(text) for text in re.findall(r'<p class="source">(.*?)</p>', page)]


def test_a_figure_a_table_and_a_flow_link_to_their_run(study, results, record):
    track(results, status="sent", runs={"validate internal": "run-v", "admit_ecgs internal": "run-a"})
    page = build_report(study, results)
    link = '<a href="https://mlflow.example.org/#/experiments/4/runs/{}">run, inputs and code</a>'
    made = f"Made by job <code>validate internal</code>, record <code>{sha256_json(record)[:12]}</code>: "
    assert sources(page).count(made + link.format("run-v")) >= 2, (
        "the figure, once although its table is of it, and the table"
    )
    figure = page[page.index("roc_internal.svg") :]
    assert sources(figure)[0].startswith(made)
    assert sum(link.format("run-a") in text for text in sources(page)) == 2, "the diagram and its table"
    assert "Runs in MLflow" in page
    assert "https://mlflow.example.org/#/experiments/4/runs/all" in page


@pytest.mark.parametrize("facts", [None, {"status": "pending", "reason": "no answer"}])
def test_what_is_not_sent_yet_is_said(study, results, record, facts):
    if facts:
        track(results, **facts)
    page = build_report(study, results)
    assert len(sources(page)) >= 3
    assert all(text.endswith("not yet sent to MLflow") for text in sources(page))
    assert "not sent yet: ecg-ccta sync" in page
    assert "mlflow.example.org" not in page


def test_a_job_that_was_not_sent_with_the_others_is_said(study, results, record):
    track(results, status="sent", runs={"admit_ecgs internal": "run-a"})
    not_sent = [text for text in sources(build_report(study, results)) if "not yet sent" in text]
    assert not_sent
    assert all("validate internal" in text for text in not_sent)
