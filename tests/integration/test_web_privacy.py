"""The page about one person: what is kept, its export, forgetting, and the certificate (T-t)."""

from pathlib import Path

import aiohttp
import pytest

from console.accounts.values import Role
from console.pages import documents_sent
from mta.model.ids import IdGenerator
from mta.store.work import Rows
from tests.accounts_world import OPERATOR
from tests.web_world import sign_in, token_of
from tests.whole_server import EMAIL, PASSWORD, Whole, open_whole

ANA = "ana.perez@example.com"
ADMINISTRATOR = "admin@example.org"


@pytest.fixture
async def whole(tmp_path: Path):
    async with open_whole(tmp_path) as made:
        services = made.services
        sub = (await services.accounts.add(OPERATOR, "Prensa", parent=made.account)).id
        other = (await services.accounts.add(OPERATOR, "Otra")).id
        add = services.areas.suppressions.service.add
        for account in (made.account, sub, other):
            await add(OPERATOR, account, [ANA], note="Ana")
            await _contact(made, account)
        await services.accounts.users.add(
            OPERATOR, ADMINISTRATOR, Role.ADMINISTRATOR, made.account, PASSWORD
        )
        made.other = other
        yield made


async def _contact(whole: Whole, account: int) -> None:
    """A contact, and a delivery on the list of a refund."""
    store, ids = whole.services.foundation.store, IdGenerator()
    contact, refund = ids.new(), ids.new()
    row = (contact, account, ANA, ANA, '{"dni": "40404040"}', "page", 5)
    proposed = (refund, account, "{}", "all", 0, "why", 5, "eva")
    item = (refund, refund, refund, 1, 1, account, ANA.title(), 10)
    await store.submit(
        [
            Rows("contact_put", [row]),
            Rows("quota_refund_insert", [proposed]),
            Rows("quota_refund_item_insert", [item]),
        ]
    )


async def _browser(whole: Whole, email: str = EMAIL) -> aiohttp.ClientSession:
    jar = aiohttp.CookieJar(unsafe=True)
    browser = aiohttp.ClientSession(whole.url, cookie_jar=jar)
    assert (await sign_in(browser, email=email, password=PASSWORD)).status == 303
    return browser


async def _post(browser, path: str, **form: str) -> tuple[int, bytes, str]:
    async with browser.get("/profile/password") as page:
        token = token_of(await page.text())
    async with browser.post(path, data={"csrf": token, **form}) as answer:
        return answer.status, await answer.read(), answer.content_type


async def test_T_t_an_owner_sees_exports_and_forgets_a_person_of_his_accounts_alone(whole):
    async with await _browser(whole) as browser:
        status, page, _ = await _post(browser, "/privacy", address=ANA)
        assert (status, "Lo que se guarda de" in page.decode()) == (200, True)
        status, told, kind = await _post(browser, "/privacy/export", address=ANA)
        assert (status, kind) == (200, "application/json")
        assert told.count(b"40404040") == 2  # the account and the one below, not the third
        erase = {"address": ANA, "why": "lo pide"}
        status, page, _ = await _post(browser, "/privacy/erase", **erase, typed="otra@example.com")
        assert (status, "no coincide" in page.decode()) == (422, True)
        status, page, _ = await _post(browser, "/privacy/erase", **erase, typed=ANA.upper())
        assert (status, "Se borró lo que se guardaba" in page.decode()) == (200, True)
        _, told, _ = await _post(browser, "/privacy/export", address=ANA)
        assert b"40404040" not in told
        assert b"Ana.Perez" not in told
    held = await whole.services.areas.privacy.persons.look(OPERATOR, ANA)
    assert held.others == {"refunds": 1, "uploads": 0, "contacts": 1}  # of the other customer
    lists = whole.services.foundation.suppression
    assert lists.digest.of_key(ANA)
    page = await whole.services.run("audit.list", {"action": "person.erased"})
    (entry,) = page["entries"]
    assert entry["object"].startswith("person:")
    assert entry["account"] == str(whole.account)
    assert ANA not in str(entry)


async def test_T_t_the_certificate_is_made_of_the_audit_trail_for_who_knows_the_address(
    whole, monkeypatch
):
    async def no_pdf(_: str) -> None:
        return None

    monkeypatch.setattr(documents_sent, "make_pdf", no_pdf)  # its own worker has tests of its own
    async with await _browser(whole) as browser:
        await _post(browser, "/privacy/erase", address=ANA, why="lo pide", typed=ANA)
        held = await whole.services.areas.privacy.persons.look(OPERATOR, ANA)
        number = str(held.erasures[0].number)
        status, page, _ = await _post(browser, "/privacy/certificate", address=ANA, number=number)
        assert status == 200
        assert all(word in page.decode() for word in (number, ANA, EMAIL, "Municipalidad"))
        for form in ({"address": ANA, "number": "1"}, {"address": "x@x.org", "number": number}):
            assert (await _post(browser, "/privacy/certificate", **form))[0] == 404


async def test_T_t_an_administrator_may_not_look_at_everything_about_a_person(whole):
    async with await _browser(whole, ADMINISTRATOR) as browser:
        for path in ("", "/export", "/erase", "/certificate"):
            form = {"address": ANA, "why": "x", "typed": ANA, "number": "1"}
            assert (await _post(browser, f"/privacy{path}", **form))[0] == 403
        async with browser.get("/") as page:
            assert 'href="/privacy"' not in await page.text()
