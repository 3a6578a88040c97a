"""The pages of reports over a whole server: what they say, who may read them, what leads where."""

import asyncio
import csv
import io
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import aiohttp
import openpyxl
import pytest
import pytest_asyncio

from console.accounts.actor import NotVisible
from console.accounts.usage.counters import Result
from console.accounts.values import Role
from console.campaigns.accepting import ALL
from console.campaigns.states import CampaignStatus
from console.pages import campaign_recipients
from console.pages.compliance import WHERE
from console.pages.compliance_facts import TELLERS, Support, View
from console.pages.menu import SECTIONS
from console.pages.texts import load_texts
from console.reports.compliance import CampaignFacts, Papers
from console.reports.definitions import load_words
from console.reports.exports.desk import ExportDesk, ExportState, Order
from console.reports.lanes import Holder, LaneService
from console.reports.people import Choice, Who
from console.tracking.hits import HitKind
from console.tracking.ingest import RawHit
from mta.delivery.warm_ups import Kind
from mta.engine.port import SiteView
from mta.model.clock import ManualClock
from mta.model.envelope import Identity
from mta.model.ids import IdGenerator
from mta.store.sqlite import SqliteStore
from mta.store.statements import StatementPackage
from tests.accounts_world import OPERATOR
from tests.e2e.person import CONTENT, Audiences
from tests.integration.queue_stand import Stand
from tests.web_world import sign_in, token_of
from tests.whole_server import EMAIL, PASSWORD, Whole, open_whole

pytestmark = pytest.mark.asyncio(loop_scope="module")
MADE = {item.key for section in SECTIONS for item in section.items}
WAIT_S = 30.0
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
APPLE = "Mozilla/5.0"  # Mail Privacy Protection opens by itself
VIEWER, EDITOR, AUDITOR = "mira@example.org", "edita@example.org", "audita@example.org"


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
        await services.usage_recorder.flush()
        await _send_one(whole)
        for email, role in (
            (VIEWER, Role.VIEWER), (EDITOR, Role.EDITOR), (AUDITOR, Role.AUDITOR),
        ):  # fmt: skip
            await services.accounts.users.add(OPERATOR, email, role, whole.account, PASSWORD)
        yield whole


async def _send_one(whole: Whole) -> None:
    """A campaign to ten, of whom one does not exist; two open, one of them follows the link."""
    campaigns = whole.services.campaigns
    audiences = Audiences()
    campaigns.audiences._stored = audiences
    made = await campaigns.service.create(
        OPERATOR, whole.account, "Boletín", CONTENT, audiences.add(10)
    )
    await campaigns.service.start(OPERATOR, made.id, (ALL,))
    async with asyncio.timeout(WAIT_S):
        while made.status is not CampaignStatus.FINISHED:
            await asyncio.sleep(0.02)
            made = await campaigns.service.get(OPERATOR, made.id)
    areas = whole.services.areas
    await areas.reports.counted()
    choice = Choice(made.frozen.flow, made.frozen.messages, Who.DELIVERED)
    people = (await areas.reports.recipients.page(OPERATOR, choice)).rows[:3]
    now_ms = whole.services.foundation.clock.now_ms()
    for kind, person, link, agent in (
        (HitKind.OPEN, people[0], -1, FIREFOX),
        (HitKind.OPEN, people[1], -1, FIREFOX),
        (HitKind.CLICK, people[1], 0, FIREFOX),
        (HitKind.OPEN, people[2], -1, APPLE),
    ):
        message, at_ms = made.frozen.messages[0], now_ms + 60_000
        areas.tracking.ingest.take(
            RawHit(kind, person.id, message, link, at_ms, "192.0.2.1", agent, is_head=False)
        )
    await areas.tracking.ingest.flush()
    await areas.reports.counted()


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
        assert ["Intentados", "10"] in [row[1:] for row in rows]


async def test_T_e_the_page_shows_what_is_warmed_up_and_no_domain_of_others(whole: Whole):
    foundation = whole.services.foundation
    warm_ups, now_ms = foundation.warm_ups, foundation.clock.now_ms()
    for name in ("muni.example", "ajeno.example"):
        await warm_ups.start(Kind.DOMAIN, name, "test")
    try:
        async with person(whole) as ana:
            assert "muni.example dominio del remitente todos" in words(
                await page(ana, "/deliverability")
            )
            mine = warm_ups.get(Kind.DOMAIN, "muni.example").by_provider["google"]
            mine.take(mine.cap, now_ms)
            said = words(await page(ana, "/deliverability"))
            assert "Google 1 de 18 50 de 50 completo por hoy" in said
            assert "ajeno" not in said
            _, *rows = await table(ana, "/deliverability.csv")
            assert ["Calentamiento", "muni.example: google, 1", "50"] in rows
    finally:
        for name in ("muni.example", "ajeno.example"):
            await warm_ups.stop(Kind.DOMAIN, name)


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


@pytest.mark.parametrize("letter", "abcdefghijklmnopqrstuv")
async def test_every_clause_has_words_a_teller_and_a_place(letter: str):
    for texts in load_texts().values():
        assert texts(f"compliance.{letter}.title")
        assert texts(f"compliance.{letter}.words")
        assert all(f"menu.{key}" in texts.by_key for key in WHERE[letter] if key in MADE)
    assert letter in TELLERS


async def test_T_s_the_matrix_tells_the_contract_and_says_honestly_what_there_is_nothing_of(
    whole: Whole,
):
    async with person(whole) as ana:
        rows = {row[0]: row[4] for row in (await table(ana, "/compliance.csv"))[1:]}
        assert set(rows) == {f"T-{letter}" for letter in "abcdefghijklmnopqrstuv"}
        assert rows["T-s"].startswith("Contrato 2026: 4\N{NARROW NO-BREAK SPACE}000")
        assert "365 días" in rows["T-s"]
        assert rows["T-q"] == rows["T-j"] == "Todavía nada."
        said = words(await page(ana, "/compliance"))
        assert "Destinatarios por la API: 30" in said
        assert "T-d 300 000 correos por hora" in said
    async with person(whole, VIEWER) as viewer:
        assert "/compliance" not in await page(viewer, "/reports/api")
        await page(viewer, "/compliance", 403)


async def test_T_d_the_matrix_tells_the_measured_pace_of_each_campaign(whole: Whole):
    row = (
        77, whole.account, "Gran boletín", "finished", 300_000, 412_000, 2_620_000, 1, 0, 1, 1, 7,
    )  # fmt: skip
    found = await whole.services.compliance.gather(OPERATOR, whole.account)
    campaign = CampaignFacts(row[0], *row[2:])
    texts = load_texts()["es"]
    view = View(texts, replace(found, campaigns=[campaign]), Support("", "", ""), str)
    (fact,) = TELLERS["d"](view)
    assert fact.href == "/campaigns/77/report"
    said = fact.text.replace("\N{NARROW NO-BREAK SPACE}", " ").replace("\N{NO-BREAK SPACE}", " ")
    assert said == "Gran boletín: 300 000 destinatarios en 43 min 40 s, 412 000 por hora"


async def test_T_b_all_that_was_sent_in_some_days_is_told_by_campaign_provider_and_account(
    whole: Whole,
):
    async with person(whole) as ana:
        for address in ("/reports/contract.csv?period=term", "/reports/contract.csv?period=b1"):
            head, *rows = await table(ana, address)
            assert all(len(row) == len(head) for row in rows)
            found = {(row[0], row[1]): row[3:9] for row in rows}
            for key in (("Todo", ""), ("Campaña", "Boletín"), ("Cuenta", "Municipalidad")):
                assert found[key] == ["10", "9", "90.0", "2", "2", "0"]
        html = await page(ana, "/reports/contract?period=term")
        assert re.search(r'/recipients\?who=opened">2</a><small>22,2', html)
        sums = html[html.index('<dl class="figures">') : html.index("</dl>")]
        assert sums.count('<a href="#campaigns">2</a>') >= 1
        assert 'id="campaigns"' in html
        empty = await page(ana, "/reports/contract?from=2020-01-01&to=2020-02-01")
        assert "No salió correo en estos días" in empty


async def test_T_g_the_report_of_a_campaign_tells_who_was_sent_to_and_leads_to_them(whole: Whole):
    async with person(whole) as ana:
        (address,) = set(
            re.findall(r'href="(/campaigns/\d+)/report"', await page(ana, "/reports/contract"))
        )
        html = await page(ana, f"{address}/report")
        said = words(html)
        assert "Audiencia 10" in said
        assert "Entregados 9 Éxito 90,0" in said
        assert "El buzón no existe." in said
        assert "bad-mailbox" not in said
        for who, n in (("all", 10), ("attempted", 10), ("delivered", 9), ("bounced", 1)):
            assert f'/recipients?who={who}">{n}</a>' in html
            _, *rows = await table(ana, f"{address}/recipients.csv?who={who}")
            assert len(rows) == n
        _, *rows = await table(ana, f"{address}/recipients.csv?who=all")
        assert [row[3:5] for row in rows if row[3]] == [["bad-mailbox", "El buzón no existe."]]


async def test_T_i_machines_are_left_out_of_a_report_until_somebody_asks_for_them(whole: Whole):
    async with person(whole) as ana:
        (address,) = set(
            re.findall(r'href="(/campaigns/\d+)/report"', await page(ana, "/reports/contract"))
        )
        report = await page(ana, f"{address}/report")
        assert 'aria-current="page">Solo los de personas' in report
        assert "Horas pico" in report
        assert "Abrieron 2" in words(report)
        assert "Firefox 2 100,0" in words(report)
        assert "Computadora 2 100,0" in words(report)
        assert "Apple Mail con privacidad" not in report
        assert 'aria-current="page">Con aperturas' in await page(
            ana, f"{address}/report?automatic=1"
        )


async def test_T_b_a_long_table_is_made_in_the_background_and_downloaded(
    whole: Whole, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(campaign_recipients, "LONG", 5)
    desk = whole.services.areas.reports.exports
    async with person(whole) as ana:
        (address,) = set(
            re.findall(r'href="(/campaigns/\d+)/report"', await page(ana, "/reports/contract"))
        )
        html = await page(ana, f"{address}/recipients?who=all")
        assert "Preparar CSV" in html
        assert 'href="' + address + "/recipients.csv" not in html
        for kind in ("csv", "xlsx"):
            form = {"csrf": token_of(html)}
            path = f"{address}/recipients.{kind}?who=delivered"
            async with ana.post(path, data=form, allow_redirects=False) as answer:
                assert (answer.status, answer.headers["Location"]) == (303, "/exports")
        await desk.settle()
        html = await page(ana, "/exports")
        assert "Boletín: Entregados" in html
        assert "hx-trigger" not in html[html.index('id="exports"') :]  # nothing is being made
        files = re.findall(r"/exports/\d+/file", html)
        assert len(files) == 2
        async with ana.get(files[0]) as answer:
            book = openpyxl.load_workbook(io.BytesIO(await answer.read()))
            assert book.worksheets[0].max_row == 10
        _, *rows = await table(ana, files[1])
        assert len(rows) == 9
        async with person(whole, VIEWER) as viewer:
            await page(viewer, files[1], 404)
            await page(viewer, "/exports", 403)
        form = {"csrf": token_of(html)}
        async with ana.post(files[0].replace("file", "remove"), data=form) as answer:
            assert answer.status == 200
        await page(ana, files[0], 404)


async def test_T_b_a_table_tells_how_far_it_is_and_can_be_stopped(whole: Whole):
    desk, go = whole.services.areas.reports.exports, asyncio.Event()

    async def pieces() -> AsyncIterator[list[list[str]]]:
        yield [["a"]] * 3
        await go.wait()
        yield [["b"]]

    order = Order("Prueba", "prueba", "csv", ["x"], total=4)
    made = await desk.begin(OPERATOR, whole.account, order, pieces())
    async with asyncio.timeout(WAIT_S):
        while (await desk.get(OPERATOR, made.id)).rows < 3:
            await asyncio.sleep(0)
    async with person(whole) as ana:
        html = await page(ana, "/exports")
        assert "3 de 4" in html
        assert 'hx-trigger="every 2s"' in html
    with pytest.raises(NotVisible):
        await desk.file(OPERATOR, made.id)
    await desk.remove(OPERATOR, made.id)
    with pytest.raises(NotVisible):
        await desk.get(OPERATOR, made.id)


async def test_a_table_that_was_being_made_has_failed_when_the_server_comes_back(tmp_path):
    clock = ManualClock()
    store = await SqliteStore.open(
        tmp_path, [StatementPackage.of("console.reports.exports")], clock=clock
    )

    async def pieces() -> AsyncIterator[list[list[str]]]:
        yield [["a"]]
        await asyncio.Event().wait()

    def opened() -> ExportDesk:
        return ExportDesk(store, IdGenerator(), clock, tmp_path / "exports")

    try:
        first = opened()
        made = await first.begin(OPERATOR, 7, Order("t", "t", "csv", ["x"]), pieces())
        await first.close()
        second = opened()
        await second.start()
        assert (await second.get(OPERATOR, made.id)).state is ExportState.FAILED
        assert not list((tmp_path / "exports").glob("*"))
        (tmp_path / "exports").mkdir(exist_ok=True)
        (tmp_path / "exports" / "99.csv").write_text("of an account that was erased")
        await second.tidy()
        assert not list((tmp_path / "exports").glob("*"))
        clock.advance(4 * 86_400)
        await second.tidy()
        assert await second.list(OPERATOR, 7) == []
    finally:
        await store.close()


async def test_T_s_home_tells_what_is_left_and_until_when_to_who_may_know(whole: Whole):
    async with person(whole) as ana:
        html = await page(ana, "/")
        said = words(html)
        assert "El contrato vence el" in said or "fin del contrato" in said
        assert "Últimas campañas Nombre" in said
        assert re.search(r'href="/activity\?[^"]+state=delivered">9</a>', html)
        assert "Nueva campaña" in said
        assert "Invitar a su equipo" in said
    async with person(whole, EDITOR) as editor:
        said = words(await page(editor, "/"))
        assert "Nueva campaña" in said
        assert "Invitar a su equipo" not in said
        assert "Cumplimiento" not in said
    async with person(whole, VIEWER) as viewer:
        said = words(await page(viewer, "/"))
        assert "Nueva campaña" not in said
        assert "Repetir" not in said
        assert "Ver el informe" in said
    async with person(whole, AUDITOR) as auditor:
        html = await page(auditor, "/")
        assert '<a class="btn" href="/compliance">Cumplimiento</a>' in html


async def test_a_new_account_begins_with_its_first_steps(whole: Whole):
    account = await whole.services.accounts.add(OPERATOR, "Nueva")
    email = "nueva@example.org"
    await whole.services.accounts.users.add(OPERATOR, email, Role.OWNER, account.id, PASSWORD)
    async with person(whole, email) as owner:
        html = await page(owner, "/")
        assert html.index("Primeros pasos") < html.index('<dl class="figures">')
        said = words(html)
        for step in ("Tener una bolsa", "Verificar su dominio", "Enviar su primera campaña"):
            assert step in said
    await whole.services.accounts.users.add(
        OPERATOR, "eva@example.org", Role.EDITOR, account.id, PASSWORD
    )
    async with person(whole, "eva@example.org") as editor:
        said = words(await page(editor, "/"))
        assert "Enviar su primera campaña" in said
        assert "Verificar su dominio" not in said  # which somebody else has to do


async def test_T_b_pages_say_what_their_numbers_mean_in_the_words_of_the_definitions(whole: Whole):
    async with person(whole) as ana:
        contract = await page(ana, "/reports/contract")
        (report,) = set(re.findall(r'href="(/campaigns/\d+/report)"', contract))
        said = load_words("es")
        for html, key in (
            (contract, "contract_figures"),
            (await page(ana, report), "opened_again"),
            (await page(ana, "/reports"), "period"),
        ):
            assert f"<dt>{said[key].name}</dt><dd>{said[key].meaning}</dd>" in html
            assert f"<dd>{said['automatic'].meaning}</dd>" in html


async def test_T_k_the_matrix_tells_guides_that_arrived_and_reports_that_were_made(whole: Whole):
    found = await whole.services.compliance.gather(OPERATOR, whole.account)
    view = View(load_texts()["es"], found, Support("", "", ""), str)
    assert TELLERS["k"](view) == TELLERS["r"](view) == ()
    told = View(
        load_texts()["es"],
        replace(found, papers=Papers(3, 2, 77, 1, 88, 1, 3, 2, 1)),
        Support("s@example.org", "", "24 horas"),
        str,
    )
    assert [f.text for f in TELLERS["k"](told)] == [
        "Guías enviadas por correo: 3; entregadas: 2; la última, 77"
    ]
    assert [f.text for f in TELLERS["r"](told)] == ["Informes hechos: 1; el último, 88"]
    assert "Certificados de capacitación: 3" in [f.text for f in TELLERS["v"](told)]
    assert [f.text for f in TELLERS["u"](told)] == ["s@example.org. 24 horas"]
