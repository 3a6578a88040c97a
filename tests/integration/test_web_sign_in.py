"""Signing in and out over a real socket: cookies, tokens, throttling, doors that stay closed."""

import asyncio
import re
from http.cookies import SimpleCookie
from pathlib import Path

import aiohttp
import pytest

from console.accounts.signin.sessions import CHECK_S, IDLE_S
from console.accounts.signin.throttle import FREE_PER_NETWORK, MAX_DELAY_S
from console.accounts.values import Role
from tests.accounts_world import OPERATOR
from tests.web_world import EMAIL, PASSWORD, WebWorld, mail, open_web, sign_in, token_of


@pytest.fixture
async def web(tmp_path: Path):
    async with open_web(tmp_path) as web:
        yield web


def _cookies(response: aiohttp.ClientResponse) -> SimpleCookie:
    cookies: SimpleCookie = SimpleCookie()
    for line in response.headers.getall("Set-Cookie", []):
        cookies.load(line)
    return cookies


async def _is_signed_in(browser: aiohttp.ClientSession) -> bool:
    async with browser.get("/sandbox", allow_redirects=False) as response:
        return response.status == 200


async def test_the_right_password_opens_a_session(web: WebWorld):
    async with web.browser() as browser:
        response = await sign_in(browser, next_path="/sandbox?text=a")
        assert response.status == 303
        assert response.headers["Location"] == "/sandbox?text=a"
        cookie = _cookies(response)["relevo_session"]
        assert len(cookie.value) >= 43
        assert cookie["httponly"]
        assert cookie["samesite"] == "Lax"
        assert cookie["path"] == "/"
        assert not cookie["max-age"]  # gone when the browser is closed
        assert await _is_signed_in(browser)


@pytest.mark.parametrize("where", ["https://evil.example/", "//evil.example", "/\\evil.example"])
async def test_signing_in_never_leads_elsewhere(web: WebWorld, where: str):
    async with web.browser() as browser:
        response = await sign_in(browser, next_path=where)
        assert response.headers["Location"] == "/"


@pytest.mark.parametrize(
    ("email", "password"), [(EMAIL, "falso"), ("nadie@example.org", PASSWORD), ("", "")]
)
async def test_anything_else_is_refused_with_the_same_words(
    web: WebWorld, email: str, password: str
):
    async with web.browser() as browser:
        response = await sign_in(browser, email=email, password=password)
        assert response.status == 401
        assert "no son correctos" in await response.text()
        assert "relevo_session" not in _cookies(response)
        assert not await _is_signed_in(browser)


async def test_what_was_typed_comes_back_escaped_and_without_the_password(web: WebWorld):
    async with web.browser() as browser:
        response = await sign_in(browser, email='"><script>x</script>', password="mi secreto")
        page = await response.text()
        assert "<script>x" not in page
        assert "&#34;&gt;&lt;script&gt;x" in page
        assert "mi secreto" not in page


async def test_the_login_form_needs_its_own_token(web: WebWorld):
    async with web.browser() as browser:
        form = {"csrf": "x" * 43, "email": EMAIL, "password": PASSWORD}
        async with browser.post("/login", data=form) as response:
            assert response.status == 403
        async with browser.get("/login") as page:
            token = token_of(await page.text())
        other = {"Sec-Fetch-Site": "cross-site"}
        async with browser.post("/login", data={**form, "csrf": token}, headers=other) as response:
            assert response.status == 403
        assert not await _is_signed_in(browser)


async def test_signing_in_again_changes_the_session(web: WebWorld):
    async with web.browser() as browser:
        first = _cookies(await sign_in(browser))["relevo_session"].value
        browser.cookie_jar.update_cookies({"relevo_session": first})
        async with browser.get("/login", allow_redirects=False) as response:
            assert response.status == 303  # nothing to do
        async with web.browser() as other:
            async with other.get("/login") as page:
                token = token_of(await page.text())
            form = {"csrf": token, "email": EMAIL, "password": PASSWORD}
            cookie = f"relevo_session={first}; relevo_form={token}"
            headers = {"Cookie": cookie}
            async with other.post(
                "/login", data=form, headers=headers, allow_redirects=False
            ) as response:
                assert _cookies(response)["relevo_session"].value != first
        assert not await _is_signed_in(browser)


async def test_a_session_that_nobody_opened_is_none(web: WebWorld):
    async with web.browser() as browser:
        browser.cookie_jar.update_cookies({"relevo_session": "A" * 43})
        assert not await _is_signed_in(browser)


async def test_many_failures_from_one_network_wait(web: WebWorld):
    async with web.browser() as browser:
        for number in range(FREE_PER_NETWORK):
            response = await sign_in(browser, email=f"u{number}@example.org")
            assert response.status == 401
        response = await sign_in(browser)
        assert response.status == 429
        assert int(response.headers["Retry-After"]) == 1
        web.accounts.clock.advance(1)
        assert (await sign_in(browser)).status == 303


@pytest.mark.parametrize("email", [EMAIL, "nadie@example.org"])
async def test_guessing_one_password_waits_longer_each_time_whoever_it_is(
    web: WebWorld, email: str
):
    waits = []
    async with web.browser() as browser:
        for _ in range(16):
            response = await sign_in(browser, email=email, password="falso")
            while response.status == 429:
                assert "Demasiados intentos" in await response.text()
                waits.append(int(response.headers["Retry-After"]))
                web.accounts.clock.advance(waits[-1])
                response = await sign_in(browser, email=email, password="falso")
            assert response.status == 401
    assert waits[:5] == [1, 2, 4, 8, 16]
    assert waits[-1] == MAX_DELAY_S


async def test_signing_out_ends_the_session_on_the_server(web: WebWorld):
    async with web.signed_in() as browser:
        async with browser.get("/sandbox") as page:
            form = {"csrf": token_of(await page.text())}
        before = {cookie.key: cookie.value for cookie in browser.cookie_jar}
        async with browser.post("/logout", data=form, allow_redirects=False) as response:
            assert response.status == 303
        browser.cookie_jar.update_cookies(before)
        assert not await _is_signed_in(browser)


@pytest.mark.parametrize("path", ["/logout", "/sandbox/clear"])
async def test_what_changes_something_needs_the_token(web: WebWorld, path: str):
    async with web.signed_in() as browser, web.signed_in() as other:
        async with other.get("/sandbox") as page:
            foreign = token_of(await page.text())
        for form in ({}, {"csrf": ""}, {"csrf": foreign}):
            async with browser.post(path, data=form, allow_redirects=False) as response:
                assert response.status == 403
        assert await _is_signed_in(browser)


async def test_an_idle_session_ends(web: WebWorld):
    async with web.signed_in() as browser:
        web.accounts.clock.advance(IDLE_S)
        assert not await _is_signed_in(browser)


async def test_an_open_live_page_does_not_keep_a_session_alive(web: WebWorld):
    async with web.signed_in() as browser:
        web.accounts.clock.advance(IDLE_S - 1)
        async with browser.get("/sandbox", headers={"X-Fragment": "list"}) as response:
            assert response.status == 200
        web.accounts.clock.advance(1)
        async with browser.get("/sandbox", headers={"X-Fragment": "list"}) as response:
            assert response.status == 401


async def test_who_is_disabled_is_out_within_a_minute(web: WebWorld):
    async with web.signed_in() as browser:
        await web.accounts.accounts.users.disable(OPERATOR, EMAIL)
        web.accounts.clock.advance(CHECK_S)
        assert not await _is_signed_in(browser)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/sandbox"),
        ("GET", "/sandbox/messages/1"),
        ("GET", "/sandbox/messages/1/html"),
        ("GET", "/sandbox/messages/1/source"),
        ("POST", "/sandbox/clear"),
        ("POST", "/logout"),
        ("GET", "/status"),
        ("GET", "/anything/else"),
        ("GET", "/loginx"),
        ("GET", "//login"),
        ("GET", "/static"),
    ],
)
async def test_nothing_is_shown_without_a_sign_in(web: WebWorld, method: str, path: str):
    async with web.browser() as browser:
        url = web.url.rstrip("/") + path
        async with browser.request(method, url, allow_redirects=False) as response:
            assert response.status == 303
            assert response.headers["Location"].startswith("/login")


@pytest.mark.parametrize(
    "path",
    [
        "/static/../sandbox",
        "/login/../sandbox",
        "/static/..%2fsandbox",
        "/api/../sandbox",
        "/%73andbox",
        "/sandbox/",
        "/./sandbox",
        "/healthz/%2e%2e/sandbox",
        "/sandbox;/login",
        "/sandbox?/login",
        "http://x/login/../sandbox",
    ],
)
async def test_no_way_of_writing_a_path_opens_a_door(web: WebWorld, path: str):
    host, port = web.console.addresses[0]
    await web.deliver(mail("Secreto"))
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert answer.split()[1] in (b"303", b"400", b"401", b"404")
    assert b"Secreto" not in answer


async def test_who_had_to_sign_in_comes_back_to_the_page(web: WebWorld):
    async with web.browser() as browser:
        async with browser.get("/sandbox?text=a%26b") as page:
            text = await page.text()
        assert page.url.path == "/login"
        found = re.search(r'name="next" value="([^"]+)"', text)
        assert found is not None
        assert found[1] == "/sandbox?text=a%26b"


async def test_every_role_may_look(web: WebWorld):
    accounts = web.accounts.accounts
    await accounts.users.add(
        OPERATOR,
        "ver@example.org",
        Role.VIEWER,
        (await accounts.only(OPERATOR)).id,
        "contraseña larga",
    )
    async with web.browser() as browser:
        response = await sign_in(browser, email="ver@example.org", password="contraseña larga")
        assert response.status == 303
        assert await _is_signed_in(browser)


@pytest.mark.parametrize(
    ("headers", "query", "language", "title"),
    [
        ({}, "", "es", "Iniciar sesión"),
        ({"Accept-Language": "en-GB,en;q=0.9"}, "", "en", "Sign in"),
        ({"Accept-Language": "de"}, "", "es", "Iniciar sesión"),
        ({"Accept-Language": "es"}, "?lang=en", "en", "Sign in"),
        ({"Accept-Language": "en"}, "?lang=xx", "en", "Sign in"),
    ],
)
async def test_the_page_speaks_the_language_of_who_asks(
    web: WebWorld, headers: dict[str, str], query: str, language: str, title: str
):
    async with web.browser() as browser:
        async with browser.get(f"/login{query}", headers=headers) as response:
            page = await response.text()
        assert f'<html lang="{language}">' in page
        assert f"<h1>{title}</h1>" in page
        assert response.headers["Content-Language"] == language


async def test_a_chosen_language_is_remembered(web: WebWorld):
    async with web.browser() as browser:
        async with browser.get("/login?lang=en"):
            pass
        async with browser.get("/login") as page:
            assert "<h1>Sign in</h1>" in await page.text()


async def test_the_settings_say_the_language_of_who_does_not(tmp_path: Path):
    async with open_web(tmp_path, settings={"RELEVO_SERVER__LANGUAGE": "en"}) as web:
        async with web.browser() as browser, browser.get("/login") as page:
            assert "<h1>Sign in</h1>" in await page.text()
