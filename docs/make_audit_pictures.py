"""The pictures of audit.md, from the finished default study: python docs/make_audit_pictures.py.

They are taken of a copy, whose artefacts' paths, which MLflow shows, are nobody's.
"""

import shutil
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from ecg_ccta.tracking.auditing import serve_local
from ecg_ccta.tracking.sent import read_tracking

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
PORT = 5000
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--no-proxy-server",
         "--disable-component-update", "--disable-sync"]  # fmt: skip


def take_pictures(page: Page, results: Path) -> None:
    facts = read_tracking(results / "default" / "tracking.json")
    page.goto((results / "default" / "report" / "index.html").as_uri())
    block = page.locator(".block", has=page.get_by_text("roc_internal.svg"), has_text="Made by").first
    block.screenshot(path=IMAGES / "audit-report.png")
    run = f"http://127.0.0.1:{PORT}/#/experiments/{facts['experiment_id']}/runs/{facts['runs']['validate internal']}"
    page.goto(run)
    page.get_by_text("Made by").first.wait_for()
    # MLflow's first visit shows its pages for language models, and an assistant.
    page.get_by_text("Model training", exact=True).click()
    page.goto(run)
    page.get_by_text("Made by").first.wait_for()
    with suppress(Exception):
        page.get_by_role("button", name="Close", exact=True).click(timeout=3000)
    page.wait_for_timeout(2000)
    page.screenshot(path=IMAGES / "audit-run.png")
    for name, path in (("figure", "roc_internal.png"), ("code", "validate.py")):
        page.goto("about:blank")
        page.goto(f"{run}/artifacts/{path}")
        page.wait_for_timeout(5000)
        page.screenshot(path=IMAGES / f"audit-{name}.png")


if __name__ == "__main__":
    results = Path("/tmp/ecg-ccta/results")
    shutil.rmtree(results, ignore_errors=True)
    for part in ("mlflow.db", "mlflow-artifacts", "default/tracking.json", "default/report"):
        (results / part).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / "results" / part).is_dir() else shutil.copy
        copy(ROOT / "results" / part, results / part)
    with serve_local(results, PORT) as server, sync_playwright() as playwright:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{PORT}/health", timeout=2):
                break
            time.sleep(0.5)
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        take_pictures(browser.new_page(viewport={"width": 1360, "height": 820}), results)
        browser.close()
        server.terminate()
