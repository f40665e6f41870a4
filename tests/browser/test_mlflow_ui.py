"""MLflow's pages as `ecg-ccta audit` shows them: a run's parameters, figure and code, and the runs it was made from."""

import json
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from playwright.sync_api import Page, expect

from ecg_ccta.files import sha256
from ecg_ccta.tracking.auditing import serve_local
from ecg_ccta.tracking.mlflow_runs import send_records
from ecg_ccta.tracking.sent import Tracking

PATIENCE = 60_000
"""Milliseconds; MLflow's pages load some megabytes of script."""


def record(results: Path, rule: str, inputs: list[str], outputs: list[str], **content) -> Path:
    """The record of a job whose files lie in the folder of the study `seen`."""
    folder = results / "seen"
    path = folder / f"{rule}.json"
    common = {
        "rule": rule,
        "job": f"{rule} ours",
        "study": "seen",
        "wildcards": {"study": "seen", "site": "ours"},
        "started_at": "2026-01-02T03:04:05.000+00:00",
        "finished_at": "2026-01-02T03:04:15.500+00:00",
        "seconds": 10.5,
        "seed": 7,
        "parameters": {"evaluation": {"level": 0.95}},
        "parameters_sha256": "0" * 64,
        "metrics": {"auc.LM": 0.8125},
        "series": {},
        "inputs": {f"results/seen/{name}": sha256(folder / name) for name in inputs},
        "outputs": {f"results/seen/{name}": sha256(folder / name) for name in outputs},
        "git_commit": "a" * 40,
        "code": f"# the code of {rule}\n",
        "host": "here",
        "log": "none.log",
    }
    path.write_text(json.dumps({**common, **content}))
    return path


@pytest.fixture(scope="module")
def sent(tmp_path_factory) -> Iterator[Tracking]:
    """Where the runs of two jobs are, one of which read what the other made."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("seen")
        patch.chdir(folder)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        results = folder / "results"
        (results / "seen/figures").mkdir(parents=True)
        (results / "seen/model.safetensors").write_text("weights")
        figure, axes = plt.subplots()
        axes.plot([0, 1], [0, 1])
        figure.savefig(results / "seen/figures/roc_ours.png")
        plt.close(figure)
        losses = {"validation_loss": [[0, 0.5], [1, 0.4], [2, 0.375]]}
        records = [
            record(results, "finetune", [], ["model.safetensors"], series=losses),
            record(results, "validate", ["model.safetensors"], ["figures/roc_ours.png"]),
        ]
        yield send_records({"study": "seen"}, records, results)


@pytest.fixture(scope="module")
def pages(sent, free_port) -> Iterator[str]:
    port = free_port()
    results = Path(sent.facts["tracking_uri"].removeprefix("sqlite:///")).parent
    server = serve_local(results, port)
    url, end = f"http://127.0.0.1:{port}", time.monotonic() + 90
    while server.poll() is None and time.monotonic() < end:
        with suppress(OSError), urllib.request.urlopen(f"{url}/health", timeout=2):
            break
        time.sleep(0.3)
    yield url
    server.terminate()
    server.wait(20)


@pytest.fixture
def run_page(browser_page: Page, sent, pages):
    """Function (job, tab) that opens the page of a job's run."""
    browser_page.set_default_timeout(PATIENCE)
    facts = sent.facts

    def open_run(job: str, tab: str = "") -> Page:
        browser_page.goto(f"{pages}/#/experiments/{facts['experiment_id']}/runs/{facts['runs'][job]}{tab}")
        expect(browser_page.get_by_role("heading", name=job)).to_be_visible(timeout=PATIENCE)
        return browser_page

    return open_run


def test_a_run_shows_its_parameters_metrics_and_data(run_page):
    page = run_page("validate ours")
    for text in ("evaluation.level", "0.95", "auc.LM", "0.8125", "Finished"):
        expect(page.get_by_text(text, exact=True).first).to_be_visible(timeout=PATIENCE)


def test_a_runs_inputs_lead_to_the_run_that_made_them(run_page, sent):
    page = run_page("validate ours")
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="finetune ours").first.click()
    assert opened.value.url.endswith(f"/runs/{sent.facts['runs']['finetune ours']}")
    expect(opened.value.get_by_role("heading", name="finetune ours")).to_be_visible(timeout=PATIENCE)


def test_a_figure_is_seen(run_page):
    page = run_page("validate ours", "/artifacts/roc_ours.png")
    image = page.locator("img[src^='blob:'], img[src*='roc_ours']").first
    image.wait_for()
    page.wait_for_function("image => image.naturalWidth > 100", arg=image.element_handle())


def test_the_code_of_a_run_is_read(run_page):
    page = run_page("validate ours")
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="workflow/scripts/validate.py").click()
    page = opened.value
    expect(page.get_by_text("the code of validate")).to_be_visible(timeout=PATIENCE)


def test_epochs_are_drawn(run_page):
    page = run_page("finetune ours", "/model-metrics")
    expect(page.get_by_text("validation_loss").first).to_be_visible(timeout=PATIENCE)
    page.locator(".js-plotly-plot .scatterlayer .trace").first.wait_for()
