"""Double opt-in through a server: form, mail, link, and what each of them shows."""

import asyncio
import re
from email import message_from_bytes, policy
from io import BytesIO

import aiohttp
import openpyxl
import pytest

from tests.accounts_world import OPERATOR
from tests.integration.test_import_pages import Person
from tests.web_world import sign_in, token_of
from tests.whole_server import EMAIL, PASSWORD, open_whole

EVIL = '"><script>alert(1)</script>'
ES = {"Accept-Language": "es-PE", "User-Agent": EVIL}
WAIT_S = 20


@pytest.fixture
async def person(tmp_path):
    async with open_whole(tmp_path, {"RELEVO_SERVER__PUBLIC_URL": "http://t.example.org"}) as whole:
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(whole.url, cookie_jar=jar) as http:
            await sign_in(http, email=EMAIL, password=PASSWORD)
            someone = Person(whole, http)
            someone.token = token_of(await someone.get("/profile"))
            yield someone


async def _ask(http, method: str, path: str, **form: str) -> tuple[int, str]:
    async with http.request(method, path, data=form or None, headers=ES) as answer:
        assert "Set-Cookie" not in answer.headers
        return answer.status, await answer.text()


async def test_a_person_comes_onto_a_list_only_by_their_own_mailbox(person):
    server = person.whole.server
    account = (await server.services.accounts.only(OPERATOR)).id
    contacts = server.services.contacts
    made = await contacts.contacts.add_list(OPERATOR, account, f"Noticias {EVIL}")
    status, _ = await person.post(
        f"/lists/{made.id}/optin", optin="double", open="1", text=f"Acepto {EVIL}"
    )
    assert status == 303
    page = await person.get(f"/lists/{made.id}")
    assert EVIL not in page
    form = re.search(r'href="http://t\.example\.org(/subscribe/[\w-]+)"', page)[1]
    async with aiohttp.ClientSession(person.whole.url) as anybody:
        status, shown = await _ask(anybody, "GET", form)
        assert (status, EVIL in shown, "Suscribirse" in shown) == (200, False, True)
        answers = [
            await _ask(anybody, "POST", form, email=email)
            for email in ("ana@example.com", "ana@example.com", "nadie")
        ]
        assert answers[0] == answers[1] == answers[2]
        await server.public.subscribing.settle()
        async with asyncio.timeout(WAIT_S):
            while not server.simulator.inbox.list():
                await asyncio.sleep(0.02)
        (mail,) = server.simulator.inbox.list()
        message = message_from_bytes(mail.raw, policy=policy.default)
        html = message.get_body(("html",)).get_content()
        text = message.get_body(("plain",)).get_content()
        assert message["Subject"].startswith("Confirme su suscripción a Noticias")
        assert EVIL not in html
        link = re.search(r"http://t\.example\.org(/confirm/[\w-]+)", text)[1]
        assert link in html
        for _ in range(2):  # a scanner follows it
            status, shown = await _ask(anybody, "GET", link)
            assert (status, "<button" in shown, EVIL in shown) == (200, True, False)
        assert (await contacts.contacts.list(OPERATOR, made.id)).members == 0
        assert "confirmada" in (await _ask(anybody, "POST", link))[1]
        assert (await contacts.contacts.list(OPERATOR, made.id)).members == 1
        again = await _ask(anybody, "POST", link)
        assert (again[0], "<button" in again[1]) == (200, False)
        forged = link[:-1] + ("0" if link[-1] != "0" else "1")
        for method in ("GET", "POST"):
            assert (await _ask(anybody, method, forged))[0] == 404
            assert (await _ask(anybody, method, form + "0"))[0] == 404
    evidence = await person.get(f"/consents?list={made.id}&what=given")
    assert "ana@example.com" in evidence
    assert EVIL not in evidence
    sheet = await person.get("/consents/export.csv")
    assert sheet.count("ana@example.com") == 2
    async with person.http.get("/consents/export.xlsx?what=given") as answer:
        rows = list(openpyxl.load_workbook(BytesIO(await answer.read())).active.values)
    assert [row[0] for row in rows[1:]].count("ana@example.com") == sheet.count(
        "ana@example.com"
    ) - 1
    assert len(rows[0]) == len(rows[1]) == 8
    asked = await person.post(f"/lists/{made.id}/ask")
    assert asked == (303, f"/lists/{made.id}")


async def test_what_a_list_cannot_ask_stays_typed_and_changes_nothing(person):
    services = person.whole.server.services
    account = (await services.accounts.only(OPERATOR)).id
    made = await services.contacts.contacts.add_list(OPERATOR, account, "Noticias")
    text = "Acepto. " * 251
    form = {"csrf": person.token, "optin": "double", "open": "1", "text": text}
    async with person.http.post(f"/lists/{made.id}/optin", data=form) as answer:
        page = await answer.text()
        assert answer.status == 422
    assert text[:2_000] in page
    assert 'value="double" selected' in page
    form = {"csrf": person.token, "email": "nadie@"}
    async with person.http.post(f"/lists/{made.id}/members", data=form) as answer:
        assert (answer.status, 'value="nadie@"' in await answer.text()) == (422, True)
    asking = await services.contacts.optin.settings(OPERATOR, made.id)
    assert (asking.optin, asking.text) == ("single", "")


async def test_who_is_put_on_a_list_that_asks_is_asked(person):
    server = person.whole.server
    account = (await server.services.accounts.only(OPERATOR)).id
    made = await server.services.contacts.contacts.add_list(OPERATOR, account, "Noticias")
    await person.post(f"/lists/{made.id}/optin", optin="double")
    assert (await person.post(f"/lists/{made.id}/members", email="ana@example.com"))[0] == 303
    assert "Se envió 1 correo" in await person.get(f"/lists/{made.id}")
    async with asyncio.timeout(WAIT_S):
        while not server.simulator.inbox.list():
            await asyncio.sleep(0.02)
    (mail,) = server.simulator.inbox.list()
    message = message_from_bytes(mail.raw, policy=policy.default)
    assert message["Subject"].startswith("Confirme su suscripción a Noticias")
    assert (await server.services.contacts.contacts.list(OPERATOR, made.id)).members == 0
