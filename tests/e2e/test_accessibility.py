"""Every page, in both sizes and colour schemes: nothing against WCAG 2.1 AA, nothing wider than it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from console.contacts.values import ColumnMapping
from tests.accounts_world import OPERATOR
from tests.e2e.axe import axe_source
from tests.e2e.browser import IS_INSTALLED, open_browser
from tests.e2e.looking import DESKTOP, Look
from tests.whole_server import EMAIL, PASSWORD, open_whole

pytestmark = [
    pytest.mark.debian,
    pytest.mark.skipif(not IS_INSTALLED, reason="needs Debian's chromium and chromium-driver"),
]
SIGNED_OUT = ("/login", "/forgot", "/link/x")
PAGES = (
    "/", "/activity", "/credentials", "/webhooks", "/suppressions", "/domains", "/tracking", "/quota",
    "/quota/ledger", "/refunds", "/refunds/new", "/approvals", "/privacy", "/accounts", "/accounts/new", "/users", "/users/new", "/audit", "/status",
    "/support", "/sandbox", "/profile", "/profile/password", "/profile/second-factor",
    "/profile/sessions", "/nothing",
)  # fmt: skip


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


async def _files(look: Look) -> list[str]:
    """The pages of a file that waits for its columns and of one that was read."""
    uploads, paths = look.whole.services.contacts.uploads, []
    for is_read in (False, True):

        async def rows() -> AsyncIterator[bytes]:
            yield b"Correo;Nombre\nana@example.org;Ana\nmalo;<b>Luis\nc@gamil.com;C\n"

        made = await uploads.receive(OPERATOR, look.whole.account, "proveedores <b>.csv", rows())
        if is_read:
            await uploads.start(OPERATOR, made.id, ColumnMapping(0, {"nombre": 1}))
            async with asyncio.timeout(30):
                while not (await uploads.get(OPERATOR, made.id)).is_over:
                    await asyncio.sleep(0.02)
        paths.append(f"/imports/{made.id}")
    return paths


async def test_T_a_no_page_of_a_file_has_a_violation_of_WCAG_2_1_AA(look: Look):
    await _sign_in(look)
    paths = ["/imports", *await _files(look), "/imports"]
    found = [problem for path in paths for problem in await look.page(path)]
    assert not found, "\n".join(found)
