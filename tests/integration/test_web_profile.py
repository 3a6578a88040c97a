"""A person's own pages over a real socket: password, second factor, sessions, language, account."""

import asyncio
from pathlib import Path

import aiohttp
import pyotp
import pytest

from console.accounts.signin.factors import STEP_S
from console.accounts.values import Role
from mta.store.work import Rows
from tests.accounts_world import OPERATOR
from tests.web_world import EMAIL, PASSWORD, WebWorld, open_web, sign_in, token_of


@pytest.fixture
async def web(tmp_path: Path):
    async with open_web(tmp_path) as web:
        yield web


async def _page(browser: aiohttp.ClientSession, path: str) -> str:
    async with browser.get(path) as response:
        assert response.status == 200, path
        return await response.text()


async def _post(browser: aiohttp.ClientSession, path: str, **form: str) -> tuple[int, str]:
    """Send a form of the profile as its page would; not followed."""
    token = token_of(await _page(browser, "/profile/password"))
    async with browser.post(path, data={"csrf": token, **form}, allow_redirects=False) as response:
        return response.status, await response.text()


async def _enrol(web: WebWorld, browser: aiohttp.ClientSession) -> tuple[pyotp.TOTP, str]:
    page = await _page(browser, "/profile/second-factor")
    secret = page.partition('id="totp-key">')[2].partition("<")[0]
    app = pyotp.TOTP(secret)
    status, shown = await _post(
        browser, "/profile/second-factor", code=app.at(web.accounts.clock.now_ms() // 1000)
    )
    assert status == 200, shown
    web.accounts.clock.advance(STEP_S)
    return app, shown.partition("<li><code>")[2].partition("<")[0]


async def _code(web: WebWorld, browser: aiohttp.ClientSession, code: str) -> int:
    async with browser.get("/login/code") as page:
        token = token_of(await page.text())
    form = {"csrf": token, "code": code}
    async with browser.post("/login/code", data=form, allow_redirects=False) as response:
        return response.status


async def test_a_second_factor_is_asked_for_once_it_is_enabled(web: WebWorld):
    async with web.signed_in() as browser:
        app, recovery = await _enrol(web, browser)
        assert "activo" in await _page(browser, "/profile/second-factor")
    async with web.browser() as browser:
        response = await sign_in(browser, next_path="/status")
        assert response.headers["Location"] == "/login/code?next=/status"
        async with browser.get("/status", allow_redirects=False) as refused:
            assert refused.status == 303  # the password alone opens nothing
        assert await _code(web, browser, "000000") == 401
        code = app.at(web.accounts.clock.now_ms() // 1000)
        assert await _code(web, browser, code) == 303
        assert await _page(browser, "/status")
    async with web.browser() as browser:
        await sign_in(browser)
        assert await _code(web, browser, code) == 401  # a code is taken once
        assert await _code(web, browser, recovery) == 303
        assert await _page(browser, "/status")


async def test_codes_cannot_be_guessed(web: WebWorld):
    async with web.signed_in() as browser:
        await _enrol(web, browser)
    async with web.browser() as browser:
        await sign_in(browser)
        statuses = [await _code(web, browser, f"{n:06d}") for n in range(4)]
        assert statuses == [401, 401, 401, 429]


async def test_many_codes_at_once_are_not_all_looked_at(web: WebWorld):
    async with web.signed_in() as browser:
        await _enrol(web, browser)
    async with web.browser() as browser:
        await sign_in(browser)
        statuses = await asyncio.gather(*(_code(web, browser, f"{n:06d}") for n in range(40)))
        assert statuses.count(401) <= 4, statuses  # the free ones, and perhaps one more
        assert set(statuses) <= {401, 429, 503}


@pytest.mark.parametrize("page", ["codes", "disable"])
async def test_codes_cannot_be_guessed_with_a_session_that_was_taken_over(web: WebWorld, page: str):
    path = f"/profile/second-factor/{page}"
    async with web.signed_in() as browser:
        app, _ = await _enrol(web, browser)
        for n in range(4):
            assert (await _post(browser, path, code=f"{n:06d}"))[0] == 422
        right = app.at(web.accounts.clock.now_ms() // 1000)
        assert (await _post(browser, path, code=right))[0] == 422  # not even looked at
        assert "activo" in await _page(browser, "/profile/second-factor")
        web.accounts.clock.advance(STEP_S)  # the wait is over; the right one is taken
        right = app.at(web.accounts.clock.now_ms() // 1000)
        assert (await _post(browser, path, code=right))[0] in (200, 303)


async def test_the_old_password_cannot_be_guessed_with_a_session_that_was_taken_over(
    web: WebWorld,
):
    form = {"new": "otra contraseña", "again": "otra contraseña"}
    async with web.signed_in() as browser:
        for n in range(4):
            assert (await _post(browser, "/profile/password", old=f"no {n}", **form))[0] == 422
        assert (await _post(browser, "/profile/password", old=PASSWORD, **form))[0] == 422
    async with web.browser() as browser:
        assert (await sign_in(browser)).status == 303  # nobody is locked out at the door


async def test_an_account_may_ask_its_people_for_a_second_factor(web: WebWorld):
    account = await web.accounts.accounts.only(OPERATOR)
    await web.accounts.store.submit([Rows("factor_rule_put", [(account.id, 1)])])
    async with web.signed_in() as browser:
        for path in ("/status", "/profile", "/"):
            async with browser.get(path, allow_redirects=False) as response:
                assert response.headers["Location"] == "/profile/second-factor"
        assert "exige un segundo factor" in await _page(browser, "/profile/second-factor")
        page = await _page(browser, "/profile/second-factor")
        secret = page.partition('id="totp-key">')[2].partition("<")[0]
        code = pyotp.TOTP(secret).at(web.accounts.clock.now_ms() // 1000)
        form = {"csrf": token_of(page), "code": code}
        async with browser.post("/profile/second-factor", data=form) as response:
            assert response.status == 200
        assert await _page(browser, "/status")


async def test_a_new_password_ends_the_other_sessions(web: WebWorld):
    async with web.signed_in() as browser, web.signed_in() as other:
        form = {"old": "falso", "new": "otra contraseña", "again": "otra contraseña"}
        assert (await _post(browser, "/profile/password", **form))[0] == 422
        form["old"] = PASSWORD
        assert (await _post(browser, "/profile/password", **{**form, "again": "x"}))[0] == 422
        assert await _page(other, "/status")
        assert (await _post(browser, "/profile/password", **form))[0] == 303
        assert "Se cambió la contraseña" in await _page(browser, "/profile/password")
        async with other.get("/status", allow_redirects=False) as response:
            assert response.status == 303
    async with web.browser() as browser:
        assert (await sign_in(browser)).status == 401
        assert (await sign_in(browser, password="otra contraseña")).status == 303


async def test_a_session_is_ended_from_another_one(web: WebWorld):
    async with (
        web.signed_in(**{"User-Agent": "Firefox"}) as browser,
        web.signed_in(**{"User-Agent": "Otro"}) as other,
    ):
        page = await _page(browser, "/profile/sessions")
        assert "Firefox" in page
        assert "Esta sesión" in page
        digest = next(
            s.digest
            for s in await web.accounts.sign_in.sessions.of_user(
                next(
                    u.id
                    for u in await web.accounts.accounts.users.list(OPERATOR)
                    if u.email == EMAIL
                )
            )
            if s.agent == "Otro"
        )
        assert (await _post(browser, "/profile/sessions", digest=digest))[0] == 303
        async with other.get("/status", allow_redirects=False) as response:
            assert response.status == 303
        assert await _page(browser, "/status")


async def test_the_profile_says_language_and_name(web: WebWorld):
    async with web.signed_in() as browser:
        form = {"name": "Ana <b>Quispe</b>", "language": "en", "timezone": "Asia/Tokyo"}
        assert (await _post(browser, "/profile", **form))[0] == 303
        page = await _page(browser, "/profile")
        assert "Your profile was saved." in page
        assert "Ana &lt;b&gt;Quispe&lt;/b&gt;" in page
        bad = {**form, "timezone": "Mars/Olympus"}
        assert (await _post(browser, "/profile", **bad))[0] == 422


async def test_only_accounts_that_one_sees_can_be_chosen(web: WebWorld):
    mine = await web.accounts.accounts.only(OPERATOR)
    below = await web.accounts.accounts.add(OPERATOR, "Ventas", parent=mine.id)
    other = await web.accounts.accounts.add(OPERATOR, "De otros")
    await web.accounts.accounts.users.add(
        OPERATOR, "x@example.org", Role.OWNER, other.id, "correcto c"
    )
    async with web.signed_in() as browser:
        page = await _page(browser, "/status")
        assert "Ventas" in page
        assert "De otros" not in page
        assert (await _post(browser, "/account", account=str(below.id)))[0] == 303
        chosen = await _page(browser, "/status")
        assert f'value="{below.id}" aria-current="true"' in chosen
        for account in (str(other.id), "999", "x", ""):
            assert (await _post(browser, "/account", account=account))[0] == 404


async def test_an_operator_removes_a_factor_that_was_lost(web: WebWorld):
    async with web.signed_in() as browser:
        await _enrol(web, browser)
        assert await web.people.operations["user.drop_factor"]({"email": EMAIL})
        async with browser.get("/status", allow_redirects=False) as response:
            assert response.status == 303
    async with web.signed_in() as browser:
        assert await _page(browser, "/status")


async def test_two_sign_ins_with_one_code_are_one(web: WebWorld):
    async with web.signed_in() as browser:
        app, _ = await _enrol(web, browser)
    code = app.at(web.accounts.clock.now_ms() // 1000)
    async with web.browser() as one, web.browser() as two:
        await sign_in(one)
        await sign_in(two)
        statuses = await asyncio.gather(_code(web, one, code), _code(web, two, code))
        assert sorted(statuses) in ([303, 401], [303, 503])  # used up, or being looked at
