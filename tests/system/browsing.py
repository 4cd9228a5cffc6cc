"""A real Chromium that tells on its pages: console errors, and requests to other hosts."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
PATIENCE = 30_000  # milliseconds before a test gives up


@contextmanager
def chromium() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        why = f"{CHROMIUM} is missing: install Debian's chromium to run the browser tests"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        browser.close()


class Visit:
    """One visitor: her own cookies. `open("/chat")` is a page that is watched until the end."""

    def __init__(self, browser: Browser, url: str, **options: Any) -> None:
        self.url = url
        self.context: BrowserContext = browser.new_context(base_url=url, **options)
        self.context.set_default_timeout(PATIENCE)
        self.errors: list[str] = []
        self.elsewhere: list[str] = []
        self.context.on("request", lambda request: self._asked(request.url))
        self.context.on("console", lambda said: said.type == "error" and self.errors.append(said.text))
        self.context.on("weberror", lambda wrong: self.errors.append(str(wrong.error)))

    def _asked(self, url: str) -> None:
        if urlsplit(url).scheme not in ("data", "about") and not url.startswith(self.url + "/"):
            self.elsewhere.append(url)

    def open(self, path: str) -> Page:
        page = self.context.new_page()
        answer = page.goto(path)
        assert answer
        assert answer.ok
        return page


def violations(page: Page) -> list[str]:
    """What axe finds, each with its rule and the elements."""
    found = Axe().run(page).response["violations"]
    return [f"{v['id']}: {[node['html'][:120] for node in v['nodes']]}" for v in found]
