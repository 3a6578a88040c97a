"""The support page over a real socket: contact, a report, answers, and what others cannot see."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from console.accounts.incidents.service import IncidentService
from console.accounts.incidents.values import Category
from console.pages.support import SupportPages
from console.web.application import Area
from mta.model.ids import IdGenerator
from mta.settings.schema import Settings
from tests.accounts_world import OPERATOR, World
from tests.web_world import WebWorld, open_web, token_of

SETTINGS = {
    "RELEVO_SUPPORT__EMAIL": "soporte@example.org",
    "RELEVO_SUPPORT__PHONE": "+51 1 555 0100",
    "RELEVO_SUPPORT__HOURS": "Lunes a viernes, 8:00 a 18:00",
    "RELEVO_SUPPORT__SCHEDULE": '["mon-fri 08:00-18:00"]',
}


def service(world: World) -> IncidentService:
    return IncidentService(world.store, IdGenerator(), world.clock, world.trail)


def areas(world: World, settings: Settings) -> Sequence[Area]:
    def support(app, renderer):
        SupportPages(
            renderer, service(world), settings.support, world.clock, "America/Lima"
        ).add_routes(app)

    return (support,)


@pytest.fixture
async def web(tmp_path: Path):
    async with open_web(tmp_path, settings=SETTINGS, areas=areas) as web:
        yield web


async def _post(browser, path: str, **form: str) -> tuple[int, str]:
    async with browser.get("/support") as page:
        token = token_of(await page.text())
    async with browser.post(path, data={"csrf": token, **form}, allow_redirects=False) as response:
        return response.status, response.headers.get("Location", "") or await response.text()


async def _page(browser, path: str) -> str:
    async with browser.get(path) as response:
        assert response.status == 200
        return await response.text()


async def test_T_u_the_page_shows_contact_and_hours_and_takes_a_report(web: WebWorld):
    async with web.signed_in() as browser:
        page = await _page(browser, "/support")
        for text in ("soporte@example.org", "+51 1 555 0100", "Lunes a viernes, 8:00 a 18:00"):
            assert text in page
        assert "No hay incidentes" in page
        status, location = await _post(
            browser, "/support", category="failed_sends", subject="<b>No llegó</b>",
            text="Ayer.\r\nNada.", contact="anexo 101",
        )  # fmt: skip
        assert (status, location) == (303, "/support/1")
        page = await _page(browser, "/support/1")
        assert "&lt;b&gt;No llegó&lt;/b&gt;" in page
        assert "Incidente n.º 1 registrado" in page
        status, location = await _post(browser, "/support/1", text="Más datos.", state="closed")
        assert status == 303
        page = await _page(browser, "/support/1")
        assert "Más datos." in page
        assert "<textarea" not in page  # closed: nothing more can be said


async def test_a_report_that_lacks_something_is_shown_again_with_what_was_written(web: WebWorld):
    async with web.signed_in() as browser:
        status, page = await _post(
            browser, "/support", category="other", subject="", text="Lo que pasó", contact="x"
        )
        assert status == 422
        assert "Lo que pasó" in page
        status, _ = await _post(
            browser, "/support", category="nonsense", subject="a", text="b", contact="c"
        )
        assert status == 422
        assert await service(web.accounts).list(OPERATOR) == []


async def test_an_incident_of_another_account_is_not_there(web: WebWorld):
    other = await web.accounts.accounts.add(OPERATOR, "Otra")
    await service(web.accounts).open(OPERATOR, other.id, Category.OTHER, "secreto", "texto", "x")
    async with web.signed_in() as browser:
        assert "secreto" not in await _page(browser, "/support")
        async with browser.get("/support/1") as response:
            assert response.status == 404
        status, _ = await _post(browser, "/support/1", text="hola")
        assert status == 404


async def test_T_u_the_page_says_whether_the_support_is_open_now_and_when_that_changes(web):
    world = web.accounts
    zone = ZoneInfo("America/Lima")
    now = datetime.fromtimestamp(world.clock.now_ms() / 1000, zone)
    monday = (now + timedelta(days=7 - now.weekday())).replace(hour=9, minute=0, second=0)
    world.clock.advance((monday - now).total_seconds())
    async with web.signed_in() as browser:
        page = await _page(browser, "/support")
        assert "Atiende ahora" in page
        assert "18:00" in page
    world.clock.advance(12 * 3600)
    async with web.signed_in() as browser:
        page = await _page(browser, "/support")
        assert "Cerrado ahora" in page
        assert "08:00" in page
