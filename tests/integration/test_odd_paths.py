"""Every page with an id in its path: numbers that no store has are not there, and no fault of ours."""

import re

import aiohttp
import pytest

from tests.web_world import sign_in
from tests.whole_server import EMAIL, PASSWORD, open_whole

ODD = ("9" * 19, "9" * 40, "0", "-1", "%00", "%D9%A3", "%ED%A0%80", "x" * 300)
ANYTHING = ("/static", "/certificate/")  # a code that no certificate has is an answer, too


@pytest.fixture
async def whole(tmp_path):
    async with open_whole(tmp_path) as whole:
        yield whole


async def test_an_id_that_cannot_be_is_not_found_on_any_page(whole):
    paths = {path for method, path in whole.server.console.routes if method == "GET"}
    asked = sorted(re.sub(r"\{[^}]+\}", "{}", path) for path in paths if "{" in path)
    assert "/campaigns/{}" in asked
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(whole.url, cookie_jar=jar) as browser:
        assert (await sign_in(browser, email=EMAIL, password=PASSWORD)).status == 303
        for path in asked:
            for text in ODD:
                async with browser.get(path.replace("{}", text), allow_redirects=False) as found:
                    assert found.status < 500, (path, text)
                    assert found.status != 200 or path.startswith(ANYTHING), (path, text)


@pytest.mark.parametrize("path", ["/audit", "/activity", "/reports", "/reports/providers"])
async def test_a_day_without_a_next_one_is_no_fault(whole, path):
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(whole.url, cookie_jar=jar) as browser:
        assert (await sign_in(browser, email=EMAIL, password=PASSWORD)).status == 303
        for name in ("since", "until", "from", "to", "first", "last"):
            for day in ("9999-12-31", "0001-01-01", "2026-02-30", "%00"):
                async with browser.get(f"{path}?{name}={day}") as found:
                    assert found.status < 500, (path, name, day)
