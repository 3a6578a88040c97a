"""Bimonthly reports over a whole server: by page, over the API, by command."""

import asyncio
import hashlib
import io
import re
from collections.abc import AsyncIterator, Mapping

import aiohttp
import openpyxl
import pytest
import pytest_asyncio

from console.accounts.values import AccountKind, Limits, Role, Scope
from console.app import usage_reports
from console.app.report_files import write_usage_report
from console.app.usage_reports import write_files
from console.reports.usage.data import UsageReport
from mta.model.errors import PermanentError
from tests.accounts_world import OPERATOR
from tests.web_world import sign_in, token_of
from tests.whole_server import EMAIL, PASSWORD, Whole, open_whole

pytestmark = pytest.mark.asyncio(loop_scope="module")
VIEWER = "mira@example.org"
WAIT_S = 60.0
_HASH = re.compile(r"[0-9a-f]{64}")


async def _quickly(report: UsageReport, _: str) -> Mapping[str, bytes]:
    """Files that take no time; one test makes real ones."""
    number = str(report.cover.number).encode()
    return {"pdf": b"%PDF-" + number, "xlsx": b"PK" + number}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def whole(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Whole]:
    async with open_whole(tmp_path_factory.mktemp("usage") / "server") as whole:
        users = whole.services.accounts.users
        await users.add(OPERATOR, VIEWER, Role.VIEWER, whole.account, PASSWORD)
        whole.services.reports.maker._write = _quickly
        yield whole


@pytest_asyncio.fixture(loop_scope="module")
async def browser(whole: Whole) -> AsyncIterator[aiohttp.ClientSession]:
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(whole.url, cookie_jar=jar) as browser:
        assert (await sign_in(browser, email=EMAIL, password=PASSWORD)).status == 303
        yield browser


async def _page(browser: aiohttp.ClientSession, path: str) -> str:
    async with browser.get(path) as response:
        assert response.status == 200, path
        return await response.text()


async def _post(browser: aiohttp.ClientSession, path: str, **form) -> aiohttp.ClientResponse:
    data = aiohttp.FormData({"csrf": token_of(await _page(browser, "/reports/usage"))})
    for name, value in form.items():
        if isinstance(value, bytes):
            data.add_field(name, value, filename="informe.pdf")
        else:
            data.add_field(name, str(value))
    async with browser.post(path, data=data, allow_redirects=False) as response:
        await response.read()
        return response


async def _made(whole: Whole, report: int) -> None:
    async with asyncio.timeout(WAIT_S):
        while (await whole.services.reports.book.get(OPERATOR, report)).state.value != "done":
            await asyncio.sleep(0.05)


async def _asked(whole: Whole, browser: aiohttp.ClientSession, **form) -> int:
    """A report of today, made."""
    day = await whole.services.reports.today(whole.account)
    chosen = {"period": "custom", "first": day, "last": day, "language": "es", **form}
    response = await _post(browser, "/reports/usage/new", **chosen)
    assert response.status == 303, await response.text()
    report = int(response.headers["Location"].rpartition("/")[2])
    await _made(whole, report)
    return report


async def test_T_r_a_person_asks_for_a_report_and_takes_both_files(whole, browser, monkeypatch):
    monkeypatch.setattr(whole.services.reports.maker, "_write", write_files)
    report = await _asked(whole, browser)
    page = await _page(browser, f"/reports/usage/{report}")
    hashes = _HASH.findall(page)
    for kind, start in (("pdf", b"%PDF-"), ("xlsx", b"PK"), ("json", b"{")):
        async with browser.get(f"/reports/usage/{report}/file.{kind}") as response:
            data = await response.read()
        assert data.startswith(start)
        assert hashlib.sha256(data).hexdigest() in hashes
        if kind == "xlsx":
            names = openpyxl.load_workbook(io.BytesIO(data)).sheetnames
            assert [n[2:4] for n in names[2:9]] == [f"{letter})" for letter in "abcdefg"]
    assert f"/reports/usage/{report}" in await _page(browser, "/reports/usage")


async def test_T_p_a_report_of_a_training_account_says_so_on_every_page(
    whole, browser, monkeypatch
):
    printed = []

    async def make_pdf(html: str, *_: object, **__: object) -> bytes:
        printed.append(html)
        return b"%PDF-"

    reports = whole.services.reports
    monkeypatch.setattr(usage_reports, "make_pdf", make_pdf)
    monkeypatch.setattr(reports.maker, "_write", reports._write)
    course = await whole.services.accounts.add(
        OPERATOR, "Curso", parent=whole.account, kind=AccountKind.TRAINING
    )
    books = []
    for account in (whole.account, course.id):
        report = await _asked(whole, browser, account=account)
        file = io.BytesIO(await reports.book.read(report, "xlsx"))
        books.append(openpyxl.load_workbook(file))
    mark = '<div class="watermark">Capacitación</div>'
    assert [mark in html for html in printed] == [False, True]
    own, marked = books
    assert own.worksheets[0]["A2"].value is None
    assert marked.worksheets[0]["A2"].value == "Capacitación"
    assert all("Capacitación" in sheet.oddHeader.center.text for sheet in marked.worksheets)


async def test_T_r_an_original_is_told_from_a_changed_file(whole, browser):
    report = await _asked(whole, browser)
    pdf = await whole.services.reports.book.read(report, "pdf")
    good = await _post(browser, "/reports/usage/verify", file=pdf)
    assert "es el original de este informe" in await good.text()
    bad = await _post(browser, "/reports/usage/verify", file=pdf + b" ")
    text = await bad.text()
    assert "no es el original" in text
    assert hashlib.sha256(pdf + b" ").hexdigest() in text


async def test_T_r_what_is_no_period_is_refused_with_the_reason_and_kept_in_the_form(browser):
    response = await _post(
        browser, "/reports/usage/new", period="custom", first="2026-05-02", last="2026-05-01",
        addressees="ana@example.org",
    )  # fmt: skip
    text = await response.text()
    assert response.status == 422
    assert "posterior" in text
    assert "ana@example.org" in text
    wrong = await _post(
        browser, "/reports/usage/new", period="custom", first="2026-05-01", last="2026-05-01",
        addressees="no address",
    )  # fmt: skip
    assert wrong.status == 422


async def test_T_r_the_schedule_is_on_and_can_be_changed(whole, browser):
    assert "checked" in await _page(browser, "/reports/usage/schedule")
    kept = await _post(
        browser, "/reports/usage/schedule", addressees="ana@example.org; luis@example.org"
    )
    assert kept.status == 303
    held = await whole.services.reports.scheduler.get(OPERATOR, whole.account)
    assert (held.is_on, held.addressees) == (False, ("ana@example.org", "luis@example.org"))
    assert "no se elaboran solos" in await _page(browser, "/reports/usage")


async def test_T_r_who_only_looks_sees_the_list_and_takes_no_file(whole, browser):
    report = await _asked(whole, browser)
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(whole.url, cookie_jar=jar) as viewer:
        await sign_in(viewer, email=VIEWER, password=PASSWORD)
        page = await _page(viewer, f"/reports/usage/{report}")
        assert "file.pdf" not in page
        assert (await viewer.get(f"/reports/usage/{report}/file.pdf")).status == 403
        assert (await viewer.get("/reports/usage/new")).status == 403


async def test_T_r_a_key_asks_for_a_report_waits_for_it_and_downloads_it(whole):
    keys = whole.services.accounts.credentials
    made = await keys.add(OPERATOR, whole.account, "ERP", Limits(frozenset((Scope.EXPORT,))))
    headers = {"Authorization": f"Bearer {made.secret}"}
    day = str(await whole.services.reports.today(whole.account))
    async with aiohttp.ClientSession(whole.url, headers=headers) as client:
        wrong = {"from": day, "to": "2026-01-01"}
        async with client.post("/api/v1/reports", json=wrong) as response:
            assert response.status == 422
        asked = {"from": day, "to": day, "language": "en"}
        async with client.post("/api/v1/reports", json=asked) as response:
            assert response.status == 202
            report = await response.json()
        await _made(whole, int(report["id"]))
        async with client.get(f"/api/v1/reports/{report['id']}") as response:
            found = await response.json()
        async with client.get(f"/api/v1/reports/{report['id']}/file?format=xlsx") as response:
            data = await response.read()
        async with client.get("/api/v1/reports?limit=1") as response:
            listed = await response.json()
    sums = {one["format"]: one["sha256"] for one in found["files"]}
    assert sums["xlsx"] == hashlib.sha256(data).hexdigest()
    assert sums["json"] == found["sha256"]
    assert [one["id"] for one in listed["items"]] == [report["id"]]


async def test_T_r_a_command_writes_the_file_of_a_report_that_the_server_makes(whole, tmp_path):
    loop = asyncio.get_running_loop()

    def run(name, arguments):
        work = whole.services.run(name, arguments)
        return asyncio.run_coroutine_threadsafe(work, loop).result(WAIT_S)

    day = str(await whole.services.reports.today(whole.account))
    told = []
    target = tmp_path / "informe.pdf"
    made = await asyncio.to_thread(
        write_usage_report, run, {"from": day, "to": day}, target, lambda *step: told.append(step)
    )
    assert target.read_bytes().startswith(b"%PDF-")
    assert target.stat().st_mode & 0o777 == 0o600
    assert made["bytes"] == target.stat().st_size
    assert told
    with pytest.raises(PermanentError, match="exists"):
        await asyncio.to_thread(write_usage_report, run, {}, target, lambda *_: None)
    with pytest.raises(PermanentError, match=r"\.pdf"):
        await asyncio.to_thread(write_usage_report, run, {}, tmp_path / "x.doc", lambda *_: None)
