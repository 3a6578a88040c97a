"""Hours, pace and first part of a campaign, chosen by hand."""

import io
from urllib.parse import urlencode

import aiohttp
import pytest

from console.campaigns.values import Plan
from console.pages.campaign_pace import pace_text
from console.pages.texts import load_texts
from tests.accounts_world import OPERATOR
from tests.web_world import sign_in, token_of
from tests.whole_server import EMAIL, PASSWORD, Whole, open_whole


@pytest.fixture
async def whole(tmp_path):
    async with open_whole(tmp_path) as whole:
        yield whole


async def save(browser: aiohttp.ClientSession, campaign: int, **form: object) -> tuple[int, str]:
    """Fill the form in; gives status and text of what came."""
    path = f"/campaigns/{campaign}/pace"
    async with browser.get(path) as page:
        text = await page.text()
    etag = text.partition('name="etag" value="')[2].partition('"')[0]
    data = [("csrf", token_of(text)), ("etag", etag)]
    for name, value in form.items():
        data += [(name, str(one)) for one in (value if isinstance(value, list) else [value])]
    async with browser.post(path, data=data) as answer:
        return answer.status, await answer.text()


async def test_T_m_hours_pace_and_a_first_part_are_chosen_on_a_page(whole: Whole):
    service = whole.services.campaigns.service
    campaign = (await service.create(OPERATOR, whole.account, "Aviso")).id
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(whole.url, cookie_jar=jar) as browser:
        await sign_in(browser, email=EMAIL, password=PASSWORD)
        status, page = await save(
            browser, campaign, days=[0, 1, 4], **{"from": "08:30"}, to="18:00",
            timezone="America/Bogota", rate="5000", canary="1000", grace="30",
        )  # fmt: skip
        assert status == 200
        assert "08:30–18:00 (America/Bogota)" in page
        plan = (await service.get(OPERATOR, campaign)).plan
        assert plan == Plan(
            timezone="America/Bogota", days=(0, 1, 4), from_minute=510, to_minute=1080,
            grace_min=30, rate_per_hour=5000, canary=1000,
        )  # fmt: skip
        for wrong in ({"rate": "-1"}, {"canary": "x"}, {"days": ["9"]}, {"from": "25:00"}):
            status, page = await save(browser, campaign, timezone="America/Lima", **wrong)
            assert status == 422, wrong
        status, page = await save(browser, campaign, timezone="Mars/Base")
        assert status == 422
        assert (await service.get(OPERATOR, campaign)).plan == plan  # nothing was changed


def test_T_m_a_pace_is_told_in_one_line():
    es = load_texts()["es"]
    assert pace_text(Plan(), es, "America/Lima") == ""
    night = Plan(from_minute=20 * 60, to_minute=24 * 60, rate_per_hour=1200)
    told = pace_text(night, es, "America/Lima")
    assert told == f"Todos los días · 20:00–00:00 (America/Lima); hasta {es.number(1200)} por hora"


async def test_a_long_text_is_kept_and_one_too_long_is_told_as_such(whole: Whole):
    service = whole.services.campaigns.service
    campaign = (await service.create(OPERATOR, whole.account, "Boletín")).id
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(whole.url, cookie_jar=jar) as browser:
        await sign_in(browser, email=EMAIL, password=PASSWORD)
        path = f"/campaigns/{campaign}/content"
        async with browser.get(path) as page:
            token = token_of(await page.text())
        source = "<p>Una línea del boletín.</p>\n" * 3_000  # 90 KiB
        form = {"csrf": token, "subject": "Boletín", "source": source}
        async with browser.post(path, data=form) as answer:
            assert answer.status == 200
        assert len((await service.get(OPERATOR, campaign)).content.source) > 80_000
        form["source"] = "x" * 3_000_000
        body = io.BytesIO(urlencode(form).encode())
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        async with browser.post(path, data=body, headers=kind) as answer:
            assert answer.status == 413
            assert "Demasiado grande" in await answer.text()
