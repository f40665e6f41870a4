"""The report as a reader meets it: in a browser, with a mouse or a keyboard, on a desktop or a phone."""

import gzip
import importlib.util
import io
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe

from ecg_ccta.config import load
from ecg_ccta.report.page import build_report

DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
DISCRIMINATION = "Discrimination of severe or complete stenosis, by cohort and vessel"
AREAS = "Areas under the ROC and precision-recall curve, Internal (simulated)"
NUMBER = re.compile(r"[<>]?\s*-?[\d,]*\.?\d+")


SORT_ALL = """() => [...document.querySelectorAll('main table:has(thead button)')].map(table => {
  const read = () => [...table.tBodies].map(body => [...body.rows].filter(row => !row.classList.contains('group'))
    .map(row => [...row.cells].map(cell => cell.textContent)));
  const before = read();
  const sorted = [...table.tHead.rows[0].cells].map(head => {
    const button = head.querySelector('button');
    if (!button) return before;
    button.click();
    const rows = read();
    button.click();
    button.click();
    return rows;
  });
  return [before, sorted, read()];
})"""
"""Of every table: its rows, its rows after a click on each column's head, and its rows after a third click."""


@pytest.fixture(scope="module")
def study_folder(tmp_path_factory, root) -> Path:
    """The made-up results of the default study, and its report."""
    spec = importlib.util.spec_from_file_location("report_results", root / "tests/report/conftest.py")
    made_up = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made_up)
    folder = made_up.write_study(tmp_path_factory.mktemp("browser") / "default")
    (folder / "index.html").write_text(build_report(load(base=root / "config.yaml"), folder), encoding="utf-8")
    return folder


@pytest.fixture
def visit(open_browser_page, study_folder):
    """Function (options of a context) -> the open report; no visit may end with an error or a request elsewhere."""
    faults: list[str] = []

    def open_report(**options):
        page = open_browser_page(**{"bypass_csp": False, "reduced_motion": "reduce", **options})
        page.on(
            "console", lambda message: faults.append(message.text) if message.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda request: faults.append(request.url) if is_outside(request.url) else None)
        page.context.route(re.compile(r"^(?!file:|data:|blob:)"), lambda route: route.abort())
        page.goto((study_folder / "index.html").as_uri())
        return page

    yield open_report
    assert faults == []


def is_outside(url: str) -> bool:
    return not url.startswith("data:") and not re.fullmatch(r"file://[^?]*/index\.html(#.*)?", url)


def table_of(page, caption: str):
    return page.locator("table", has=page.locator(f'caption:has-text("{caption}")')).first


def rows_of(table) -> list[list[list[str]]]:
    """Cells by group and row, without the groups' headings."""
    return table.evaluate(
        "table => [...table.tBodies].map(body => [...body.rows].filter(row => !row.classList.contains('group'))"
        ".map(row => [...row.cells].map(cell => cell.textContent)))"
    )


def leading_number(cell: str) -> float | None:
    found = NUMBER.match(cell.replace("\u202f", "").replace("−", "-"))
    return float(re.sub(r"[<>\s,]", "", found[0])) if found else None


def test_a_click_sorts_up_down_and_back(visit):
    table = table_of(visit(), AREAS)
    head = table.get_by_role("columnheader", name="AUC", exact=True)
    before = rows_of(table)
    orders = {None: ["RCA", "LM", "LAD", "LCX", "Mean", "Pooled"],
              "ascending": ["LAD", "Mean", "Pooled", "LCX", "RCA", "LM"],
              "descending": ["RCA", "LCX", "Mean", "Pooled", "LAD", "LM"]}  # fmt: skip
    assert [row[0] for row in before[0]] == orders[None]
    for direction in ("ascending", "descending", None):
        head.get_by_role("button").click()
        assert head.get_attribute("aria-sort") == direction
        # LM has no estimate: it stays last both ways.
        assert [row[0] for row in rows_of(table)[0]] == orders[direction]
    assert rows_of(table) == before


def test_only_one_column_is_marked_as_sorted(visit):
    table = table_of(visit(), AREAS)
    for name in ("Events", "PR-AUC"):
        table.get_by_role("columnheader", name=name).get_by_role("button").click()
    assert table.locator("[aria-sort]").all_inner_texts() == ["PR-AUC"]


def test_groups_keep_their_rows_and_their_order(visit):
    table = table_of(visit(), DISCRIMINATION)
    before = rows_of(table)
    labels = table.locator("tr.group").all_inner_texts()
    table.get_by_role("columnheader", name="Paper, version 1").get_by_role("button").click()
    after = rows_of(table)
    assert table.locator("tr.group").all_inner_texts() == labels
    assert len(labels) == len(after) == 4
    given = 0
    for was, now in zip(before, after, strict=True):
        assert sorted(was) == sorted(now)
        # The paper has no figure of external clinically normal ECGs.
        values = [float(row[-2]) for row in now if row[-2] != "–"]
        assert values == sorted(values)
        given += len(values)
    assert given == 12
    assert [row[0] for row in after[0]] == ["LAD", "LCX", "RCA", "LM"]


def test_every_column_of_every_table_sorts(visit):
    page = visit()
    page.locator("details").evaluate_all("all => all.forEach(one => { one.open = true; })")
    judged = 0
    for before, sorted_by, after in page.evaluate(SORT_ALL):
        assert after == before
        for column, groups in enumerate(sorted_by):
            for was, now in zip(before, groups, strict=True):
                assert sorted(was) == sorted(now)
                cells = [row[column] for row in now if column < len(row)]
                numbers = [leading_number(cell) for cell in cells]
                known = [number for number in numbers if number is not None]
                if column == 0 or not known:
                    continue
                assert known == sorted(known), cells
                assert numbers[: len(known)] == known, f"a missing number before a number: {cells}"
                judged += 1
    assert judged > 100


def test_internal_links_resolve_and_no_link_leaves_the_page(visit):
    page = visit()
    links = page.locator("a[href]").evaluate_all("all => all.map(link => link.getAttribute('href'))")
    inside = [link[1:] for link in links if link.startswith("#")]
    assert len(inside) > 50
    assert all(link.startswith("data:") for link in links if not link.startswith("#"))
    ids = page.locator("[id]").evaluate_all("all => all.map(one => one.id)")
    assert len(ids) == len(set(ids))
    assert set(inside) <= set(ids)
    page.locator("#contents").get_by_role("link", name="Limits").click()
    assert page.evaluate("location.hash") == "#limits"
    assert page.locator("#limits h2").is_visible()


def test_every_download_is_the_studys_file(visit, study_folder):
    page = visit()
    page.locator("details").evaluate_all("all => all.forEach(one => { one.open = true; })")
    kept = []
    tables = {path.name: path for path in (study_folder / "tables").glob("*.csv")}
    tables |= {f"{path.parent.name}_{path.name}": path for path in (study_folder / "tables").glob("*/*.csv")}
    drawn = {path.read_bytes() for path in (study_folder / "figures").glob("*.svg")}
    links = page.locator("a[download], button[data-figure]").all() + page.locator("a[data-file]").all()[:8]
    for place, link in enumerate(links, 1):
        if place % 10 == 0:
            # Chromium drops more than ten downloads of a page within a second.
            page.wait_for_timeout(1100)
        with page.expect_download() as download:
            link.click()
        name = download.value.suggested_filename
        content = Path(download.value.path()).read_bytes()
        if name.endswith(".svg"):
            assert ElementTree.fromstring(content).tag == "{http://www.w3.org/2000/svg}svg"
            assert content in drawn or name.startswith("flow_")
        else:
            plain = gzip.decompress(content) if name.endswith(".gz") else content
            assert len(pd.read_csv(io.BytesIO(plain)).columns) > 1
            if not name.startswith("flow_"):
                assert plain == tables[name.removesuffix(".gz")].read_bytes(), name
        kept.append(name)
    assert {"roc_internal.svg", "flow_internal.svg", "flow_external.csv", "discrimination_internal.csv"} <= set(kept)


def test_the_policy_lets_only_the_pages_own_script_run(open_browser_page, study_folder):
    page = open_browser_page(bypass_csp=False)
    page.goto((study_folder / "index.html").as_uri())
    assert page.locator("thead button").count() > 50
    with page.expect_event("console", lambda message: "Content Security Policy" in message.text):
        page.evaluate(
            "() => { const script = document.createElement('script'); script.textContent = 'window.intruder = true';"
            " document.body.append(script); }"
        )
    assert page.evaluate("window.intruder === undefined")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_axe_finds_no_serious_fault(visit, viewport, scheme):
    page = visit(viewport=viewport, color_scheme=scheme, bypass_csp=True)
    page.locator("details").evaluate_all("all => all.forEach(one => { one.open = true; })")
    found = Axe().run(page).response["violations"]
    assert [
        (fault["id"], fault["impact"], fault["nodes"][0]["html"][:200])
        for fault in found
        if fault["impact"] in ("serious", "critical")
    ] == []


@pytest.mark.parametrize("width", [320, 390, 768])
def test_no_page_scrolls_sideways(visit, width):
    page = visit(viewport={"width": width, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_wide_tables_scroll_in_a_region_that_the_keyboard_reaches(visit):
    region = table_of(visit(viewport=PHONE), AREAS).locator("xpath=..")
    assert region.evaluate("region => region.scrollWidth > region.clientWidth")
    assert region.get_attribute("tabindex") == "0"
    assert region.get_attribute("aria-label") == AREAS


def test_the_keyboard_reaches_content_and_sorts(visit):
    page = visit()
    page.keyboard.press("Tab")
    assert page.locator(":focus").inner_text() == "Skip to the content"
    page.keyboard.press("Enter")
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('thead button')"):
            break
    focused = page.locator(":focus")
    assert focused.evaluate("button => getComputedStyle(button).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    assert focused.evaluate("button => button.closest('th').getAttribute('aria-sort')") == "ascending"


def test_contents_open_and_close_on_a_phone(visit):
    page = visit(viewport=PHONE)
    opener = page.get_by_role("button", name="Contents")
    contents = page.locator("#contents")
    assert not contents.is_visible()
    opener.click()
    assert opener.get_attribute("aria-expanded") == "true"
    page.keyboard.press("Escape")
    assert not contents.is_visible()
    opener.click()
    contents.get_by_role("link", name="Provenance").click()
    assert not contents.is_visible()
    assert page.locator("#provenance h2").is_visible()


def test_the_theme_is_the_systems_until_chosen_and_is_remembered(visit):
    page = visit(color_scheme="dark")
    background = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(background)
    page.get_by_role("button", name="Light page").click()
    assert page.evaluate(background) == "rgb(255, 255, 255)" != dark
    page.reload()
    assert page.evaluate(background) == "rgb(255, 255, 255)"
    page.get_by_role("button", name="Dark page").click()
    assert page.evaluate(background) == dark


def test_a_closed_storage_is_no_fault(visit):
    page = visit()
    page.add_init_script("Object.defineProperty(window, 'localStorage', { get() { throw new Error('closed'); } });")
    page.reload()
    page.get_by_role("button", name="Dark page").click()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_without_javascript_everything_is_there(visit):
    whole, plain = visit(), visit(java_script_enabled=False)
    for page in (whole, plain):
        assert page.locator("main > section").count() >= 15
    for ours, theirs in zip(whole.locator("main > section").all(), plain.locator("main > section").all(), strict=True):
        assert theirs.is_visible()
        assert ours.text_content().split() == theirs.text_content().split()
    assert plain.locator("#contents").is_visible()
    assert plain.locator("button:visible").count() == 0
    for image in plain.locator("img").all():
        assert image.evaluate("image => image.complete && image.naturalWidth > 0")


def test_print_has_no_controls_and_light_paper(visit):
    page = visit(color_scheme="dark")
    page.emulate_media(media="print")
    assert page.locator("nav:visible, button[data-figure]:visible, .bar:visible").count() == 0
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    # A head that holds a button is not repeated on the pages of a long table.
    buttons = page.locator("thead button").evaluate_all("all => all.map(one => getComputedStyle(one).display)")
    assert set(buttons) == {"contents"}
    assert page.pdf(format="A4").startswith(b"%PDF")
