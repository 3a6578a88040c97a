"""People over the API of a real server: what a key may give, change and take, and what it never tells."""

from collections.abc import Iterator

import pytest

from tests.e2e.api_client import ApiClient
from tests.e2e.server import RelevoServer, serving

USERS = "/api/v1/users"
# Everything that an integrator may, and people.
INTEGRATOR = (
    "user.manage,account.view,quota.view,credential.view,credential.manage,domain.view,mail.view,"
    "suppression.view,webhook.view,webhook.manage,report.view"
)


@pytest.fixture(scope="module")
def server(ground, sandbox) -> Iterator[RelevoServer]:
    with serving(ground, "api-people", scopes=INTEGRATOR) as made:
        yield made


@pytest.fixture
def client(server) -> ApiClient:
    return ApiClient(server)


def invited(client: ApiClient, email: str) -> dict:
    answer = client.ask("POST", USERS, {"email": email, "role": "integrator", "name": "Ana"})
    assert answer.status == 201, answer.body
    return answer.json


def test_who_is_invited_has_the_role_and_no_secret_is_told(server, client):
    made = invited(client, "ana@example.org")
    assert set(made) == {"id", "email", "state", "locked_until", "created", "memberships"}
    assert [(m["account"], m["role"]) for m in made["memberships"]] == [
        (server.account, "integrator")
    ]
    assert made in client.ask("GET", USERS).json["items"]
    again = client.ask("POST", USERS, {"email": "ana@example.org", "role": "integrator"})
    assert again.status == 422


def test_a_person_is_disabled_enabled_and_taken_out(server, client):
    made = invited(client, "luz@example.org")
    one = f"{USERS}/{made['id']}"
    for state in ("disabled", "active"):
        answer = client.ask("PATCH", one, {"state": state})
        assert (answer.status, answer.json["state"]) == (200, state)
    assert client.ask("PATCH", one, {"role": "integrator"}).status == 200
    assert client.ask("DELETE", f"{one}/memberships/{server.account}").status == 204
    assert client.ask("DELETE", f"{one}/memberships/{server.account}").status == 404
    assert made["id"] not in [user["id"] for user in client.ask("GET", USERS).json["items"]]


def test_a_change_is_one_thing(client):
    made = invited(client, "uno@example.org")
    for change in (
        {},
        {"role": "viewer", "state": "active"},
        {"state": "disabled", "account": "1"},
    ):
        answer = client.ask("PATCH", f"{USERS}/{made['id']}", change)
        assert (answer.status, answer.json["code"]) == (422, "validation_failed"), change


def test_T_c_a_key_gives_and_takes_no_role_with_more_than_it_may(server, client):
    made = invited(client, "dos@example.org")
    for role in ("owner", "administrator", "sender", "editor", "viewer", "auditor"):
        answer = client.ask("POST", USERS, {"email": "x@example.org", "role": role})
        assert (answer.status, answer.json["code"]) == (403, "not_permitted"), role
        answer = client.ask("PATCH", f"{USERS}/{made['id']}", {"role": role})
        assert (answer.status, answer.json["code"]) == (403, "not_permitted"), role
    email = "jefa@example.org"
    server.cli("user", "add", email, "--role", "viewer", "--account", server.account)
    (held,) = (u for u in client.ask("GET", USERS).json["items"] if u["email"] == email)
    one = f"{USERS}/{held['id']}"
    assert client.ask("PATCH", one, {"role": "integrator"}).status == 403
    assert client.ask("PATCH", one, {"state": "disabled"}).status == 403
    assert client.ask("DELETE", f"{one}/memberships/{server.account}").status == 403


def test_people_of_others_do_not_exist(server, client):
    made = invited(client, "eva@example.org")
    account = server.cli("account", "add", "Vecino")["id"]
    key = server.cli(
        "credential", "add", "--account", account, "--name", "v", "--scopes", INTEGRATOR
    )["api_key"]  # fmt: skip
    other = ApiClient(server, key)
    one = f"{USERS}/{made['id']}"
    assert other.ask("GET", USERS).json["items"] == []
    assert other.ask("PATCH", one, {"state": "disabled"}).status == 404
    assert other.ask("DELETE", f"{one}/memberships/{server.account}").status == 404
    foreign = {"email": "z@example.org", "role": "integrator", "account": server.account}
    assert other.ask("POST", USERS, foreign).status == 404
