"""The register of incidents over a real socket: list, files, one incident, its forms and its report."""

import io
from collections.abc import Sequence
from pathlib import Path

import openpyxl
import pytest

from console.accounts.incidents.register import IncidentRegister
from console.accounts.incidents.service import IncidentService
from console.accounts.incidents.values import Category
from console.pages.incidents import IncidentPages
from console.web.application import Area
from mta.model.ids import IdGenerator
from mta.settings.schema import Settings
from tests.accounts_world import OPERATOR, World
from tests.web_world import WebWorld, open_web, token_of


def parts(world: World) -> tuple[IncidentService, IncidentRegister]:
    ids = IdGenerator()
    register = IncidentRegister(world.store, ids, world.clock, world.trail, notice_s=48 * 3600.0)
    return IncidentService(world.store, ids, world.clock, world.trail), register


def areas(world: World, _: Settings) -> Sequence[Area]:
    def pages(app, renderer):
        IncidentPages(renderer, *parts(world), world.clock).add_routes(app)

    return (pages,)


@pytest.fixture
async def web(tmp_path: Path):
    async with open_web(tmp_path, areas=areas) as web:
        account = (await web.accounts.accounts.only(OPERATOR)).id
        incidents, _ = parts(web.accounts)
        await incidents.open(OPERATOR, account, Category.SECURITY, "=Fuga <b>", "Qué pasó", "x")
        await incidents.open(OPERATOR, account, Category.OTHER, "Consulta", "Una pregunta", "x")
        yield web


async def _page(browser, path: str) -> str:
    async with browser.get(path) as response:
        assert response.status == 200, await response.text()
        return await response.text()


async def _post(browser, path: str, **form: str) -> int:
    async with browser.get("/incidents/1") as page:
        token = token_of(await page.text())
    async with browser.post(path, data={"csrf": token, **form}, allow_redirects=False) as response:
        return response.status


async def test_T_t_the_register_shows_the_time_that_is_left_and_marks_what_is_overdue(
    web: WebWorld,
):
    web.accounts.clock.advance(3600)
    async with web.signed_in() as browser:
        page = await _page(browser, "/incidents")
        assert "Quedan 1\N{NO-BREAK SPACE}d 23\N{NO-BREAK SPACE}h" in page
        assert "=Fuga &lt;b&gt;" in page
        assert "Consulta" in page
        assert "Consulta" not in await _page(browser, "/incidents?kind=security")
    web.accounts.clock.advance(48 * 3600)
    async with web.signed_in() as browser:
        assert "Vencido hace 1\N{NO-BREAK SPACE}h" in await _page(browser, "/incidents")
        assert "venció hace 1\N{NO-BREAK SPACE}h" in await _page(browser, "/incidents/1")


async def test_T_t_an_incident_is_judged_and_the_notice_noted_on_the_page(web: WebWorld):
    web.accounts.clock.advance(7200)
    _, register = parts(web.accounts)
    known = (await register.get(OPERATOR, 1)).judgement.known_ms
    async with web.signed_in() as browser:
        form = await _page(browser, "/incidents/1")
        shown = form.split('id="known"')[1].split('value="')[1].split('"')[0]
        status = await _post(
            browser, "/incidents/1/judge", kind="security", severity="critical", began="",
            known=shown, needs_notice="1", happened="Se filtró.", people="1 200",
            data="Correos", measures="Se revocó.",
        )  # fmt: skip
        assert status == 303
        one = await register.get(OPERATOR, 1)
        assert (one.judgement.people, one.judgement.known_ms) == (1200, known)
        told = {"whom": "authority", "name": "ANPD", "way": "formulario", "told": shown, "text": ""}
        assert await _post(browser, "/incidents/1/tell", **told) == 303
        page = await _page(browser, "/incidents/1")
        assert "Se avisó a la autoridad" in page
        assert "Se calificó: Seguridad, gravedad Crítica" in page
        bad = await _post(browser, "/incidents/1/judge", kind="x", severity="low", known=shown)
        assert bad == 422
        later = await _post(browser, "/incidents/1/tell", **{**told, "told": "2099-01-01T00:00"})
        assert later == 422


async def test_T_t_the_register_is_downloaded_and_holds_no_formula(web: WebWorld):
    async with web.signed_in() as browser:
        async with browser.get("/incidents.csv") as response:
            lines = (await response.text()).splitlines()
        assert lines[0].startswith("\ufeffN.º,Cuenta")
        assert [line.split(",")[0] for line in lines[1:]] == ["2", "1"]
        assert "'=Fuga" in lines[2]
        async with browser.get("/incidents.xlsx?kind=security") as response:
            book = openpyxl.load_workbook(io.BytesIO(await response.read()))
    rows = list(book.active.iter_rows(values_only=True))
    assert (rows[1][0], rows[1][6], len(rows)) == (1, "=Fuga <b>", 2)
    assert all(cell.data_type != "f" for row in book.active.iter_rows() for cell in row)


async def test_T_t_the_report_of_an_incident_is_a_pdf(web: WebWorld):
    async with web.signed_in() as browser, browser.get("/incidents/1/report") as response:
        assert response.status == 200
        assert response.content_type == "application/pdf"
        assert (await response.read()).startswith(b"%PDF-")
