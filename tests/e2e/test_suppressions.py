"""Suppression lists of a real server: what bounced is not sent to again, over every door."""

from collections.abc import Iterator

import pytest

from tests.e2e.api_client import ApiClient
from tests.e2e.conftest import SANDBOX_DOMAIN
from tests.e2e.ground import until
from tests.e2e.server import RelevoServer, serving

SUPPRESSIONS = "/api/v1/suppressions"
GONE = f"bounce@{SANDBOX_DOMAIN}"


@pytest.fixture(scope="module")
def server(ground, sandbox) -> Iterator[RelevoServer]:
    with serving(ground, "suppressions") as made:
        yield made


@pytest.fixture(scope="module")
def manager(server) -> ApiClient:
    scopes = "mail.send,mail.view,suppression.view,suppression.manage"
    (account,) = server.cli("account", "list")
    made = server.cli(
        "credential", "add", "--account", account["id"], "--name", "bajas", "--scopes", scopes
    )
    return ApiClient(server, str(made["api_key"]))


def test_what_bounced_is_told_and_not_sent_to_again_until_it_is_removed(manager):
    assert manager.send(to=[{"email": GONE}]).json["items"][0]["status"] == "queued"

    def listed() -> list:
        return manager.ask("GET", f"{SUPPRESSIONS}?address={GONE.upper()}").json["items"]

    (entry,) = until(listed, "the bounce is followed")
    assert (entry["reason"], entry["scope"], entry["address"]) == ("hard-bounce", "all", GONE)
    assert entry["note"].startswith("550 5.1.1")
    again = manager.send(to=[{"email": GONE}]).json
    assert again["items"][0]["status"] == "suppressed"
    shown = manager.ask("GET", f"/api/v1/messages/{again['id']}").json
    assert shown["deliveries"][0]["status"] == "suppressed"
    assert shown["deliveries"][0]["attempts"] == 0
    removed = manager.ask("DELETE", f"{SUPPRESSIONS}/{GONE}?why=buz%C3%B3n+creado")
    assert [item["id"] for item in removed.json["items"]] == [entry["id"]]
    assert manager.send(to=[{"email": GONE}]).json["items"][0]["status"] == "queued"


def test_addresses_are_added_paged_and_refused_by_schema(manager):
    addresses = [f"u{n}@many.example" for n in range(5)]
    made = manager.ask("POST", SUPPRESSIONS, {"addresses": addresses, "scope": "commercial"})
    assert made.status == 201, made.body
    assert [item["address"] for item in made.json["items"]] == addresses
    seen, cursor = [], ""
    while cursor is not None:
        page = manager.ask(
            "GET", f"{SUPPRESSIONS}?reason=manual&address=u&limit=2&cursor={cursor}"
        ).json
        seen += [item["address"] for item in page["items"]]
        cursor = page["next"]
    assert seen == addresses[::-1]
    wrong = manager.ask("POST", SUPPRESSIONS, {"addresses": ["a@b.example", "nobody"]})
    assert wrong.codes == {"addresses.1": "invalid_address"}
    past = {"addresses": ["a@b.example"], "expires": "2001-01-01T00:00:00Z"}
    assert manager.ask("POST", SUPPRESSIONS, past).codes == {"expires": "in_the_past"}
    assert manager.ask("GET", f"{SUPPRESSIONS}?address=a@b").json["items"] == []
    assert manager.ask("DELETE", f"{SUPPRESSIONS}/a@b.example?why=x").status == 404
    assert manager.ask("DELETE", f"{SUPPRESSIONS}/{addresses[0]}").status == 422


def test_a_key_without_the_scope_sees_and_changes_nothing(server, manager):
    plain = ApiClient(server)
    assert plain.ask("GET", SUPPRESSIONS).status == 403
    assert plain.ask("POST", SUPPRESSIONS, {"addresses": ["a@b.example"]}).status == 403
    assert plain.ask("DELETE", f"{SUPPRESSIONS}/a@b.example?why=x").status == 403
