"""Keys, accounts and quota over the API of a real server: what a key may give, move and see."""

import re
from collections.abc import Iterator

import pytest

from console.accounts.values import Scope
from tests.e2e.api_client import MESSAGES, ApiClient
from tests.e2e.conftest import SANDBOX_DOMAIN
from tests.e2e.server import RelevoServer, serving

OK = f"ok@{SANDBOX_DOMAIN}"
KEYS = "/api/v1/credentials"
QUOTA = "/api/v1/quota"
MANAGER = "mail.send,credential.manage,account.manage,account.view,quota.move,quota.view"


@pytest.fixture(scope="module")
def server(ground, sandbox) -> Iterator[RelevoServer]:
    with serving(ground, "api-accounts", bag=10, scopes=MANAGER) as made:
        yield made


@pytest.fixture
def manager(server) -> ApiClient:
    return ApiClient(server)


def add_key(manager: ApiClient, **request) -> dict:
    answer = manager.ask("POST", KEYS, {"name": "app", **request})
    assert answer.status == 201, answer.body
    return answer.json


def test_a_key_lives_from_its_making_to_its_end(server, manager):
    made = add_key(manager, networks=["127.0.0.1"], rate_per_minute=60)
    assert made["api_key"] == made["password"]
    app = ApiClient(server, made["api_key"])
    assert app.send(to=[{"email": OK}]).status == 202
    listed = manager.ask("GET", f"{KEYS}?limit=500").json["items"]
    assert made["api_key"] not in str(listed)
    assert made["id"] in [one["id"] for one in listed]
    rotated = manager.ask("POST", f"{KEYS}/{made['id']}/rotate", {"overlap_s": 60})
    assert rotated.status == 201
    successor = ApiClient(server, rotated.json["api_key"])
    for one in (app, successor):
        assert one.ask("GET", MESSAGES).status == 200
    assert manager.ask("POST", f"{KEYS}/{made['id']}/rotate", {}).status == 409
    assert manager.ask("DELETE", f"{KEYS}/{rotated.json['id']}").status == 204
    assert successor.ask("GET", MESSAGES).status == 401
    assert manager.ask("GET", f"{KEYS}/{rotated.json['id']}").json["status"] == "revoked"


def test_a_repeated_answer_holds_no_secret(manager):
    answers = [
        manager.ask("POST", KEYS, {"name": "una vez"}, Idempotency_Key="clave-1") for _ in range(2)
    ]
    first, again = (answer.json for answer in answers)
    assert first["id"] == again["id"]
    assert first["api_key"]
    assert again["api_key"] is again["password"] is None


def test_a_key_gives_no_scope_that_it_has_not(manager):
    for scope in (Scope.USER_MANAGE, Scope.WEBHOOK_MANAGE, Scope.ANY_SENDER, Scope.EXPORT):
        answer = manager.ask("POST", KEYS, {"name": "más", "scopes": [scope]})
        assert (answer.status, answer.json["code"]) == (403, "not_permitted"), scope
    narrow = add_key(manager, scopes=[Scope.CREDENTIAL_VIEW])
    client = ApiClient(manager.server, narrow["api_key"])
    assert client.ask("POST", KEYS, {"name": "x"}).status == 403
    assert client.ask("GET", KEYS).status == 200
    assert client.send(to=[{"email": OK}]).status == 403


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("networks", ["300.1.1.1"], "invalid_network"), ("networks", ["10.0.0.1/8"], "invalid_network"),
        ("sender_domains", ["a b"], "invalid_domain"), ("scopes", ["root"], "invalid_choice"),
        ("scopes", [], "too_short"), ("expires", "tomorrow", "invalid_time"),
        ("per_hour", -1, "too_small"), ("per_hour", "5", "wrong_type"), ("account", "1", "unknown_field"),
    ],
)  # fmt: skip
def test_what_a_key_cannot_be_is_told_by_field(manager, field, value, code):
    answer = manager.ask("POST", KEYS, {"name": "x", field: value})
    assert answer.status == 422
    assert code in answer.codes.values(), answer.body


def test_caps_and_networks_of_a_key_hold(server, manager):
    capped = ApiClient(server, add_key(manager, per_day=1)["api_key"])
    assert capped.send(to=[{"email": OK}]).status == 202
    late = capped.send(to=[{"email": OK}])
    assert (late.status, late.json["code"]) == (429, "rate_limited")
    assert int(late.headers["retry-after"]) > 0
    elsewhere = ApiClient(server, add_key(manager, networks=["203.0.113.0/24"])["api_key"])
    assert elsewhere.ask("GET", MESSAGES).status == 401


def test_T_c_quota_moves_between_accounts_and_the_ledger_tells(server, manager):
    account = manager.ask("POST", "/api/v1/accounts", {"name": "Arequipa"}).json
    moved = manager.ask("POST", f"{QUOTA}/allocate", {"account": account["id"], "amount": 2})
    assert moved.status == 200, moved.body
    assert (moved.json["granted"], moved.json["available"]) == (2, 2)
    key = server.cli("credential", "add", "--account", account["id"], "--name", "sub")["api_key"]
    sub = ApiClient(server, key)
    two = sub.send(recipients=[{"email": OK}, {"email": OK}])
    assert (two.status, two.json["quota"]["remaining"]) in ((202, 0), (202, 2))
    more = sub.send(to=[{"email": OK}])
    assert (more.status, more.json["code"]) == (402, "quota_exhausted")
    kinds = {e["kind"] for e in manager.ask("GET", f"{QUOTA}/ledger").json["items"]}
    assert {"grant", "allocate", "consume"} <= kinds
    too_much = manager.ask("POST", f"{QUOTA}/allocate", {"account": account["id"], "amount": 10**9})
    assert too_much.status == 422
    # The sub-account's keys move nothing and see nothing above.
    scopes = "quota.move,quota.view,account.view"
    key = server.cli(
        "credential", "add", "--account", account["id"], "--name", "s2", "--scopes", scopes
    )["api_key"]
    below = ApiClient(server, key)
    assert below.ask(
        "POST", f"{QUOTA}/allocate", {"account": account["id"], "amount": 1}
    ).status in (403, 404)
    assert below.ask("POST", f"{QUOTA}/return", {"account": server.account}).status in (403, 404)
    assert below.ask("GET", f"/api/v1/accounts/{server.account}").status == 404
    assert [one["id"] for one in below.ask("GET", "/api/v1/accounts").json["items"]] == [
        account["id"]
    ]


def test_keys_of_another_account_do_not_exist(server, manager):
    mine = add_key(manager)
    other_account = server.cli("account", "add", "Vecino")["id"]
    key = server.cli(
        "credential", "add", "--account", other_account, "--name", "v", "--scopes",
        "credential.manage,account.manage,quota.move",
    )["api_key"]  # fmt: skip
    other = ApiClient(server, key)
    assert other.ask("GET", f"{KEYS}/{mine['id']}").status == 404
    assert other.ask("DELETE", f"{KEYS}/{mine['id']}").status == 404
    assert other.ask("POST", f"{KEYS}/{mine['id']}/rotate", {}).status == 404
    assert other.ask("PATCH", f"/api/v1/accounts/{server.account}", {"name": "x"}).status == 404
    assert other.ask("POST", f"{QUOTA}/cap", {"account": server.account, "amount": 0}).status == 404


def test_every_route_asks_for_its_scope(server, manager):
    """Without the scope nothing is done, whatever the route; a new route is in here by itself."""
    useless = ApiClient(server, add_key(manager, scopes=[Scope.CREDENTIAL_VIEW])["api_key"])
    document = useless.ask("GET", "/api/v1/openapi.json").json
    asked = 0
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            scopes = operation.get("x-scopes")
            if not scopes or "credential.view" in scopes:
                continue
            where = re.sub(r"\{\w+\}", "1", path)
            answer = useless.ask(method.upper(), where, {} if method != "get" else None)
            assert (answer.status, answer.json["code"]) == (403, "not_permitted"), (method, path)
            asked += 1
    assert asked > 15
