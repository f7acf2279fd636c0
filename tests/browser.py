"""A headless Chromium for the tests of pages; they are skipped where there is none."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--hide-scrollbars",
)


def start(width: int = 1280, height: int = 800) -> Any:
    """A browser with a window of that size, which keeps what pages say in its console."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    driver = shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("there is no Chromium with its driver: apt-get install chromium chromium-driver")
    webdriver = pytest.importorskip("selenium.webdriver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--window-size={width},{height}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    browser.set_script_timeout(60)
    # The same window on every machine.
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    return browser


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """One browser for all tests."""
    browser = start()
    yield browser
    browser.quit()


@pytest.fixture
def browser(chromium: Any) -> Iterator[Any]:
    """The browser with one empty tab; a page that reports an error in its console fails the test."""
    chromium.get_log("browser")
    yield chromium
    # That a server refuses is logged, too, but is no error of a page.
    logged = [entry["message"] for entry in chromium.get_log("browser") if entry["level"] == "SEVERE"]
    leave_all(chromium)
    errors = [message for message in logged if "the server responded with a status of 4" not in message]
    if errors:
        pytest.fail("the page reported in its console: " + "\n".join(errors))


def leave_all(chromium: Any) -> None:
    """Close all tabs but one, and leave that one empty."""
    for handle in chromium.window_handles[1:]:
        chromium.switch_to.window(handle)
        _leave(chromium)
        chromium.close()
    chromium.switch_to.window(chromium.window_handles[0])
    _leave(chromium)


def _leave(chromium: Any) -> None:
    """Go to an empty page, also from one that asks before it loses changes."""
    from selenium.common.exceptions import UnexpectedAlertPresentException

    chromium.execute_script("window.onbeforeunload = null;")
    try:
        chromium.get("about:blank")
    except UnexpectedAlertPresentException:
        chromium.switch_to.alert.accept()


def until(browser: Any, condition: Any, seconds: float = 30) -> Any:
    """Wait for what `condition` returns to be true; returns it."""
    from selenium.common.exceptions import StaleElementReferenceException
    from selenium.webdriver.support.ui import WebDriverWait

    # An element that is not there yet is an index out of range.
    passing = [StaleElementReferenceException, IndexError]
    wait = WebDriverWait(browser, seconds, 0.05, ignored_exceptions=passing)
    return wait.until(lambda _: condition())


def find(browser: Any, selector: str) -> list[Any]:
    """The elements that a CSS selector names."""
    return list(browser.find_elements("css selector", selector))


def click(browser: Any, selector: str, text: str | None = None) -> None:
    """Click the only element of a selector, or the one with this text."""

    def there() -> Any:
        found = [e for e in find(browser, selector) if text is None or e.text.strip() == text]
        return found[0] if len(found) == 1 else None

    until(browser, there, 10).click()
