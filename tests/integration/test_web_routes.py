"""Pages of accounts, people and the bag alone, as the route table has them: each with every role."""

from pathlib import Path

import aiohttp
import pytest

from console.accounts.permissions import PERMISSIONS, Permission
from console.accounts.values import Role
from tests.accounts_world import OPERATOR
from tests.matrix import routes_pages
from tests.matrix.routes import RouteRow
from tests.web_world import WebWorld, open_web, sign_in, token_of

SECRET = "una contraseña larga"
TABLE = {(row.method, row.path): row for row in routes_pages.ROWS}


@pytest.fixture
async def web(tmp_path: Path):
    async with open_web(tmp_path) as web:
        main = await web.accounts.accounts.only(OPERATOR)
        await web.accounts.bag.contracts.add(
            OPERATOR, main.id, "Contrato", 1000, starts_on="2027-01-15"
        )
        yield web


def _served(web: WebWorld) -> list[RouteRow]:
    """The rows of what this console has. Raises `KeyError` for a route without one."""
    return [
        TABLE[method, path]
        for method, path in web.console.routes
        if method != "HEAD" and not path.startswith("/api/")
    ]


def test_every_route_has_a_row(web: WebWorld):
    paths = {row.path for row in _served(web)}
    assert {"/accounts/{id}", "/users/new", "/quota/move", "/login", "/sandbox"} <= paths


async def _person(web: WebWorld, email: str, role: Role) -> int:
    main = await web.accounts.accounts.get(OPERATOR, "Principal")
    await web.accounts.accounts.users.add(OPERATOR, email, role, main.id, SECRET)
    return (await web.accounts.accounts.users.get(OPERATOR, email)).id


async def _ask(browser: aiohttp.ClientSession, row: RouteRow, things: dict[str, int]) -> int:
    path = (row.url or row.path).format(**things)
    if row.method == "GET":
        async with browser.get(path, allow_redirects=False) as response:
            return response.status
    async with browser.get("/profile/password") as page:
        token = token_of(await page.text())
    data = {"csrf": token, **{key: value.format(**things) for key, value in row.form.items()}}
    async with browser.post(path, data=data, allow_redirects=False) as response:
        return response.status


@pytest.mark.parametrize("role", list(Role))
async def test_each_role_gets_what_the_table_says(web: WebWorld, role: Role):
    main = await web.accounts.accounts.only(OPERATOR)
    other = await _person(web, "otra@example.org", Role.VIEWER)
    await _person(web, "yo@example.org", role)
    asked = [row for row in _served(web) if isinstance(row.asks, Permission)]
    assert len(asked) > 20
    async with web.browser() as browser:
        await sign_in(browser, email="yo@example.org", password=SECRET)
        for number, row in enumerate(asked):
            # Of its own for each: what one of them changes must not decide on the next.
            sub = await web.accounts.accounts.add(OPERATOR, f"sub {number}", parent=main.id)
            web.accounts.sign_in.sessions.everybody_changed()
            things = {"account": main.id, "sub": sub.id, "user": other, "number": number}
            status = await _ask(browser, row, things)
            may = bool({row.asks, row.also} & PERMISSIONS[role])
            assert (status not in (403, 404)) == may, f"{role}: {row.method} {row.path}: {status}"


async def test_what_belongs_to_another_tenant_is_not_there_for_its_owner(web: WebWorld):
    other = await web.accounts.accounts.add(OPERATOR, "De otros")
    users = web.accounts.accounts.users
    await users.add(OPERATOR, "x@example.org", Role.OWNER, other.id, SECRET)
    stranger = (await users.get(OPERATOR, "x@example.org")).id
    await _person(web, "yo@example.org", Role.OWNER)
    things = {"account": other.id, "sub": other.id, "user": stranger, "number": 1}
    async with web.browser() as browser:
        await sign_in(browser, email="yo@example.org", password=SECRET)
        for row in _served(web):
            names_it = any(f"{{{name}}}" in f"{row.url}{row.form}" for name in things)
            if isinstance(row.asks, Permission) and names_it:
                status = await _ask(browser, row, things)
                assert status == 404, f"{row.method} {row.path}: {status}"
    assert web.outbox.mails == []
