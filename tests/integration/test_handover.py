"""The hand-over and the evidence through the console of a whole server (T-v)."""

import asyncio
import hashlib
import importlib.metadata
import re
import shutil
from io import BytesIO

import aiohttp
import openpyxl
import pytest

from console.accounts.values import AccountKind, Limits, Role, Scope
from console.app.report_files import write_evidence
from console.pages.handover_document import handover_document
from console.pages.texts import load_texts
from console.reports.filed.book import FiledKind, FiledState
from mta.model.errors import PermanentError
from mta.store.work import Rows
from tests.accounts_world import OPERATOR
from tests.web_world import sign_in
from tests.whole_server import DOMAIN, EMAIL, LIMA, PASSWORD, open_whole

PEOPLE = "\n".join(f"Persona {n}; p{n}@example.org; Imagen; 240" for n in (1, 2, 3))
_CSRF = re.compile(r'name="csrf" value="([^"]+)"')


class Page:
    """A person's browser."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session

    async def get(self, path: str) -> str:
        async with self.session.get(path) as response:
            assert response.status == 200, path
            return await response.text()

    async def post(self, path: str, status: int = 303, **fields) -> str:
        token = _CSRF.search(await self.get("/handover"))[1]
        data = [(k, one) for k, v in fields.items() for one in (v if isinstance(v, list) else [v])]
        async with self.session.post(path, data=[("csrf", token), *data],
                                     allow_redirects=False) as response:  # fmt: skip
            assert response.status == status, await response.text()
            return await response.text()

    async def download(self, path: str) -> bytes:
        async with self.session.get(path) as response:
            assert response.status == 200, path
            return await response.read()


@pytest.fixture
async def whole(tmp_path):
    settings = {"RELEVO_SUPPORT__EMAIL": "soporte@example.org", "RELEVO_SUPPORT__PHONE": "1",
                "RELEVO_SUPPORT__HOURS": "9 a 18"}  # fmt: skip
    async with open_whole(tmp_path / "server", settings) as whole:
        yield whole


@pytest.fixture
async def page(whole):
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(whole.url, cookie_jar=jar) as session:
        assert (await sign_in(session, email=EMAIL, password=PASSWORD)).status == 303
        yield Page(session)


async def made(whole, number: int):
    """The document, once it is made."""
    book, maker = whole.services.areas.filed.book, whole.services.areas.filed.maker
    async with asyncio.timeout(60):
        while (found := await book.get(OPERATOR, number)).state in (
            FiledState.WAITING, FiledState.WORKING,
        ):  # fmt: skip
            maker.wake()
            await asyncio.sleep(0.05)
    assert found.state is FiledState.DONE, found.error
    return found


async def words_of(pdf: bytes) -> str:
    """The text of a PDF, by another program."""
    program = shutil.which("pdftotext")
    if program is None:
        pytest.skip("pdftotext is not installed")
    process = await asyncio.create_subprocess_exec(
        program, "-layout", "-", "-",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    text, _ = await process.communicate(pdf)
    return text.decode()


def cells_of(xlsx: bytes) -> str:
    """All cells of a workbook."""
    book = openpyxl.load_workbook(BytesIO(xlsx))
    return "\n".join(
        str(cell) for sheet in book for row in sheet.iter_rows(values_only=True)
        for cell in row if cell is not None
    )  # fmt: skip


async def test_T_v_a_hand_over_is_filled_in_made_and_holds_no_secret(whole, page):
    services, account = whole.services, whole.account
    key = await services.accounts.credentials.add(OPERATOR, account, "ERP municipal")
    sub = (await services.accounts.add(OPERATOR, "Prensa", parent=account)).id
    person = await services.accounts.users.add(
        OPERATOR, "luis@example.org", Role.EDITOR, sub, "otra clave larga"
    )
    await page.post("/handover/facts", contract_number="014-2026", received_by="Rosa Díaz",
                    received_position="Jefa", delivered_by="Juan Ruiz",
                    delivered_position="Gerente")  # fmt: skip
    topics = re.findall(r'name="topics" value="([a-z_]+)"', await page.get("/handover"))
    await page.post("/handover/trainings", held_on="2026-11-20", place="Sala 1", teacher="Inés",
                    minutes="240", topics=topics, people=PEOPLE)  # fmt: skip
    for kind in ("user", "api"):
        await page.post("/handover/manuals", kind=kind, language="es", version="0.1",
                        sha256="ab" * 32, recipient="Rosa Díaz", delivered_on="2026-11-20")  # fmt: skip
    await page.post("/handover/certificates")
    assert "Todo está completo." not in await page.get("/handover")  # no DNS record was seen yet
    seen = (DOMAIN, "r1", 1, 1, 0, 0, "[]")
    await services.foundation.store.submit([Rows("domain_status_put", [seen])])
    shown = await page.get("/handover")
    assert "Todo está completo." in shown
    await page.post("/handover/document", language="es")
    (asked,) = await services.areas.filed.book.list(OPERATOR, account, FiledKind.HANDOVER)
    found = await made(whole, asked.id)
    files = {one.format: one for one in (await services.areas.filed.book.files(
        OPERATOR, [found]))[found.id]}  # fmt: skip
    pdf = await page.download(f"/reports/filed/{found.id}.pdf")
    xlsx = await page.download(f"/reports/filed/{found.id}.xlsx")
    assert hashlib.sha256(pdf).hexdigest() == files["pdf"].sha256
    assert hashlib.sha256(xlsx).hexdigest() == files["xlsx"].sha256
    cells, words = cells_of(xlsx), await words_of(pdf)
    for text in (cells, words):
        for part in ("ERP municipal", key.credential.key_id, "luis@example.org", "Persona 3",
                     "014-2026", "muni.example", "Rosa Díaz"):  # fmt: skip
            assert part in text, part
    assert found.digest in cells
    planted = {key.secret, key.secret.split("_", 2)[2], "otra clave larga", PASSWORD}
    assert len(planted) == 4
    assert person is not None
    for secret in planted:
        assert secret not in cells
        assert secret not in words
        assert secret.encode() not in pdf
    one = await services.areas.filed.handover.certificate(OPERATOR, account, 2)
    text = await words_of(await page.download("/handover/certificates/2.pdf"))
    assert "Persona 2" in text
    assert one.code in text
    async with aiohttp.ClientSession(whole.url) as anybody:
        for code, is_known in ((one.code.lower(), True), (one.code[:-1] + "x", False)):
            async with anybody.get(f"/certificate/{code}") as response:
                assert ("Persona 2" in await response.text()) is is_known


async def test_T_v_evidence_is_made_in_the_background_with_its_hash_and_failures_say_why(
    whole, page
):
    await page.post("/reports/evidence", first="2026-11-01", last="2026-11-30", language="es")
    services = whole.services
    (asked,) = await services.areas.filed.book.list(OPERATOR, whole.account, FiledKind.EVIDENCE)
    found = await made(whole, asked.id)
    assert found.number == 1
    shown = await page.get("/reports/evidence")
    for kind in ("pdf", "xlsx"):
        data = await page.download(f"/reports/filed/{found.id}.{kind}")
        assert hashlib.sha256(data).hexdigest() in shown
    async with page.session.get(f"/reports/filed/{found.id + 1}.pdf") as response:
        assert response.status == 404
    await _over_the_api(whole, page.session, found)
    await services.sealer.seal()
    rows = await services.foundation.store.read("audit_sealed", after=0, count=1000)
    actions = [row[9] for row in rows]
    assert [a for a in actions if a.startswith("report.")] == [
        "report.asked", "report.made", *["report.downloaded"] * 3, "report.asked",
    ]  # fmt: skip
    await _one_fails(whole)
    shown = await page.post("/handover/trainings", 422, held_on="2026-11-20", place="Sala 1",
                            teacher="Inés", minutes="240", topics=["api"],
                            people="Sin correo")  # fmt: skip
    assert "Sin correo" in shown
    assert "no es una dirección de correo" in shown
    shown = await page.post("/reports/evidence", 422, first="2026-11-30", last="2026-11-01",
                            language="es")  # fmt: skip
    assert "el último día es anterior al primero" in shown


async def test_T_v_a_manual_that_somebody_downloads_is_in_the_hand_over_once_a_version(whole, page):
    for _ in range(2):
        data = await page.download("/manuals/api.es.pdf")
    guide = await page.download("/manuals/guide")
    handover = whole.services.areas.filed.handover
    api, own = (await handover.view(OPERATOR, whole.account)).manuals
    assert (api.kind, api.language, api.recipient) == ("api", "es", EMAIL)
    assert api.sha256 == hashlib.sha256(data).hexdigest()
    assert own.sha256 == hashlib.sha256(guide).hexdigest()
    assert api.version == own.version == importlib.metadata.version("relevo")
    assert api.sha256 in await page.get("/handover")
    services = whole.services
    sub = (await services.accounts.add(OPERATOR, "Prensa", parent=whole.account)).id
    await services.accounts.users.add(
        OPERATOR, "eva@example.org", Role.VIEWER, sub, "una clave larga"
    )
    await services.people.invitations.send_guide(OPERATOR, "eva@example.org")
    mailed = (await handover.view(OPERATOR, whole.account)).manuals[-1]
    assert (mailed.kind, mailed.recipient, mailed.account) == ("guide", "eva@example.org", sub)


async def test_T_p_documents_of_a_training_account_say_so_on_every_page(whole):
    course = await whole.services.accounts.add(
        OPERATOR, "Curso", parent=whole.account, kind=AccountKind.TRAINING
    )
    filed = whole.services.areas.filed
    documents = []
    for account in (whole.account, course.id):
        asked = await filed.book.ask(OPERATOR, account, FiledKind.HANDOVER, "", "", "es")
        done = await filed.maker.make_now(asked)
        xlsx = (await filed.book.take(OPERATOR, done.id, "xlsx")).read_bytes()
        handover = await filed.handover.view(OPERATOR, account)
        html = handover_document(handover, load_texts()["es"], LIMA, done.number)
        documents.append((html, cells_of(xlsx)))
    (plain, cells), (marked, course_cells) = documents
    mark = '<body><div class="watermark">Capacitación</div>'
    assert mark in marked
    assert mark not in plain
    assert course_cells.startswith("Capacitación\n")
    assert not cells.startswith("Capacitación\n")


async def test_T_v_evidence_by_command_is_numbered_and_kept_as_the_pages_is(whole, tmp_path):
    services, loop = whole.services, asyncio.get_running_loop()

    def run(name, arguments):
        return asyncio.run_coroutine_threadsafe(services.run(name, arguments), loop).result(60)

    async def write(target, given):
        return await asyncio.to_thread(write_evidence, run, given, target, lambda *_: None)

    days = {"from": "2026-11-01", "to": "2026-11-30"}
    target = tmp_path / "november.xlsx"
    made = await write(target, days)
    (kept,) = await services.areas.filed.book.list(OPERATOR, whole.account, FiledKind.EVIDENCE)
    assert (made["number"], made["digest"]) == (kept.number, kept.digest) == (1, kept.digest)
    files = (await services.areas.filed.book.files(OPERATOR, [kept]))[kept.id]
    assert {one.format for one in files} == {"pdf", "xlsx"}
    digest = hashlib.sha256(target.read_bytes()).hexdigest()
    assert digest == made["sha256"] == next(f.sha256 for f in files if f.format == "xlsx")
    assert target.stat().st_mode & 0o777 == 0o600
    with pytest.raises(PermanentError, match="exists"):
        await write(target, days)
    with pytest.raises(PermanentError, match="before the first"):
        await write(tmp_path / "b.pdf", {"from": "2026-11-30", "to": "2026-11-01"})
    assert (await write(tmp_path / "b.pdf", days))["number"] == 2


async def _one_fails(whole):
    """It says why, and the next one is made."""
    parts = whole.services.areas.filed

    async def broken(*_):
        raise PermanentError("no paper")

    good = parts.maker._writers
    parts.maker._writers = {**good, FiledKind.EVIDENCE: broken}
    days = ("2026-11-01", "2026-11-02", "es")
    bad = await parts.book.ask(OPERATOR, whole.account, FiledKind.EVIDENCE, *days)
    fine = await parts.book.ask(OPERATOR, whole.account, FiledKind.HANDOVER, "", "", "en")
    parts.maker.wake()
    await made(whole, fine.id)
    found = await parts.book.get(OPERATOR, bad.id)
    assert (found.state, found.error) == (FiledState.FAILED, "no paper")


async def _over_the_api(whole, session, document):
    """A key with the scope `export` has the evidence, and no key a hand-over."""
    add = whole.services.accounts.credentials.add
    key = await add(
        OPERATOR, whole.account, "ERP", Limits(scopes=frozenset((Scope.SEND, Scope.EXPORT)))
    )
    headers = {"Authorization": f"Bearer {key.secret}"}
    async with session.get("/api/v1/documents", headers=headers) as response:
        (shown,) = (await response.json())["items"]
    assert (shown["id"], shown["state"], shown["sha256"]) == (
        str(document.id), "done", document.digest,
    )  # fmt: skip
    path = f"/api/v1/documents/{document.id}/file?format=xlsx"
    async with session.get(path, headers=headers) as response:
        digest = hashlib.sha256(await response.read()).hexdigest()
    assert digest in {one["sha256"] for one in shown["files"]}
    handover = await whole.services.areas.filed.book.ask(
        OPERATOR, whole.account, FiledKind.HANDOVER, "", "", "es"
    )
    async with session.get(f"/api/v1/documents/{handover.id}", headers=headers) as response:
        assert response.status == 404
