"""The pictures of tour.md, from the report of the finished default study: python docs/make_tour_pictures.py."""

import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
REPORT = ROOT / "results" / "default" / "report" / "index.html"
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip

BLOCKS = {
    "flow": ("inclusion", "svg"),
    "discrimination": ("results", "table"),
    "calibration": ("calibration", "img"),
    "events": ("cumulative-events", "img"),
    "waveforms": ("waveforms", "img[alt*='LAD']"),
    "planted": ("planted", "img[alt*='for LAD']"),
    "single": ("single-ecgs", "img"),
    "logits": ("logits", "img"),
}
"""Picture -> (section of the report, the first of these within it)."""


def take_pictures() -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_page(viewport={"width": 1180, "height": 820})
        page.goto(REPORT.as_uri())
        page.screenshot(path=IMAGES / "tour-report.png")
        for name, (section, part) in BLOCKS.items():
            shown = page.locator(f"#{section} {part}").first
            shown.scroll_into_view_if_needed()
            shown.screenshot(path=IMAGES / f"tour-{name}.png")
        page.locator("#checklist").scroll_into_view_if_needed()
        page.locator("#checklist").evaluate("section => section.scrollIntoView()")
        page.screenshot(path=IMAGES / "tour-checklist.png")
        browser.close()


if __name__ == "__main__":
    take_pictures()
