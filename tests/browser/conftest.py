"""Debian's Chromium, driven by Playwright, for all tests of this folder."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-proxy-server",
)  # fmt: skip
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="session")
def browser(system_programs) -> Iterator[Browser]:
    """One headless browser per test process."""
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=system_programs("chromium", "chromium"), args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture
def open_browser_page(browser) -> Iterator[Callable[..., Page]]:
    """Function (options of Playwright's `new_context`) -> an empty page with a profile of its own."""
    contexts = []

    def open_page(**options) -> Page:
        # A page's own Content-Security-Policy must not keep a test's scripts out.
        contexts.append(browser.new_context(**{"viewport": DESKTOP, "bypass_csp": True, **options}))
        return contexts[-1].new_page()

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def browser_page(open_browser_page) -> Page:
    """An empty page at desktop width."""
    return open_browser_page()
