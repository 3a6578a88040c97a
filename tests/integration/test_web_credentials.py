"""The page of keys over a real socket: the secret is shown once and works, limits hold, roles too."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from console.accounts.values import Role, Scope
from console.pages.credentials import CredentialPages
from console.web.application import Area
from mta.settings.schema import Settings
from mta.settings.values import read_network
from tests.accounts_world import OPERATOR, World
from tests.web_world import EMAIL, PASSWORD, WebWorld, open_web, sign_in, token_of

FACTS = {"server": "127.0.0.1:2587", "url": "http://127.0.0.1:8080", "zone": "America/Lima"}
_SECRET = re.compile(r'id="api-key">((?:rk|test)_[A-Za-z0-9_-]+)<')


def areas(world: World, _: Settings) -> Sequence[Area]:
    def credentials(app, renderer):
        CredentialPages(renderer, world.accounts.credentials, FACTS).add_routes(app)

    return (credentials,)


@pytest.fixture
async def web(tmp_path: Path):
    async with open_web(tmp_path, areas=areas) as web:
        yield web


async def _page(browser, path: str, status: int = 200) -> str:
    async with browser.get(path) as response:
        assert response.status == status
        return await response.text()


async def _post(browser, path: str, form: list[tuple[str, str]]) -> tuple[int, str]:
    token = token_of(await _page(browser, "/profile/password"))
    data = [("csrf", token), *form]
    async with browser.post(path, data=data, allow_redirects=False) as response:
        return response.status, await response.text()


async def test_a_new_key_is_shown_once_and_works(web: WebWorld):
    async with web.signed_in() as browser:
        form = [
            ("name", "Citas"), ("kind", "live"), ("class", "transactional"), ("scopes", "mail.view"),
            ("networks", "127.0.0.0/8 10.0.0.1"), ("rate", "600"), ("per_hour", "1000"), ("per_day", "9000"), ("expires", "2099-12-31"),
        ]  # fmt: skip
        status, page = await _post(browser, "/credentials/new", form)
        assert status == 200
        secret = _SECRET.search(page)[1]
        assert secret not in await _page(browser, "/credentials")
        assert "Citas" in await _page(browser, "/credentials")
    found = (await web.accounts.accounts.credentials.list(OPERATOR))[-1]
    assert found.limits.scopes == {Scope.SEND, Scope.MAIL_VIEW}
    assert found.limits.networks == (read_network("127.0.0.0/8"), read_network("10.0.0.1"))
    assert (found.limits.per_hour, found.limits.per_day) == (1000, 9000)
    assert (found.limits.rate_per_minute, found.expires_ms) == (600, 4_102_462_800_000)
    check = web.accounts.authenticator.check_password
    assert check(found.username, secret, "127.0.0.1") is not None
    assert check(found.username, secret, "192.0.2.1") is None


async def test_a_test_key_of_the_page_is_let_in_to_send(web: WebWorld):
    async with web.signed_in() as browser:
        form = [("name", "Ensayo"), ("kind", "test"), ("class", "transactional")]
        status, page = await _post(browser, "/credentials/new", form)
        assert status == 200
        secret = re.search(r"test_[\w-]{20,}", page)[0]
    found = (await web.accounts.accounts.credentials.list(OPERATOR))[-1]
    identity = web.accounts.authenticator.check_password(found.username, secret, "127.0.0.1")
    assert identity is not None
    assert identity.is_test


async def test_what_does_not_fit_is_said_at_its_field_and_nothing_is_made(web: WebWorld):
    before = len(await web.accounts.accounts.credentials.list(OPERATOR))
    async with web.signed_in() as browser:
        for field, value in (
            ("networks", "300.1.1.1"), ("sender_domains", "not a domain!"), ("rate", "-1"), ("per_day", "x"),
            ("expires", "2001-01-01"), ("expires", "tomorrow"), ("class", "urgent"),
            ("scopes", "mail.everything"), ("scopes", "mail.any_sender"), ("name", " "),
        ):  # fmt: skip
            form = {"name": "x", "kind": "live", "class": "transactional", field: value}
            status, page = await _post(browser, "/credentials/new", list(form.items()))
            assert status == 422, field
            assert "field-error" in page, field
    assert len(await web.accounts.accounts.credentials.list(OPERATOR)) == before


async def test_rotating_gives_a_new_secret_and_revoking_ends_it(web: WebWorld):
    (old,) = await web.accounts.accounts.credentials.list(OPERATOR)
    async with web.signed_in() as browser:
        status, page = await _post(browser, f"/credentials/{old.id}/rotate", [])
        assert status == 200
        secret = _SECRET.search(page)[1]
        status, _ = await _post(browser, f"/credentials/{old.id}/rotate", [])
        assert status == 303  # told: it was rotated already
        new = (await web.accounts.accounts.credentials.list(OPERATOR))[-1]
        status, _ = await _post(browser, f"/credentials/{new.id}/revoke", [])
        assert status == 303
    assert web.accounts.authenticator.check_password(new.username, secret, "127.0.0.1") is None


async def test_T_c_who_only_looks_sees_no_keys_and_makes_none(web: WebWorld):
    accounts = web.accounts.accounts
    main = await accounts.only(OPERATOR)
    (key,) = await accounts.credentials.list(OPERATOR)
    await accounts.users.add(OPERATOR, "leo@example.org", Role.VIEWER, main.id, PASSWORD)
    async with web.browser() as browser:
        await sign_in(browser, email="leo@example.org")
        assert "/credentials" not in await _page(browser, "/status")
        await _page(browser, "/credentials", 403)
        await _page(browser, "/credentials/new", 403)
        assert (await _post(browser, "/credentials/new", [("name", "x")]))[0] == 403
        assert (await _post(browser, f"/credentials/{key.id}/revoke", []))[0] == 404
    assert len(await accounts.credentials.list(OPERATOR)) == 1


async def test_a_key_of_another_account_is_not_there(web: WebWorld):
    accounts = web.accounts.accounts
    other = await accounts.add(OPERATOR, "Otra")
    foreign = await accounts.credentials.add(OPERATOR, other.id, "ajena")
    async with web.browser() as browser:
        await sign_in(browser, email=EMAIL)
        assert "ajena" not in await _page(browser, "/credentials")
        path = f"/credentials/{foreign.credential.id}"
        assert (await _post(browser, f"{path}/rotate", []))[0] == 404
        assert (await _post(browser, f"{path}/revoke", []))[0] == 404
