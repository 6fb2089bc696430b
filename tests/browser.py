"""A headless Chromium for tests of pages."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import axe_core_python
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
MISSING = (
    "no Chromium in PATH: install your system's chromium (apt-get install chromium), or Google "
    "Chrome, to run the tests of what a browser shows"
)
# It does nothing but show the page: no updates, no pings, no GPU.
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update",
         "--disable-sync")  # fmt: skip


def chromium() -> str:
    """Where Chromium is. Without one the test is skipped, but fails where CI is set."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(MISSING)
    return str(found)


@contextmanager
def running_browser() -> Iterator[Browser]:
    executable = chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


def axe_findings(page: Page, *rules: str) -> list[str]:
    """What axe-core finds serious or critical on a page, each with the elements it is about.

    Everything is unfolded first: what is folded away lies below other things, whose colours axe
    would take for its own. The page's context has to be made with `bypass_csp=True`.

    Args:
        rules: those to check; all without any.
    """
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    script = next(Path(axe_core_python.__file__).parent.rglob("axe.min.js"))
    page.evaluate(script.read_text("utf-8"))
    found = page.evaluate(
        "async (rules) => (await axe.run(rules.length ? { runOnly: rules } : {})).violations", rules
    )
    return [
        f"{each['id']}: {[node['html'][:200] for node in each['nodes'][:5]]}"
        for each in found
        if each["impact"] in ("serious", "critical")
    ]
