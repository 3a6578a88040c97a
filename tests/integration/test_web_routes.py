"""Every route with every role: made from the route table, so a new route without a row fails."""

from pathlib import Path

import aiohttp
import pytest

from console.accounts.permissions import PERMISSIONS, Permission
from console.accounts.values import Role
from tests.accounts_world import OPERATOR
from tests.web_world import WebWorld, open_web, sign_in, token_of

SECRET = "una contraseña larga"
OPEN, OWN = "open to all", "everybody's own"
P = Permission
# What a role needs for a route; for changes in the account above the one that is changed.
NEEDS: dict[tuple[str, str], str | Permission] = {
    ("GET", "/login"): OPEN,
    ("POST", "/login"): OPEN,
    ("GET", "/login/code"): OPEN,
    ("POST", "/login/code"): OPEN,
    ("GET", "/forgot"): OPEN,
    ("POST", "/forgot"): OPEN,
    ("GET", "/link/{token}"): OPEN,
    ("POST", "/link/{token}"): OPEN,
    ("GET", "/static/{name}"): OPEN,
    ("GET", "/healthz"): OPEN,
    ("GET", "/readyz"): OPEN,
    ("POST", "/logout"): OWN,
    ("GET", "/"): OWN,
    ("GET", "/status"): OWN,
    ("POST", "/account"): OWN,
    ("GET", "/profile"): OWN,
    ("POST", "/profile"): OWN,
    ("GET", "/profile/password"): OWN,
    ("POST", "/profile/password"): OWN,
    ("GET", "/profile/second-factor"): OWN,
    ("POST", "/profile/second-factor"): OWN,
    ("POST", "/profile/second-factor/codes"): OWN,
    ("POST", "/profile/second-factor/disable"): OWN,
    ("GET", "/profile/sessions"): OWN,
    ("POST", "/profile/sessions"): OWN,
    ("GET", "/sandbox"): OWN,
    ("GET", "/sandbox/live"): OWN,
    ("POST", "/sandbox/clear"): OWN,
    ("GET", "/sandbox/messages/{id}"): OWN,
    ("GET", "/sandbox/messages/{id}/html"): OWN,
    ("GET", "/sandbox/messages/{id}/source"): OWN,
    ("GET", "/sandbox/messages/{id}/parts/{number}"): OWN,
    ("GET", "/accounts"): P.ACCOUNT_VIEW,
    ("GET", "/accounts/new"): P.ACCOUNT_MANAGE,
    ("POST", "/accounts/new"): P.ACCOUNT_MANAGE,
    ("GET", "/accounts/{id}"): P.ACCOUNT_VIEW,
    ("POST", "/accounts/{id}/settings"): P.ACCOUNT_MANAGE,
    ("POST", "/accounts/{id}/share"): P.QUOTA_MOVE,
    ("POST", "/accounts/{id}/state"): P.ACCOUNT_MANAGE,
    ("POST", "/accounts/{id}/training"): P.ACCOUNT_MANAGE,
    ("GET", "/users"): P.USER_MANAGE,
    ("GET", "/users/new"): P.USER_MANAGE,
    ("POST", "/users/new"): P.USER_MANAGE,
    ("GET", "/users/{id}"): P.USER_MANAGE,
    ("POST", "/users/{id}/role"): P.USER_MANAGE,
    ("POST", "/users/{id}/state"): P.USER_MANAGE,
    ("GET", "/quota"): P.QUOTA_VIEW,
    ("GET", "/quota/ledger"): P.QUOTA_VIEW,
    ("GET", "/quota/ledger.csv"): P.EXPORT,
    ("GET", "/audit"): P.AUDIT_VIEW,
    ("GET", "/audit.csv"): P.AUDIT_VIEW,
    ("POST", "/audit/verify"): P.AUDIT_VIEW,
}
FORMS = {
    "/accounts/new": {"name": "Nueva", "parent": "{main}"},
    "/accounts/{id}/settings": {"name": "Otro nombre"},
    "/accounts/{id}/share": {"action": "allocate", "amount": "1"},
    "/accounts/{id}/state": {"action": "disable"},
    "/accounts/{id}/training": {"addresses": "a@example.com"},
    "/users/new": {"email": "x@example.org", "role": "viewer", "account": "{main}"},
    "/users/{id}/role": {"account": "{main}", "role": "viewer"},
    "/users/{id}/state": {"action": "sessions"},
}
# An auditor sees who has which role, but manages nobody.
SEEN_BY_AUDITORS = {("GET", "/users/{id}")}


@pytest.fixture
async def web(tmp_path: Path):
    async with open_web(tmp_path) as web:
        main = await web.accounts.accounts.only(OPERATOR)
        await web.accounts.bag.contracts.add(
            OPERATOR, main.id, "Contrato", 1000, starts_on="2027-01-15"
        )
        yield web


def test_every_route_has_a_row(web: WebWorld):
    routes = {
        (method, path)
        for method, path in web.console.routes
        if method != "HEAD" and not path.startswith("/api/")
    }
    assert routes ^ NEEDS.keys() == set()


async def _person(web: WebWorld, email: str, role: Role) -> int:
    main = await web.accounts.accounts.get(OPERATOR, "Principal")
    await web.accounts.accounts.users.add(OPERATOR, email, role, main.id, SECRET)
    return (await web.accounts.accounts.users.get(OPERATOR, email)).id


async def _ask(browser: aiohttp.ClientSession, method: str, path: str, form: dict[str, str]) -> int:
    if method == "GET":
        async with browser.get(path, allow_redirects=False) as response:
            return response.status
    async with browser.get("/profile/password") as page:
        token = token_of(await page.text())
    data = {"csrf": token, **form}
    async with browser.post(path, data=data, allow_redirects=False) as response:
        return response.status


@pytest.mark.parametrize("role", list(Role))
async def test_each_role_gets_what_the_table_says(web: WebWorld, role: Role):
    main = await web.accounts.accounts.only(OPERATOR)
    other = await _person(web, "otra@example.org", Role.VIEWER)
    await _person(web, "yo@example.org", role)
    async with web.browser() as browser:
        await sign_in(browser, email="yo@example.org", password=SECRET)
        for (method, path), need in NEEDS.items():
            if not isinstance(need, Permission):
                continue
            # Of its own for each: what one of them changes must not decide on the next.
            sub = await web.accounts.accounts.add(OPERATOR, f"{method} {path}", parent=main.id)
            web.accounts.sign_in.sessions.everybody_changed()
            number = other if path.startswith("/users") else sub.id
            form = {k: v.format(main=main.id) for k, v in FORMS.get(path, {}).items()}
            status = await _ask(browser, method, path.replace("{id}", str(number)), form)
            may = need in PERMISSIONS[role]
            if (method, path) in SEEN_BY_AUDITORS and P.AUDIT_VIEW in PERMISSIONS[role]:
                may = True
            assert (status not in (403, 404)) == may, f"{role}: {method} {path}: {status}"


async def test_what_belongs_to_another_tenant_is_not_there_for_its_owner(web: WebWorld):
    other = await web.accounts.accounts.add(OPERATOR, "De otros")
    users = web.accounts.accounts.users
    await users.add(OPERATOR, "x@example.org", Role.OWNER, other.id, SECRET)
    stranger = (await users.get(OPERATOR, "x@example.org")).id
    await _person(web, "yo@example.org", Role.OWNER)
    async with web.browser() as browser:
        await sign_in(browser, email="yo@example.org", password=SECRET)
        for method, path in NEEDS:
            if "{id}" in path and not path.startswith("/sandbox"):
                number = stranger if path.startswith("/users") else other.id
                form = {k: v.format(main=other.id) for k, v in FORMS.get(path, {}).items()}
                status = await _ask(browser, method, path.replace("{id}", str(number)), form)
                assert status == 404, f"{method} {path}: {status}"
        for path in ("/accounts/new", "/users/new"):
            form = {k: v.format(main=other.id) for k, v in FORMS[path].items()}
            assert await _ask(browser, "POST", path, form) == 404
    assert web.outbox.mails == []
