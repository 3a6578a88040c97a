"""The pages of reports over a whole server: what they say, who may read them, what leads where."""

import csv
import io
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
import pytest_asyncio

from console.accounts.usage.counters import Result
from console.accounts.values import Role
from console.reports.lanes import Holder, LaneService
from mta.engine.port import SiteView
from mta.model.clock import ManualClock
from mta.model.envelope import Identity
from mta.store.sqlite import SqliteStore
from mta.store.statements import StatementPackage
from tests.accounts_world import OPERATOR
from tests.integration.queue_stand import Stand
from tests.web_world import sign_in
from tests.whole_server import EMAIL, PASSWORD, Whole, open_whole

pytestmark = pytest.mark.asyncio(loop_scope="module")
VIEWER, EDITOR = "mira@example.org", "edita@example.org"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def whole(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Whole]:
    async with open_whole(tmp_path_factory.mktemp("reports") / "server") as whole:
        services = whole.services
        key = await services.accounts.credentials.add(OPERATOR, whole.account, "Portal")
        identity = Identity(whole.account, key.credential.id, "")
        for n in range(10):
            result = Result.REJECTED if n == 0 else Result.ACCEPTED
            services.usage.note(identity, "api", result, recipients=3, seconds=0.003)
        services.usage.note(identity, "smtp", Result.ERROR, recipients=1, seconds=0.2)
        for email, role in ((VIEWER, Role.VIEWER), (EDITOR, Role.EDITOR)):
            await services.accounts.users.add(OPERATOR, email, role, whole.account, PASSWORD)
        yield whole


@asynccontextmanager
async def person(whole: Whole, email: str = EMAIL) -> AsyncIterator[aiohttp.ClientSession]:
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(whole.url, cookie_jar=jar) as browser:
        assert (await sign_in(browser, email=email, password=PASSWORD)).status == 303
        yield browser


async def page(browser: aiohttp.ClientSession, path: str, status: int = 200) -> str:
    async with browser.get(path) as answer:
        assert answer.status == status, (await answer.text())[:2000]
        return await answer.text()


async def table(browser: aiohttp.ClientSession, path: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO((await page(browser, path)).removeprefix("\ufeff"))))


def words(html: str) -> str:
    """What is read, without marks."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


async def test_T_b_use_of_the_api_is_shown_by_key_door_and_day_with_errors_and_latency(
    whole: Whole,
):
    async with person(whole) as ana:
        said = words(await page(ana, "/reports/api"))
        assert "Portal API 10 30 1 10,0" in said
        assert "Portal SMTP 1 1 0 0,0 % 1 100,0" in said
        assert "≤ 4 ms" in said
        assert "≤ 256 ms" in said
        head, *rows = await table(ana, "/reports/api.csv?period=7")
        assert len(head) == len(rows[0])
        assert sorted(row[1:8] for row in rows) == [
            ["Portal", "API", "10", "9", "1", "0", "30"],
            ["Portal", "SMTP", "1", "0", "0", "1", "1"],
        ]
    async with person(whole, VIEWER) as viewer:
        assert "Portal" in await page(viewer, "/reports/api")


async def test_T_e_the_page_of_deliverability_says_what_waits_and_why(whole: Whole):
    services = whole.services
    await services.areas.suppressions.service.add(OPERATOR, whole.account, ["no@example.com"])
    async with person(whole) as ana:
        said = words(await page(ana, "/deliverability"))
        assert "Nada espera" in said
        assert "muni.example" in said
        assert "Límites de referencia" in said
        html = await page(ana, "/deliverability?period=7")
        assert 'href="/suppressions?reason=manual">1</a>' in html
        _, *rows = await table(ana, "/deliverability.csv")
        assert ["Intentados", "0"] in [row[1:] for row in rows]


async def test_T_e_mail_that_was_put_off_waits_at_its_server_with_what_that_said(tmp_path):
    clock = ManualClock()
    packages = ("mta.spool", "console.accounts", "console.accounts.audit", "console.reports")
    found = [StatementPackage.of(name) for name in packages]
    store = await SqliteStore.open(tmp_path, found, clock=clock)
    try:
        stand = Stand.over(store, clock)
        flow = await stand.flow("noviembre", kind="campaign")
        google = await stand.site("google", "google")
        mails = await stand.put(flow, 3, site=google)
        for mail in mails:
            await stand.defer(mail, f"452 {mail.address} full", after_s=60)
        port = Port()
        (lane,) = await LaneService(store, stand.sites, port).of_account(OPERATOR, flow.account)
        assert (lane.site, lane.scheduled, lane.ready) == ("google", 3, 0)
        assert (lane.holder, lane.detail) == (Holder.RETRY, "452 … full")
        assert lane.until_ms == clock.now_ms() + 60_000
        port.views = [SiteView(google, "google", wait_reason="rate", wait_until_ms=5, limit=2)]
        (lane,) = await LaneService(store, stand.sites, port).of_account(OPERATOR, flow.account)
        assert (lane.holder, lane.detail, lane.limit) == (Holder.LIMIT, "rate", 2)
    finally:
        await store.close()


class Port:
    """A dispatcher as lanes see it."""

    def __init__(self) -> None:
        self.views: list[SiteView] = []

    def site_views(self) -> list[SiteView]:
        return self.views
