"""What a reader does in a real browser: press the button, change their mind."""

import pytest

from tests.e2e.browser import IS_INSTALLED, open_browser
from tests.integration.test_public_pages import world  # noqa: F401  # a fixture

pytestmark = [
    pytest.mark.debian,
    pytest.mark.skipif(not IS_INSTALLED, reason="needs Debian's chromium and chromium-driver"),
]


async def test_a_reader_unsubscribes_and_takes_it_back(world, tmp_path) -> None:  # noqa: F811
    delivery = await world.stand.delivered("ana@example.com")
    host, port = world.site.addresses[0]
    async with open_browser(tmp_path / "profile") as browser:
        await browser.open(f"http://{host}:{port}{world.path(delivery)}")
        for width in (1280, 360):
            await browser.resize(width, 700)
            excess = await browser.run(
                "const page = document.documentElement; return page.scrollWidth - page.clientWidth;"
            )
            assert excess == 0, f"{width} px"
        styled = "return getComputedStyle(document.querySelector('button')).backgroundColor;"
        assert await browser.run(styled) == "rgb(11, 95, 107)"
        assert not await world.is_unsubscribed(delivery)
        await browser.click("button")
        await browser.wait_text("Listo")
        assert await world.is_unsubscribed(delivery)
        await browser.click("button.quiet")
        await browser.wait_text("Deshecho")
    assert not await world.is_unsubscribed(delivery)
