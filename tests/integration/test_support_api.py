"""Incidents, guides and hand-overs over the API of a whole server (T-k, T-t, T-v)."""

import hashlib
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio

from console.accounts.incidents.values import Category, IncidentState
from console.accounts.values import Limits, Role, Scope
from console.reports.filed.book import FiledKind
from tests.accounts_world import OPERATOR
from tests.whole_server import Whole, open_whole

pytestmark = pytest.mark.asyncio(loop_scope="module")
V1 = "/api/v1"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def whole(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Whole]:
    async with open_whole(tmp_path_factory.mktemp("support") / "server") as whole:
        yield whole


class Client:
    """A program with a key."""

    def __init__(self, whole: Whole, secret: str) -> None:
        self._url = whole.url
        self._headers = {"Authorization": f"Bearer {secret}"}

    async def call(self, method: str, path: str, status: int, json: object = None):
        async with (
            aiohttp.ClientSession(self._url, headers=self._headers) as session,
            session.request(method, V1 + path, json=json) as response,
        ):
            assert response.status == status, await response.text()
            is_json = "json" in response.content_type
            return await (response.json() if is_json else response.read())


async def client(whole: Whole, *scopes: Scope) -> Client:
    limits = Limits(scopes=frozenset(scopes))
    key = await whole.services.accounts.credentials.add(OPERATOR, whole.account, "ERP", limits)
    return Client(whole, key.secret)


async def test_T_t_a_program_reports_an_incident_follows_it_and_closes_its_own(whole):
    program = await client(whole, Scope.ACCOUNT_VIEW)
    asked = {"category": "delivery", "subject": "No llega", "text": "Desde las 9.", "contact": "1"}
    made = await program.call("POST", "/incidents", 201, asked)
    assert {name: made[name] for name in asked} == asked
    path = f"/incidents/{made['number']}"
    await program.call("PATCH", path, 200, {"text": "Sigue igual."})
    await program.call("PATCH", path, 422, {"text": ""})
    incidents = whole.services.areas.incidents
    await incidents.move(OPERATOR, made["number"], IncidentState.RESOLVED, "Hecho.")
    shown = await program.call("GET", path, 200)
    assert [(n["text"], n["state"]) for n in shown["notes"]] == [
        ("Sigue igual.", None), ("Hecho.", "resolved"),
    ]  # fmt: skip
    other = await incidents.open(OPERATOR, whole.account, Category.QUOTA, "Bolsa", "x", "y")
    close = {"text": "Gracias.", "state": "closed"}
    await program.call("PATCH", f"/incidents/{other.number}", 403, close)
    closed = await program.call("PATCH", path, 200, close)
    assert closed["state"] == "closed"
    assert closed["closed"]
    await program.call("PATCH", path, 422, {"text": "Otra vez."})
    numbers = await program.call("GET", "/incidents?limit=1", 200)
    rest = await program.call("GET", f"/incidents?limit=1&cursor={numbers['next']}", 200)
    found = [one["number"] for page in (numbers, rest) for one in page["items"]]
    assert found == [other.number, made["number"]]
    opened = await program.call("GET", "/incidents?open=true", 200)
    assert [one["number"] for one in opened["items"]] == [other.number]


async def test_T_t_incidents_of_another_account_are_not_there_for_a_key(whole):
    program = await client(whole, Scope.ACCOUNT_VIEW)
    away = (await whole.services.accounts.add(OPERATOR, "Otra")).id
    other = await whole.services.areas.incidents.open(OPERATOR, away, Category.OTHER, "x", "y", "z")
    await program.call("GET", f"/incidents/{other.number}", 404)
    await program.call("PATCH", f"/incidents/{other.number}", 404, {"text": "x"})
    asked = {"category": "other", "subject": "x", "text": "y", "account": str(away)}
    await program.call("POST", "/incidents", 404, asked)


async def test_T_k_a_guide_is_mailed_once_more_by_a_program_and_its_end_is_told(whole):
    users = whole.services.accounts.users
    user, _ = await users.add(
        OPERATOR, "eva@example.org", Role.VIEWER, whole.account, "una clave larga"
    )
    program = await client(whole, Scope.USER_MANAGE)
    path = f"/users/{user}/guide"
    await program.call("GET", path, 404)
    sent = await program.call("POST", path, 202)
    assert (sent["account"], sent["role"]) == (str(whole.account), "viewer")
    assert (await program.call("GET", path, 200))["message"] == sent["message"]
    again = await program.call("POST", path, 202)
    assert again["message"] != sent["message"]
    await program.call("POST", "/users/1/guide", 404)


async def test_T_v_a_hand_over_is_made_for_a_key_that_may_see_people_and_keys(whole):
    program = await client(whole, Scope.EXPORT, Scope.USER_MANAGE, Scope.CREDENTIAL_VIEW)
    await program.call("POST", "/documents", 422, {"kind": "handover", "from": "2026-11-01"})
    await program.call("POST", "/documents", 422, {"from": "2026-11-01"})
    asked = await program.call("POST", "/documents", 202, {"kind": "handover", "language": "en"})
    filed = whole.services.areas.filed
    await filed.maker.make_now(await filed.book.get(OPERATOR, int(asked["id"])))
    shown = await program.call("GET", f"/documents/{asked['id']}", 200)
    assert (shown["kind"], shown["state"], shown["from"]) == ("handover", "done", None)
    sums = {one["format"]: one["sha256"] for one in shown["files"]}
    data = await program.call("GET", f"/documents/{asked['id']}/file?format=xlsx", 200)
    assert hashlib.sha256(data).hexdigest() == sums["xlsx"]
    listed = await program.call("GET", "/documents?kind=handover", 200)
    assert [one["id"] for one in listed["items"]] == [asked["id"]]
    assert (await program.call("GET", "/documents", 200))["items"] == []
    for scopes in ((Scope.USER_MANAGE,), (Scope.CREDENTIAL_VIEW,)):
        lesser = await client(whole, Scope.EXPORT, *scopes)
        await lesser.call("POST", "/documents", 403, {"kind": FiledKind.HANDOVER})
        await lesser.call("GET", f"/documents/{asked['id']}", 404)
