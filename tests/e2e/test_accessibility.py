"""Every page, in both sizes and colour schemes: nothing against WCAG 2.1 AA, nothing wider than it.

Set `RELEVO_SCREENSHOTS` to a folder to keep pictures of what was seen.
"""

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.axe import axe_source, violations
from tests.e2e.browser import IS_INSTALLED, Browser, open_browser
from tests.whole_server import EMAIL, PASSWORD, Whole, open_whole

pytestmark = [
    pytest.mark.debian,
    pytest.mark.skipif(not IS_INSTALLED, reason="needs Debian's chromium and chromium-driver"),
]
DESKTOP, PHONE = (1280, 900), (390, 844)
SIGNED_OUT = ("/login", "/forgot", "/link/x")
PAGES = (
    "/", "/activity", "/credentials", "/webhooks", "/suppressions", "/domains", "/quota",
    "/quota/ledger", "/accounts", "/accounts/new", "/users", "/users/new", "/audit", "/status",
    "/support", "/sandbox", "/profile", "/profile/password", "/profile/second-factor",
    "/profile/sessions", "/nothing",
)  # fmt: skip


@dataclass
class Look:
    """What is looked with, and at what."""

    browser: Browser
    whole: Whole
    axe: str

    async def page(self, path: str) -> list[str]:
        """What is wrong with a page."""
        found = []
        await self.browser.resize(*DESKTOP)
        await self.browser.open(self.whole.url.rstrip("/") + path)
        for width, height in (DESKTOP, PHONE):
            await self.browser.resize(width, height)
            excess = await self.browser.run(
                "const page = document.documentElement; return page.scrollWidth - page.clientWidth;"
            )
            if excess:
                found.append(f"{path} at {width}: {excess} px too wide")
            await self._keep(f"{path.strip('/').replace('/', '-') or 'home'}-{width}")
        for is_dark in (False, True):
            await self.browser.prefer_dark(is_dark=is_dark)
            scheme = "dark" if is_dark else "light"
            found += [f"{path} {scheme}: {v}" for v in await violations(self.browser, self.axe)]
        await self.browser.prefer_dark(is_dark=False)
        return found

    async def _keep(self, name: str) -> None:
        if folder := os.environ.get("RELEVO_SCREENSHOTS"):
            await self.browser.screenshot(Path(folder) / f"{name}.png")


@pytest.fixture
async def look(tmp_path: Path) -> AsyncIterator[Look]:
    source = axe_source()
    async with open_whole(tmp_path / "server") as whole, open_browser(tmp_path / "p") as browser:
        await browser.resize(*DESKTOP)
        yield Look(browser, whole, source)


async def _sign_in(look: Look) -> None:
    await look.browser.open(f"{look.whole.url}login?next=/status")
    await look.browser.fill("#email", EMAIL)
    await look.browser.fill("#password", PASSWORD)
    await look.browser.click("button.main")
    await look.browser.wait_text("Versi")


async def test_no_page_has_a_violation_of_WCAG_2_1_AA(look: Look):
    found = [problem for path in SIGNED_OUT for problem in await look.page(path)]
    await _sign_in(look)
    for path in PAGES:
        found += await look.page(path)
    assert not found, "\n".join(found)
