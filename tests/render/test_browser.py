"""The page in a real browser: no request off its own file, no console error, and it works."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from fvlib.render import RenderOutcome

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,900",
)
NARROW = (420, 800)

pytestmark = pytest.mark.skipif(
    CHROMIUM is None or DRIVER is None, reason="no chromium and chromedriver on the PATH"
)


@pytest.fixture(scope="module")
def browser(
    rendered: RenderOutcome, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[webdriver.Chrome]:
    options = Options()
    options.binary_location = str(CHROMIUM)
    for argument in ARGUMENTS:
        options.add_argument(argument)
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('profile')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    try:
        assert rendered.html is not None
        driver.get(rendered.html.as_uri())
        yield driver
    finally:
        driver.quit()


def test_no_request_leaves_the_file_and_the_console_is_silent(
    browser: webdriver.Chrome, rendered: RenderOutcome
) -> None:
    assert rendered.html is not None
    page = rendered.html.as_uri()
    events: list[dict[str, Any]] = [
        json.loads(entry["message"])["message"] for entry in browser.get_log("performance")
    ]
    asked = [
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
        and event["params"]["documentURL"] == page  # not those of the browser's own first tab
    ]
    assert page in asked
    assert [url for url in asked if url != page and not url.startswith("data:")] == []
    assert browser.get_log("browser") == []


def test_every_picture_is_shown(browser: webdriver.Chrome) -> None:
    widths = browser.execute_script(
        "return Array.from(document.images).map(image => image.naturalWidth)"
    )
    assert len(widths) == 3
    assert all(width > 0 for width in widths)


def test_the_contents_follow_the_reader(browser: webdriver.Chrome) -> None:
    for heading in ("sec-result", "forms-boxes"):
        browser.execute_script(
            "document.getElementById(arguments[0]).scrollIntoView({behavior: 'instant'})", heading
        )
        browser.execute_async_script("setTimeout(arguments[0], 150)")
        current = browser.find_elements(By.CSS_SELECTOR, "#toc a[aria-current]")
        assert [link.get_attribute("href").split("#")[1] for link in current] == [heading]


def test_tabs_work_by_mouse_and_keyboard(browser: webdriver.Chrome) -> None:
    tabs = browser.find_elements(By.CSS_SELECTOR, ".tab-bar button")
    panels = browser.find_elements(By.CSS_SELECTOR, ".tab")
    assert [tab.text for tab in tabs] == ["By month", "By week"]
    assert [panel.is_displayed() for panel in panels] == [True, False]
    browser.execute_script("arguments[0].click()", tabs[1])
    assert [panel.is_displayed() for panel in panels] == [False, True]
    tabs[1].send_keys(Keys.ARROW_LEFT)
    assert [panel.is_displayed() for panel in panels] == [True, False]
    assert tabs[0].get_attribute("aria-selected") == "true"


def test_a_narrow_screen_never_scrolls_sideways_but_its_tables_do(
    browser: webdriver.Chrome,
) -> None:
    browser.set_window_size(*NARROW)
    try:
        page, window = browser.execute_script(
            "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )
        assert page <= window
        box = browser.find_element(By.CSS_SELECTOR, "#tbl-wide .scroll")
        assert browser.execute_script(
            "return arguments[0].scrollWidth > arguments[0].clientWidth", box
        )
        browser.execute_async_script("setTimeout(arguments[0], 150)")
        assert box.get_attribute("tabindex") == "0"
    finally:
        browser.set_window_size(1280, 900)


def test_the_keyboard_can_skip_to_the_report(browser: webdriver.Chrome) -> None:
    browser.refresh()
    browser.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    focused = browser.switch_to.active_element
    assert focused.text == "Skip to the report"
    assert focused.location["x"] >= 0


def test_the_pages_file_is_one(rendered: RenderOutcome) -> None:
    assert rendered.html is not None
    names = {entry.name for entry in Path(rendered.html).parent.iterdir()}
    assert names == {"report.html", "report.pdf", "notebooks", "timings.csv"}
