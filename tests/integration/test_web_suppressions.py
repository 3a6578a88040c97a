"""The page of suppression lists over a real socket."""

from collections.abc import Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

import aiohttp
import openpyxl
import pytest

from console.accounts.values import Role
from console.pages.suppressions import SuppressionPages
from console.reports.exports.desk import ExportDesk
from console.suppressions.service import SuppressionService
from console.web.application import MAX_REQUEST_BYTES, Area
from mta.model.ids import IdGenerator
from mta.settings.schema import Settings
from mta.store.work import Rows
from mta.suppression.lists import SuppressionLists
from tests.accounts_world import OPERATOR, World
from tests.web_world import open_web, sign_in, token_of

PATH = "/suppressions"


class Areas:
    def __call__(self, world: World, _: Settings) -> Sequence[Area]:
        self.lists = SuppressionLists(world.store, world.clock, bytes(32))
        service = SuppressionService(
            world.store, world.clock, self.lists, world.trail, ZoneInfo("America/Lima")
        )
        self.desk = ExportDesk(world.store, IdGenerator(), world.clock, self.folder)
        return (
            lambda app, renderer: SuppressionPages(renderer, service, self.desk).add_routes(app),
        )


@pytest.fixture
async def web(tmp_path: Path):
    areas = Areas()
    areas.folder = tmp_path / "tables"
    async with open_web(tmp_path, areas=areas) as made:
        made.lists, made.desk = areas.lists, areas.desk
        (account,) = await made.accounts.accounts.list(OPERATOR)
        made.account = account.id
        yield made


async def page_of(browser, path: str = PATH) -> str:
    async with browser.get(path) as response:
        assert response.status == 200
        return await response.text()


async def post(browser, path: str, data=None, **form) -> tuple[int, str]:
    token = token_of(await page_of(browser))
    if data is not None:
        data.add_field("csrf", token)
    form = data if data is not None else {"csrf": token, **form}
    async with browser.post(path, data=form, allow_redirects=False) as answer:
        return answer.status, await answer.text()


async def test_addresses_are_added_searched_removed_and_put_back(web):
    async with web.signed_in() as browser:
        assert "No hay direcciones" in await page_of(browser)
        text = "ana@x.org, Luis@x.org\n<b>@x.org"
        status, page = await post(browser, PATH, addresses=text, scope="all", note="")
        assert status == 422
        assert "&lt;b&gt;@x.org</textarea>" in page
        status, _ = await post(
            browser, PATH, addresses="ana@x.org, Luis@x.org", scope="commercial", note="<i>pidió"
        )
        assert status == 303
        page = await page_of(browser)
        assert "Se agregaron 2 direcciones." in page
        assert "&lt;i&gt;pidió" in page
        assert web.lists.reason_of(web.account, "luis@x.org", 3) == "manual"
        page = await page_of(browser, f"{PATH}?q=LUI")
        assert "Luis@x.org" in page
        assert "ana@x.org" not in page
        assert (await post(browser, f"{PATH}/remove", address="luis@x.org", why=""))[0] == 422
        status, page = await post(
            browser, f"{PATH}/remove", address="luis@x.org", reason="manual", why="escribió"
        )
        assert status == 200
        assert "Deshacer" in page
        assert not web.lists.reason_of(web.account, "luis@x.org", 3)
        status, _ = await post(
            browser, f"{PATH}/undo", address="Luis@x.org", reason="manual", scope="commercial",
            note="", expires_ms="0",
        )  # fmt: skip
        assert status == 303
        assert web.lists.reason_of(web.account, "luis@x.org", 3) == "manual"
        assert not web.lists.reason_of(web.account, "luis@x.org", 1)


async def test_a_file_comes_in_and_the_list_goes_out(web):
    async with web.signed_in() as browser:
        data = aiohttp.FormData()
        data.add_field("file", "correo;nota\na@x.org;=1+1\nnadie;\n", filename="bajas.csv")
        status, page = await post(browser, f"{PATH}/import", data)
        assert status == 422
        assert "Se agregó 1 dirección." in page
        assert "Línea 3: nadie" in page
        async with browser.get(f"{PATH}/export") as response:
            assert response.headers["Content-Disposition"].startswith("attachment")
            body = (await response.read()).decode("utf-8-sig")
        assert body.splitlines()[1].startswith("a@x.org,import,all,'=1+1,")


async def test_a_long_list_is_made_in_the_background_with_words(web):
    async with web.signed_in() as browser:
        await post(browser, PATH, addresses="a@x.org b@x.org", scope="commercial", note="=1+1")
        assert (await post(browser, f"{PATH}/export.xlsx"))[0] == 303
        await web.desk.settle()
        (made,) = await web.desk.list(OPERATOR, web.account)
        assert (made.state, made.rows, made.name) == ("done", 2, "bajas-y-bloqueos")
        path = await web.desk.file(OPERATOR, made.id)
        rows = list(openpyxl.load_workbook(path).active.values)
    assert rows[0][:3] == ("Dirección", "Motivo", "Alcance")
    assert {row[0] for row in rows[1:]} == {"a@x.org", "b@x.org"}
    assert {row[2] for row in rows[1:]} == {"Campañas y automáticos"}
    assert "=1+1" in str(rows[1][5])


async def test_a_file_may_be_larger_than_other_forms(web):
    lines = "".join(f"persona{n}.{'x' * 40}@example.org\n" for n in range(2_000))
    async with web.signed_in() as browser:
        data = aiohttp.FormData()
        data.add_field("file", lines, filename="bajas.csv")
        assert len(lines) > MAX_REQUEST_BYTES
        status, page = await post(browser, f"{PATH}/import", data)
        assert (status, "Se agregaron 2000 direcciones." in page) == (200, True)


async def test_a_file_of_too_many_lines_is_refused_whole(web):
    async with web.signed_in() as browser:
        data = aiohttp.FormData()
        data.add_field("file", "a\n" * 200_001, filename="bajas.csv")
        status, page = await post(browser, f"{PATH}/import", data)
        assert (status, "divídalo" in page) == (422, True)
    assert web.lists.reason_of(web.account, "a", 0) == ""


async def test_what_a_storm_held_waits_for_a_decision(web):
    row = (web.account, web.lists.digest.of("u@x.org"), "u@x.org", 5, 1, 2, "550 no", 9)
    await web.accounts.store.submit([Rows("suppression_held_put", [row])])
    async with web.signed_in() as browser:
        assert "esperan" in await page_of(browser) or "en espera" in await page_of(browser)
        assert (await post(browser, f"{PATH}/held", decision="apply"))[0] == 303
        assert "Se bloqueó 1 dirección." in await page_of(browser)
    assert web.lists.reason_of(web.account, "u@x.org", 0) == "hard-bounce"


async def test_T_c_a_viewer_sees_the_list_and_changes_nothing(web):
    await web.accounts.accounts.users.add(
        OPERATOR, "luis@example.org", Role.VIEWER, web.account, "correcto caballo"
    )
    async with web.browser() as browser:
        await sign_in(browser, email="luis@example.org")
        page = await page_of(browser)
        assert "Agregar direcciones" not in page
        assert f"{PATH}/export" not in page
        for path, form in (
            (PATH, {"addresses": "a@x.org"}),
            (f"{PATH}/remove", {"address": "a@x.org", "why": "x"}),
            (f"{PATH}/undo", {"address": "a@x.org"}),
            (f"{PATH}/held", {"decision": "apply"}),
        ):
            assert (await post(browser, path, **form))[0] == 403, path
        assert (await post(browser, f"{PATH}/export.xlsx"))[0] == 403
        async with browser.get(f"{PATH}/export") as response:
            assert response.status == 403
    assert not len(web.lists)
