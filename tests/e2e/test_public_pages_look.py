"""The pages that recipients see: nothing against WCAG 2.1 AA, in both sizes, languages and schemes."""

import os
from pathlib import Path

import pytest

from tests.e2e.axe import axe_source, violations
from tests.e2e.browser import IS_INSTALLED, Browser, open_browser
from tests.integration.test_preferences_page import join, subject_of, world  # noqa: F401  # a fixture

pytestmark = [
    pytest.mark.debian,
    pytest.mark.skipif(not IS_INSTALLED, reason="needs Debian's chromium and chromium-driver"),
]


async def _wrong(browser: Browser, axe: str, name: str) -> list[str]:
    """What is wrong with the page that is open."""
    found = []
    for width in (1280, 390):
        await browser.resize(width, 844)
        excess = await browser.run(
            "const page = document.documentElement; return page.scrollWidth - page.clientWidth;"
        )
        found += [f"{name} at {width}: {excess} px too wide"] if excess else []
        if folder := os.environ.get("RELEVO_SCREENSHOTS"):
            await browser.screenshot(Path(folder) / f"public-{name}-{width}.png")
    for is_dark in (False, True):
        await browser.prefer_dark(is_dark=is_dark)
        found += [f"{name}, dark {is_dark}: {v}" for v in await violations(browser, axe)]
    await browser.prefer_dark(is_dark=False)
    return found


async def test_pages_of_recipients_have_no_violation_of_WCAG_2_1_AA(world, tmp_path) -> None:  # noqa: F811
    subject, path = await subject_of(world)
    await join(world, subject.account)
    base, axe = str(world.http._base_url).rstrip("/"), axe_source()
    async with open_browser(tmp_path / "profile") as browser:
        found = []
        for language in ("es", "en"):
            await browser.open(f"{base}{path}?lang={language}")
            found += await _wrong(browser, axe, f"ask-{language}")
        await browser.open(f"{base}{path}?lang=es")
        await browser.click("button[value='topics']")
        await browser.wait_text("Guardado")
        found += await _wrong(browser, axe, "saved")
        await browser.click("main p a")
        await browser.wait_text("Dejar de recibir correos")
        await browser.click("button[value='page']")
        await browser.wait_text("Listo")
        found += await _wrong(browser, axe, "done")
        await browser.open(f"{base}{path}?lang=es")
        await browser.wait_text("Ya está hecho")
        found += await _wrong(browser, axe, "already")
        await browser.open(f"{base}/u/nothing?lang=en")
        found += await _wrong(browser, axe, "missing")
    assert not found, "\n".join(found)
