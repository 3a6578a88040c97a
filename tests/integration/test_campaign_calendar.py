"""The calendar of campaigns: each on its day in the person's time zone, and nobody else's."""

import re
import sqlite3
from contextlib import closing
from datetime import datetime
from zoneinfo import ZoneInfo

import aiohttp
import pytest
import pytest_asyncio

from console.campaigns.states import CampaignStatus, Reason
from console.campaigns.values import Figures, Plan
from mta.store.statements import Catalogue, StatementPackage
from tests.accounts_world import OPERATOR
from tests.web_world import sign_in
from tests.whole_server import EMAIL, LIMA, PASSWORD, Whole, open_whole

pytestmark = pytest.mark.asyncio(loop_scope="module")
PATH = "/campaigns/calendar"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def whole(tmp_path_factory):
    async with open_whole(tmp_path_factory.mktemp("calendar")) as whole:
        yield whole


@pytest_asyncio.fixture(loop_scope="module")
async def browser(whole):
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(whole.url, cookie_jar=jar) as browser:
        await sign_in(browser, email=EMAIL, password=PASSWORD)
        yield browser


def at(zone: ZoneInfo, *moment: int) -> int:
    """Milliseconds of a moment of that clock."""
    return int(datetime(*moment, tzinfo=zone).timestamp() * 1000)  # type: ignore[arg-type]


async def add(
    whole: Whole, account: int, name: str, at_ms: int, status=CampaignStatus.SCHEDULED
) -> int:
    """A campaign with its hour, past what its preflight would ask."""
    book = whole.services.campaigns.book
    service = whole.services.campaigns.service
    made = await service.create(OPERATOR, account, name)
    plan = Plan(send_at_ms=at_ms)
    steps = {
        CampaignStatus.DRAFT: (),
        CampaignStatus.SCHEDULED: (CampaignStatus.SCHEDULED,),
        CampaignStatus.PAUSED: (CampaignStatus.SCHEDULED, CampaignStatus.PAUSED),
    }[status]
    for step in steps:
        rows = book.move(OPERATOR, await book.get(made.id), step, Reason.USER, plan=plan)
        await book.store.submit(rows)
    return made.id


async def cells(browser: aiohttp.ClientSession, query: str = "") -> dict[str, str]:
    """The cells of a month by their day."""
    async with browser.get(PATH + query) as answer:
        assert answer.status == 200
        page = await answer.text()
    found = {}
    for cell in re.findall(r"<td .*?</td>", page, re.DOTALL):
        if day := re.search(r'class="cal-day" datetime="([0-9-]+)"', cell):
            found[day[1]] = cell
    return found


async def test_T_m_a_campaign_late_in_the_evening_stands_on_its_own_day_and_not_on_that_of_UTC(
    whole, browser
):
    number = await add(whole, whole.account, "Aviso de noche", at(LIMA, 2031, 3, 31, 23, 30))
    march = await cells(browser, "?month=2031-03")
    assert len(march) == 31
    assert f'href="/campaigns/{number}"' in march["2031-03-31"]
    assert ">23:30</time>" in march["2031-03-31"]
    assert ">Programada</span>" in march["2031-03-31"]
    april = await cells(browser, "?month=2031-04")
    assert not [day for day, cell in april.items() if "Aviso de noche" in cell]
    async with browser.get(f"{PATH}?month=2031-03") as answer:
        assert "America/Lima" in await answer.text()


async def test_T_m_a_campaign_of_another_account_or_a_draft_is_not_in_the_calendar(whole, browser):
    other = (await whole.services.accounts.add(OPERATOR, "Otra")).id
    await add(whole, other, "Ajena", at(LIMA, 2031, 5, 6, 9, 0))
    await add(whole, whole.account, "Borrador", at(LIMA, 2031, 5, 6, 9, 0), CampaignStatus.DRAFT)
    async with browser.get(f"{PATH}?month=2031-05") as answer:
        page = await answer.text()
    assert "Ninguna campaña en este mes." in page
    assert "Ajena" not in page
    assert "Borrador" not in page


@pytest.mark.parametrize("text", ["garbage", "2031-13", "2031-00", "9999-12", "0001-01", "٢٠٣١-٠١"])
async def test_what_is_no_month_is_the_present_one(whole, browser, text):
    now = datetime.fromtimestamp(whole.services.foundation.clock.now_ms() / 1000, LIMA)
    async with browser.get(PATH, params={"month": text}) as answer:
        page = await answer.text()
    assert answer.status == 200
    assert f'datetime="{now:%Y-%m}-01"' in page
    assert page.count('aria-current="date"') == 1


async def test_a_day_with_more_than_four_folds_the_rest(whole, browser):
    for hour in range(8, 14):
        await add(whole, whole.account, f"Lote {hour}", at(LIMA, 2031, 7, 1, hour, 0))
    cell = (await cells(browser, "?month=2031-07"))["2031-07-01"]
    seen, _, folded = cell.partition("<details>")
    assert [n for n in range(8, 14) if f"Lote {n}<" in seen] == [8, 9, 10, 11]
    assert "y 2 más" in folded
    assert "Lote 12<" in folded
    assert "Lote 13<" in folded


async def test_a_paused_one_is_marked_and_one_that_started_stands_at_its_start(whole, browser):
    paused = await add(
        whole, whole.account, "Detenida", at(LIMA, 2031, 8, 4, 9, 0), CampaignStatus.PAUSED
    )
    book = whole.services.campaigns.book
    august = await cells(browser, "?month=2031-08")
    assert "cal-paused" in august["2031-08-04"]
    figures = Figures(started_ms=at(LIMA, 2031, 8, 5, 7, 45))
    await book.store.submit([book.figures(await book.get(paused), figures)])
    august = await cells(browser, "?month=2031-08")
    assert "Detenida" not in august["2031-08-04"]
    assert ">07:45</time>" in august["2031-08-05"]


async def test_a_month_leads_to_those_beside_it_over_the_turn_of_a_year(browser):
    async with browser.get(f"{PATH}?month=2031-12") as answer:
        page = await answer.text()
    assert 'href="?month=2031-11" rel="prev"' in page
    assert 'href="?month=2032-01" rel="next"' in page


async def test_a_month_is_read_by_the_index_made_for_it_and_needs_no_sorting(whole):
    sql = Catalogue([StatementPackage.of("console.campaigns")], "sqlite").reads["campaign_calendar"]
    values = {"account": 1, "from_ms": 0, "to_ms": 1, "count": 1}
    folder = whole.server.engine.settings.server.data_dir
    with closing(sqlite3.connect(folder / "relevo.db")) as base:
        plan = [row[3] for row in base.execute(f"EXPLAIN QUERY PLAN {sql.sql}", values)]
    assert plan == [
        "SEARCH campaign USING INDEX campaign_calendar (account=? AND <expr>>? AND <expr><?)"
    ]
