"""Contacts, lists, segments and consent over the API; other accounts' are nowhere."""

import aiohttp
import pytest

from console.accounts.values import Scope
from mta.model.traffic import TrafficClass
from tests.accounts_world import OPERATOR
from tests.integration.test_import_api import key_of
from tests.whole_server import open_whole

EVIL = '"><script>alert(1)</script>'
FILTER = {"field": "values.nota", "op": "contains", "value": "script"}


@pytest.fixture
async def whole(tmp_path):
    async with open_whole(tmp_path) as opened:
        yield opened


class Client:
    """A program with a key of one account."""

    def __init__(self, whole, key: str) -> None:
        self.whole, self.key = whole, key

    async def ask(self, method: str, path: str, body=None, status: int = 200):
        headers = {"Authorization": f"Bearer {self.key}"}
        async with (
            aiohttp.ClientSession(self.whole.url, headers=headers) as http,
            http.request(method, f"api/v1{path}", json=body) as answer,
        ):
            assert answer.status == status, await answer.text()
            return await answer.json() if status != 204 else None


async def client(whole, account: int) -> Client:
    return Client(whole, await key_of(whole, account, Scope.CONTACT_VIEW, Scope.CONTACT_EDIT))


async def test_a_contact_is_changed_put_on_lists_and_removed_and_stays_suppressed(whole):
    api = await client(whole, whole.account)
    made = await api.ask("POST", "/contacts", {"email": "ana@example.org"}, 201)
    one = f"/contacts/{made['id']}"
    body = {"email": "ana.r@example.org", "values": {"nota": EVIL}}
    assert (await api.ask("PUT", one, body))["values"] == {"nota": EVIL}
    await api.ask("PUT", one, {**body, "status": "pending"}, 422)
    kept = await api.ask("POST", "/lists", {"name": "Boletín"}, 201)
    members = f"/lists/{kept['id']}/members"
    for n in range(3):
        await api.ask("POST", members, {"email": f"p{n}@example.org"}, 201)
    await api.ask("POST", members, {"email": "ana.r@example.org"}, 201)
    first = await api.ask("GET", f"{members}?limit=3&status=confirmed")
    rest = await api.ask("GET", f"{members}?limit=3&cursor={first['next']}")
    assert [len(first["items"]), len(rest["items"]), rest["next"]] == [3, 1, None]
    assert (await api.ask("GET", f"/lists/{kept['id']}"))["members"] == 4
    assert [one["name"] for one in (await api.ask("GET", one))["lists"]] == ["Boletín"]
    await api.ask("DELETE", f"{members}/{made['id']}", status=204)
    assert (await api.ask("GET", one))["lists"] == []
    suppressions = whole.services.areas.suppressions.service
    await suppressions.add(OPERATOR, whole.account, ["ana.r@example.org"])
    await api.ask("DELETE", one, status=204)
    await api.ask("GET", one, status=404)
    lists = whole.services.foundation.suppression
    assert lists.reason_of(whole.account, "ana.r@example.org", TrafficClass.TRANSACTIONAL)


async def test_segments_and_what_lists_ask_are_set_over_the_api(whole):
    api = await client(whole, whole.account)
    await api.ask("POST", "/contacts", {"email": "ana@example.org", "values": {"nota": EVIL}}, 201)
    assert await api.ask("POST", "/segments/count", {"filter": FILTER}) == {"count": 1}
    wrong = await api.ask(
        "POST", "/segments", {"name": "x", "filter": {"all": [{"field": "sql"}]}}, 422
    )
    assert "filter.all[0].field" in str(wrong)
    made = await api.ask("POST", "/segments", {"name": EVIL, "filter": FILTER}, 201)
    assert await api.ask("GET", f"/segments/{made['id']}/count") == {"count": 1}
    changed = await api.ask("PUT", f"/segments/{made['id']}", {"name": "y", "filter": FILTER})
    assert (changed["name"], changed["filter"]) == ("y", FILTER)
    assert len((await api.ask("GET", "/segments"))["items"]) == 1
    await api.ask("DELETE", f"/segments/{made['id']}", status=204)
    kept = await api.ask("POST", "/lists", {"name": "Boletín"}, 201)
    path = f"/lists/{kept['id']}/optin"
    assert (await api.ask("GET", path))["optin"] == "single"
    settings = {"optin": "double", "is_open": True, "text": "Acepto."}
    told = await api.ask("PUT", path, settings)
    assert (told["version"], bool(told["form"])) == (1, True)
    members = f"/lists/{kept['id']}/members"
    await api.ask("POST", members, {"email": "ana@example.org"}, 201)
    assert (await api.ask("GET", members))["items"][0]["membership"] == "unconfirmed"
    assert await api.ask("POST", f"/lists/{kept['id']}/ask", {}) == {"asked": 1}
    optin = whole.services.contacts.optin
    asking = await optin.form(told["form"])
    await optin.subscribe(asking, "luis@example.org", "es", {"peer": "192.0.2.1", "agent": "x"})
    (evidence,) = (await api.ask("GET", "/consents?what=asked&email=luis@example.org"))["items"]
    assert (evidence["text"], evidence["address"]) == ("Acepto.", "192.0.2.1")


async def test_what_another_account_has_is_not_found(whole):
    theirs = await client(whole, whole.account)
    contact = await theirs.ask("POST", "/contacts", {"email": "ana@example.org"}, 201)
    kept = await theirs.ask("POST", "/lists", {"name": "x"}, 201)
    await theirs.ask("POST", f"/lists/{kept['id']}/members", {"email": "ana@example.org"}, 201)
    segment = await theirs.ask("POST", "/segments", {"name": "x", "filter": FILTER}, 201)
    other = (await whole.services.accounts.add(OPERATOR, "Otra")).id
    mine = await client(whole, other)
    body = {"email": "x@example.org"}
    for method, path, sent in (
        ("GET", f"/contacts/{contact['id']}", None),
        ("PUT", f"/contacts/{contact['id']}", body),
        ("DELETE", f"/contacts/{contact['id']}", None),
        ("GET", f"/lists/{kept['id']}", None),
        ("GET", f"/lists/{kept['id']}/members", None),
        ("POST", f"/lists/{kept['id']}/members", body),
        ("DELETE", f"/lists/{kept['id']}/members/{contact['id']}", None),
        ("PUT", f"/lists/{kept['id']}/optin", {"optin": "double"}),
        ("POST", f"/lists/{kept['id']}/ask", {}),
        ("GET", f"/segments/{segment['id']}", None),
        ("GET", f"/segments/{segment['id']}/count", None),
        ("PUT", f"/segments/{segment['id']}", {"name": "y", "filter": FILTER}),
        ("DELETE", f"/segments/{segment['id']}", None),
    ):
        await mine.ask(method, path, sent, 404)
    await mine.ask("GET", "/contacts/9999999999999999999", status=404)
    asks_theirs = {"field": "list", "op": "on", "value": kept["id"]}
    await mine.ask("POST", "/segments/count", {"filter": asks_theirs}, 422)
    assert (await mine.ask("GET", f"/consents?list={kept['id']}"))["items"] == []
    assert len((await theirs.ask("GET", f"/lists/{kept['id']}/members"))["items"]) == 1
