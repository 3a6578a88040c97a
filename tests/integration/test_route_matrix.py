"""Every route × method × role or scope: a row for each in `tests/matrix/routes_*.py`."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
import pytest
import pytest_asyncio

from console.accounts.permissions import PERMISSIONS
from console.accounts.values import Limits, Role, Scope
from console.app.server import Server
from mta.model.errors import PermanentError
from tests.accounts_world import OPERATOR
from tests.matrix import routes_api, routes_pages, routes_templates
from tests.matrix.routes import Asks, RouteRow
from tests.matrix.things import made_for
from tests.web_world import sign_in, token_of
from tests.whole_server import run_server, url_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROWS = [row for table in (routes_pages, routes_api, routes_templates) for row in table.ROWS]
PASSWORD = "correcto caballo"


@dataclass
class Site:
    """A whole server, and what its routes are about in two accounts of different customers."""

    server: Server
    url: str
    accounts: dict[str, int]
    subs: dict[str, int]
    users: dict[str, int]
    _number: int = 0

    async def things(self, row: RouteRow, place: str) -> dict[str, str]:
        """What the row names, in that account; new where calls use it up."""
        number = self._number = self._number + 1
        named, account = f"{row.url} {row.form}", self.accounts[place]
        return {
            "account": str(account),
            "sub": str(self.subs[place]),
            "user": str(self.users[place]),
            "domain": f"{place}.example.org",
            "number": str(number),
            **await made_for(named, self.server.services, account, number),
        }

    @asynccontextmanager
    async def browser(self) -> AsyncIterator[aiohttp.ClientSession]:
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(self.url, cookie_jar=jar) as session:
            yield session

    @asynccontextmanager
    async def person(self, role: Role) -> AsyncIterator[tuple[aiohttp.ClientSession, str]]:
        """Signed in, with the token of the forms."""
        async with self.browser() as browser:
            email = f"{role}@example.org"
            response = await sign_in(browser, email=email, password=PASSWORD)
            assert response.status == 303
            async with browser.get("/profile") as page:
                yield browser, token_of(await page.text())


async def _refuse(*_: object) -> None:
    raise PermanentError("no network in this test")


async def _nothing(*_: object) -> tuple[()]:
    """No record is there."""
    return ()


async def _no_key(_: str) -> str:
    return ""


async def _fill(server: Server, url: str) -> Site:
    services = server.services
    services.areas.webhooks.poster.post = _refuse
    services.areas.domains.service._checker.look = _nothing
    services.areas.domains.service._make_key = _no_key
    accounts, subs, users = {}, {}, {}
    for place in ("own", "other"):
        accounts[place] = (await services.accounts.add(OPERATOR, place)).id
        await services.quota.contracts.add(OPERATOR, accounts[place], "bag", 1000)
        subs[place] = (await services.accounts.add(OPERATOR, "sub", parent=accounts[place])).id
        users[place], _ = await services.accounts.users.add(
            OPERATOR, f"{place}@example.net", Role.VIEWER, accounts[place], PASSWORD
        )
        domain = f"{place}.example.org"
        await services.areas.domains.service.add(OPERATOR, domain, accounts[place])
    for role in Role:
        email = f"{role}@example.org"
        await services.accounts.users.add(OPERATOR, email, role, accounts["own"], PASSWORD)
    await services.quota.refresh()
    return Site(server, url, accounts, subs, users)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory):
    async with run_server(tmp_path_factory.mktemp("site")) as server:
        yield await _fill(server, url_of(server))


def _filled(value: object, things: Mapping[str, str]) -> object:
    """JSON with the things that it names."""
    if isinstance(value, dict):
        return {key: _filled(inner, things) for key, inner in value.items()}
    return value.format(**things) if isinstance(value, str) else value


async def _ask(browser, row: RouteRow, things, token="", key="") -> int:
    """The status of one call."""
    method = "POST" if row.method == "*" else row.method
    url = (row.url or row.path).format(**things)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    data = None
    if method != "GET" and row.json is None and not key:
        data = aiohttp.FormData({name: value.format(**things) for name, value in row.form.items()})
        data.add_field("csrf", token)
        if row.file:
            data.add_field("file", row.file, filename="rows.csv", content_type="text/csv")
    async with browser.request(
        method,
        url,
        data=data,
        json=_filled(row.json, things),
        headers=headers,
        allow_redirects=False,
    ) as response:
        await response.read()
        if response.status == 303 and response.headers["Location"].startswith("/login"):
            return 401
        return response.status


async def test_every_route_has_a_row_and_every_row_a_route(site):
    served = {
        (route.method, route.resource.canonical)
        for route in site.server.console._site._runner.app.router.routes()
        if route.method != "HEAD"  # comes with GET
    }
    named = {(row.method, row.path) for row in ROWS}
    assert sorted(served - named) == [], "add a row to tests/matrix/routes_*.py"
    assert sorted(named - served) == []


async def test_without_a_sign_in_nothing_but_what_is_open_is_answered(site):
    wrong = []
    async with site.browser() as browser:
        for row in ROWS:
            if row.asks is Asks.NOTHING and row.untried:
                continue
            status = await _ask(browser, row, await site.things(row, "own"))
            is_open = row.asks is Asks.NOTHING
            if is_open is (status == 401) and not (row.method == "*" and status == 404):
                wrong.append((row.method, row.path, status))
    assert not wrong, "\n".join(map(str, wrong))


@pytest.mark.parametrize("role", Role)
async def test_T_c_a_page_is_there_for_who_may_and_for_nobody_else(site, role):
    wrong = []
    async with site.person(role) as (browser, token):
        for row in routes_pages.ROWS:
            may = row.asks is Asks.SIGN_IN or bool({row.asks, row.also} & PERMISSIONS[role])
            if row.asks is Asks.NOTHING or (row.untried and may):
                continue
            status = await _ask(browser, row, await site.things(row, "own"), token)
            if may is (status in (401, 403, 404)) or status >= 500:
                wrong.append((row.method, row.path, "own", status))
            if "{" in row.url:
                status = await _ask(browser, row, await site.things(row, "other"), token)
                if status != 404:
                    wrong.append((row.method, row.path, "other", status))
    assert not wrong, "\n".join(map(str, wrong))


async def test_a_key_is_let_in_by_its_scopes_alone(site):
    asked = {scope for row in routes_api.ROWS for scope in (row.asks, row.also)}
    scopes = {scope for scope in asked if isinstance(scope, Scope)}
    keys = {}
    for scope in (*scopes, Scope.QUOTA_VIEW):
        limits = Limits(frozenset({scope}))
        credentials = site.server.services.accounts.credentials
        keys[scope] = (
            await credentials.add(OPERATOR, site.accounts["own"], f"key {scope}", limits)
        ).secret
    wrong = []
    async with site.browser() as browser:
        for row in routes_api.ROWS:
            if row.asks is Asks.NOTHING:
                continue
            own, other = await site.things(row, "own"), await site.things(row, "other")
            for scope, key in keys.items():
                may = row.asks is Asks.KEY or scope in (row.asks, row.also)
                if row.untried and may:
                    continue
                status = await _ask(browser, row, own, key=key)
                if may is (status in (401, 403)) or status >= 500:
                    wrong.append((row.method, row.path, scope, status))
                if may and "{" in row.url:
                    status = await _ask(browser, row, other, key=key)
                    if status != 404:
                        wrong.append((row.method, row.path, "other", status))
    assert not wrong, "\n".join(map(str, wrong))
