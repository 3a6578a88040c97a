"""A failed batch is put back by two persons in a real browser (clause T-q).

Set `RELEVO_SCREENSHOTS` to a folder to keep pictures of what was seen.
"""

import asyncio
import os
from pathlib import Path

import pytest

from mta.model.traffic import DeliveryState
from tests.e2e.browser import IS_INSTALLED, Browser, open_browser
from tests.refund_world import SECOND, open_refunds
from tests.web_world import EMAIL, PASSWORD

pytestmark = [
    pytest.mark.debian,
    pytest.mark.skipif(not IS_INSTALLED, reason="needs Debian's chromium and chromium-driver"),
]
SIZES = ((1280, 900), (390, 844))
D, B = DeliveryState.DELIVERED, DeliveryState.BOUNCED


class Person:
    """One browser; counts its clicks and remembers who is signed in."""

    def __init__(self, browser: Browser, url: str) -> None:
        self.browser = browser
        self.url = url
        self.clicks = 0

    async def sign_in(self, email: str) -> None:
        await self.browser.command("DELETE", "/cookie")
        await self.browser.open(f"{self.url}login?next=/quota")
        await self.browser.fill("#email", email)
        await self.browser.fill("#password", PASSWORD)
        await self.browser.click("button.main")
        while await self.browser.run("return location.pathname === '/login'"):
            await asyncio.sleep(0.05)
        self.clicks = 0

    async def click(self, selector: str, then: str) -> None:
        """Click, and wait until that text is seen."""
        await self.browser.click(selector)
        await self.browser.wait_text(then, "main")
        self.clicks += 1

    async def look(self, name: str) -> None:
        """At all sizes the page is as wide as the window; pictures are kept if wanted."""
        folder = os.environ.get("RELEVO_SCREENSHOTS")
        for width, height in SIZES:
            await self.browser.resize(width, height)
            page = "const e = document.documentElement; return e.scrollWidth - e.clientWidth;"
            assert await self.browser.run(page) == 0, f"{name} at {width} px"
            if folder:
                await self.browser.screenshot(Path(folder) / f"{name}-{width}.png")
        await self.browser.resize(*SIZES[0])


async def test_T_q_a_failed_batch_is_put_back_in_four_clicks_and_confirmed_in_two(tmp_path: Path):
    (tmp_path / "data").mkdir()
    async with (
        open_refunds(tmp_path / "data") as world,
        open_browser(tmp_path / "profile") as browser,
    ):
        flow, _ = await world.sent(D, B, B)
        person = Person(browser, world.web.url)
        await browser.resize(*SIZES[0])
        await person.sign_in(EMAIL)
        await person.click('.shell-side a[href="/refunds"]', "No hay reposiciones")
        await person.look("refunds-empty")
        await person.click('main a[href="/refunds/new"]', "Calcular")
        await browser.run("document.getElementById('flow').value = arguments[0]", str(flow))
        await browser.fill("#reason", "El servidor se quedó sin disco el lunes")
        await browser.fill("#evidence", "INC-2027-014")
        await person.look("refund-new")
        await person.click(".form-actions .btn-primary", "Se repondrán 3 envíos")
        await person.look("refund-count")
        await person.click("button[value=propose]", "Se propuso reponer 3 envíos")
        assert person.clicks == 4
        await person.look("refund-mine")
        assert await browser.run("return document.querySelector('button[value=confirm]')") is None

        await person.sign_in(SECOND)
        await browser.open(f"{world.web.url}approvals")
        await person.look("approvals")
        await browser.open(f"{world.web.url}quota")
        await person.click("a.inbox-mark", "Su decisión")
        await person.look("refund-decide")
        await person.click("button[value=confirm]", "Confirmado")
        assert person.clicks == 2
        await world.web.accounts.bag.refunds.carry_on()
        await browser.wait_text("3 envíos volvieron a la bolsa", "main")  # by itself
        await person.look("refund-done")
        await browser.open(f"{world.web.url}refunds?lang=en")
        await browser.wait_text("Put back", "main")
        await person.look("refunds-en")
        assert await world.left() == 1_000
        said = await browser.complaints()
        # This console has no pages of campaigns, which the bar above asks for.
        assert [c for c in said if "campaigns/running" not in c and "htmx" not in c] == []
