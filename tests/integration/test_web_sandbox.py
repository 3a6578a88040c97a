"""The sandbox over a real socket: pages, live arrival, API."""

import asyncio
import json
from contextlib import AsyncExitStack
from email.message import EmailMessage
from pathlib import Path

import aiohttp
import pytest

from console.accounts.values import Role
from console.pages.sandbox import PAGE_SIZE
from console.pages.streams import MAX_OF_ONE
from tests.accounts_world import OPERATOR
from tests.web_world import PASSWORD, WebWorld, mail, open_web, sign_in, token_of

EVIL = '<img src=x onerror="alert(1)"><script>alert(2)</script>'


@pytest.fixture
async def web(tmp_path: Path):
    async with open_web(tmp_path) as web:
        yield web


def _newest(web: WebWorld) -> int:
    assert web.simulator is not None
    return web.simulator.inbox.list(limit=1)[0].id


async def _text(browser: aiohttp.ClientSession, path: str, **headers: str) -> str:
    async with browser.get(path, headers=headers) as response:
        assert response.status == 200, await response.text()
        return await response.text()


async def test_the_start_is_the_sandbox_with_a_command_to_paste(web: WebWorld):
    web.console.first_mail = "relevo send --to 'a & b'"
    async with web.signed_in() as browser:
        page = await _text(browser, "/")
    assert "Todavía no ha llegado ningún correo" in page
    assert "relevo send --to &#39;a &amp; b&#39;" in page


async def test_what_arrived_is_listed_newest_first(web: WebWorld):
    async with web.signed_in() as browser:
        await web.deliver(mail("Primero"))
        await web.deliver(mail("Segundo ñ"))
        page = await _text(browser, "/sandbox")
    assert page.index("Segundo ñ") < page.index("Primero")
    assert "2 correos guardados" in page
    assert "Tienda &lt;hola@sandbox.example&gt;" in page


async def test_nothing_of_a_mail_becomes_part_of_a_page(web: WebWorld):
    message = mail(EVIL, text=EVIL, sender=f'"{EVIL}" <a@example.org>')
    message["X-Evil"] = EVIL
    async with web.signed_in() as browser:
        await web.deliver(message)
        path = f"/sandbox/messages/{_newest(web)}"
        for page in ("/sandbox", path, f"{path}?view=headers", f"{path}?view=source"):
            text = await _text(browser, page)
            assert "<img src=x" not in text
            assert "<script>" not in text


async def test_the_list_is_filtered(web: WebWorld):
    async with web.signed_in() as browser:
        await web.deliver(mail("Factura", to="ana@example.com"), to="ana@example.com")
        await web.deliver(mail("Aviso", to="luis@example.com"), to="luis@example.com")
        by_text = await _text(browser, "/sandbox?text=factura")
        by_recipient = await _text(browser, "/sandbox?recipient=LUIS")
        by_sender = await _text(browser, "/sandbox?sender=nobody")
    assert "Factura" in by_text
    assert "Aviso" not in by_text
    assert "Aviso" in by_recipient
    assert "Factura" not in by_recipient
    assert "Ningún correo coincide" in by_sender
    assert 'value="nobody"' in by_sender


async def test_older_mails_are_on_the_next_page(web: WebWorld):
    async with web.signed_in() as browser:
        for number in range(PAGE_SIZE + 1):
            await web.deliver(mail(f"Correo {number:03d}"))
        first = await _text(browser, "/sandbox?text=correo")
        assert "Correo 000" not in first
        link = first.partition('href="/sandbox?text=correo&amp;before=')[2].partition('"')[0]
        second = await _text(browser, f"/sandbox?text=correo&before={link}")
    assert "Correo 000" in second
    assert "Correo 001" not in second


async def test_a_mail_is_shown_with_all_that_is_known(web: WebWorld):
    message = mail("Su pedido", text="texto plano", html="<b>hola</b>")
    message.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="año.pdf")
    async with web.signed_in() as browser:
        await web.deliver(message)
        path = f"/sandbox/messages/{_newest(web)}"
        page = await _text(browser, path)
        assert "<h1>Su pedido</h1>" in page
        assert f'src="{path}/html"' in page
        assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page
        assert "año.pdf" in page
        assert "sin comprobar" in page
        assert "texto plano" in await _text(browser, f"{path}?view=text")
        assert "<dt>Message-ID</dt>" in await _text(browser, f"{path}?view=headers")
        assert "MIME-Version: 1.0" in await _text(browser, f"{path}?view=source")


async def test_the_html_of_a_mail_can_do_nothing(web: WebWorld):
    async with web.signed_in() as browser:
        await web.deliver(mail(html=f"<p>Hola</p>{EVIL}"))
        path = f"/sandbox/messages/{_newest(web)}/html"
        async with browser.get(path) as response:
            policy = response.headers["Content-Security-Policy"]
            assert response.content_type == "text/html"
            assert "<p>Hola</p>" in await response.text()
        assert policy.startswith("sandbox allow-popups allow-popups-to-escape-sandbox;")
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
        assert "img-src data:;" in policy
        assert "frame-ancestors 'self'" in policy
        async with browser.get(f"{path}?images=1") as response:
            assert "img-src data: https: http:;" in response.headers["Content-Security-Policy"]


async def test_source_and_attachments_are_downloads(web: WebWorld):
    message = mail()
    message.add_attachment("<script>x</script>", subtype="html", filename="../../ma\tlo.html")
    async with web.signed_in() as browser:
        await web.deliver(message)
        path = f"/sandbox/messages/{_newest(web)}"
        async with browser.get(f"{path}/source") as response:
            assert (await response.read()).startswith(b"From: Tienda")
            assert response.headers["Content-Disposition"].startswith("attachment;")
        async with browser.get(f"{path}/parts/1") as response:
            assert response.content_type == "application/octet-stream"
            disposition = response.headers["Content-Disposition"]
            assert disposition.startswith("attachment; filename*=UTF-8''ma")
            assert "/" not in disposition
            assert response.headers["Content-Security-Policy"].startswith("sandbox;")


@pytest.mark.parametrize("rest", ["", "/html", "/source", "/parts/0", "/parts/999"])
async def test_what_is_not_there_is_not_found(web: WebWorld, rest: str):
    async with web.signed_in() as browser:
        async with browser.get(f"/sandbox/messages/1{rest}") as response:
            assert response.status == 404
        await web.deliver(mail())
        async with browser.get(f"/sandbox/messages/{_newest(web)}/html") as response:
            assert response.status == 404
        async with browser.get(f"/sandbox/messages/{_newest(web)}/parts/7") as response:
            assert response.status == 404


async def test_clearing_forgets_all_mails(web: WebWorld):
    async with web.signed_in() as browser:
        await web.deliver(mail("Primero"))
        form = {"csrf": token_of(await _text(browser, "/sandbox"))}
        async with browser.post("/sandbox/clear", data=form) as response:
            page = await response.text()
        assert "Se borró 1 correo." in page
        assert "Primero" not in page


async def test_strange_mails_have_a_page_too(web: WebWorld):
    empty = EmailMessage()
    empty["From"] = "a@example.org"
    async with web.signed_in() as browser:
        await web.deliver(empty)
        assert "(sin asunto)" in await _text(browser, "/sandbox")
        assert "(sin asunto)" in await _text(browser, f"/sandbox/messages/{_newest(web)}")


async def _next_change(stream: aiohttp.ClientResponse) -> str:
    async with asyncio.timeout(30):
        while True:
            line = await stream.content.readline()
            assert line, "the stream ended"
            if line.startswith(b"data:"):
                return line.decode().strip()


async def test_open_pages_hear_of_arrivals(web: WebWorld):
    async with web.signed_in() as browser, browser.get("/sandbox/live") as stream:
        assert stream.content_type == "text/event-stream"
        first = await _next_change(stream)
        await web.deliver(mail("Recién llegado"))
        assert await _next_change(stream) != first
        fragment = await _text(browser, "/sandbox", **{"X-Fragment": "list"})
    assert "Recién llegado" in fragment
    assert "<html" not in fragment


async def test_a_page_that_missed_something_hears_of_it_at_once(web: WebWorld):
    async with web.signed_in() as browser:
        page = await _text(browser, "/sandbox")
        path = page.partition('data-live="')[2].partition('"')[0]
        async with browser.get(path) as stream:
            assert (await stream.content.readline()).startswith(b"retry:")
            await web.deliver(mail())
            await _next_change(stream)
        async with browser.get(path) as stream:  # as a browser does that connects again
            await _next_change(stream)


async def test_open_pages_hear_of_health_and_clearing(web: WebWorld):
    async with web.signed_in() as browser, browser.get("/sandbox/live") as stream:
        await _next_change(stream)
        await web.deliver(mail())
        await _next_change(stream)
        web.health.check("disk", lambda: "2 % free")
        await _next_change(stream)
        fragment = await _text(browser, "/sandbox", **{"X-Fragment": "list"})
        assert "2 % free" in fragment
        assert web.simulator is not None
        web.simulator.inbox.clear()
        await _next_change(stream)


async def test_a_stream_needs_a_session(web: WebWorld):
    async with web.browser() as browser, browser.get("/sandbox/live") as response:
        assert response.status == 401


async def test_one_person_cannot_take_the_streams_of_all(web: WebWorld):
    other, account = "rosa@example.org", (await web.accounts.accounts.list(OPERATOR))[0]
    await web.accounts.accounts.users.add(OPERATOR, other, Role.ADMINISTRATOR, account.id, PASSWORD)
    async with web.signed_in() as browser, web.browser() as second, AsyncExitStack() as opened:
        assert (await sign_in(second, email=other)).status == 303
        for _ in range(MAX_OF_ONE):
            stream = await opened.enter_async_context(browser.get("/sandbox/live"))
            assert stream.status == 200
        async with browser.get("/sandbox/live") as response:
            assert response.status == 503
        async with second.get("/sandbox/live") as response:
            assert response.status == 200


API = "/api/v1/sandbox/messages"


def _key(web: WebWorld) -> dict[str, str]:
    return {"Authorization": f"Bearer {web.api_key}"}


async def test_the_api_lists_and_gets_what_arrived(web: WebWorld):
    async with web.browser(**_key(web)) as client:
        for number in range(3):
            await web.deliver(mail(f"Número {number}"))
        async with client.get(API, params={"limit": "2"}) as response:
            assert response.content_type == "application/json"
            page = await response.json()
        assert [m["subject"] for m in page["messages"]] == ["Número 2", "Número 1"]
        assert page["kept"] == 3
        async with client.get(API, params={"before": page["next_before"]}) as response:
            rest = await response.json()
        assert [m["subject"] for m in rest["messages"]] == ["Número 0"]
        assert rest["next_before"] is None
        identifier = rest["messages"][0]["id"]
        assert isinstance(identifier, str)
        async with client.get(f"{API}/{identifier}") as response:
            message = await response.json()
        assert message["rcpt_to"] == ["ok@example.com"]
        assert message["raw"].startswith("From: Tienda")
        assert ["To", "ok@example.com"] in message["headers"]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"recipient": "ANA@"}, 1),
        ({"sender": "hola@"}, 2),
        ({"text": "factura"}, 1),
        ({"recipient": "ana", "text": "aviso"}, 0),
    ],
)
async def test_the_api_filters(web: WebWorld, query: dict[str, str], count: int):
    await web.deliver(mail("Factura"), to="ana@example.com")
    await web.deliver(mail("Aviso"), to="luis@example.com")
    async with web.browser(**_key(web)) as client, client.get(API, params=query) as response:
        assert len((await response.json())["messages"]) == count


async def test_the_api_clears(web: WebWorld):
    await web.deliver(mail())
    async with web.browser(**_key(web)) as client:
        async with client.delete(API) as response:
            assert await response.json() == {"deleted": 1}
        async with client.get(API) as response:
            assert (await response.json())["messages"] == []


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer ", "Basic abc", "Bearer rk_x_y", "Bearer rk", "Bearer " + "x" * 5000],
)
async def test_the_api_needs_a_key(web: WebWorld, authorization: str):
    headers = {"Authorization": authorization} if authorization else {}
    async with web.browser(**headers) as client:
        for method, path in (("GET", API), ("DELETE", API), ("GET", "/api/v1/other")):
            async with client.request(method, path) as response:
                assert response.status == 401
                assert response.content_type == "application/problem+json"
                assert response.headers["WWW-Authenticate"].startswith("Bearer")
                problem = await response.json()
                assert problem["status"] == 401
                assert problem["code"] == "unauthorized"


async def test_a_key_with_another_secret_is_refused(web: WebWorld):
    key = web.api_key[:-1] + ("A" if web.api_key[-1] != "A" else "B")
    async with web.browser(Authorization=f"Bearer {key}") as client, client.get(API) as response:
        assert response.status == 401


async def test_a_revoked_key_is_refused_at_once(web: WebWorld):
    credentials = web.accounts.accounts.credentials
    async with web.browser(**_key(web)) as client:
        async with client.get(API) as response:
            assert response.status == 200
        await credentials.revoke(OPERATOR, (await credentials.list(OPERATOR))[0])
        async with client.get(API) as response:
            assert response.status == 401


async def test_a_session_is_no_key(web: WebWorld):
    async with web.signed_in() as browser, browser.delete(API) as response:
        assert response.status == 401


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        (f"{API}?limit=0", 422, "validation_failed"),
        (f"{API}?limit=1001", 422, "validation_failed"),
        (f"{API}?limit=x", 422, "validation_failed"),
        (f"{API}?before=-1", 422, "validation_failed"),
        (f"{API}?before=²", 422, "validation_failed"),
        (f"{API}/1", 404, "not_found"),
        (f"{API}/x", 404, "not_found"),
        (f"{API}/{'9' * 40}", 404, "not_found"),
        ("/api/v1/other", 404, "not_found"),
    ],
)
async def test_errors_of_the_api_are_problem_details(
    web: WebWorld, path: str, status: int, code: str
):
    async with web.browser(**_key(web)) as client, client.get(path) as response:
        assert response.status == status
        assert response.content_type == "application/problem+json"
        problem = json.loads(await response.read())
        assert problem["status"] == status
        assert problem["code"] == code
        assert problem["detail"]
        assert problem["title"]


async def test_problems_outside_of_any_endpoint_have_the_callers_language_and_an_id(web: WebWorld):
    asked = {**_key(web), "Accept-Language": "es", "X-Request-Id": "pedido.7"}
    async with web.browser(**asked) as client, client.get("/api/v1/other") as response:
        problem = json.loads(await response.read())
        assert problem["title"] == "Aquí no hay nada con ese identificador"
        assert problem["request_id"] == response.headers["X-Request-Id"] == "pedido.7"
        assert response.headers["Content-Language"] == "es"


async def test_a_wrong_method_is_a_problem_too(web: WebWorld):
    async with web.browser(**_key(web)) as client, client.put(API) as response:
        assert response.status == 405
        assert (await response.json())["code"] == "method_not_allowed"


async def test_without_a_sandbox_the_api_says_so(tmp_path: Path):
    async with open_web(tmp_path, is_sandbox=False) as web:
        async with web.browser(**_key(web)) as client, client.get(API) as response:
            assert response.status == 404
            assert (await response.json())["code"] == "not_sandbox"
