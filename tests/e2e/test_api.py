"""The API of a real server: sending, repeating, looking, cancelling, and who may do what."""

import datetime as dt
import gzip
import json
import socket
from collections.abc import Iterator

import pytest

from tests.e2e.api_client import MESSAGES, ApiClient
from tests.e2e.conftest import SANDBOX_DOMAIN
from tests.e2e.ground import until
from tests.e2e.server import SENDER, RelevoServer, serving

OK = f"ok@{SANDBOX_DOMAIN}"


@pytest.fixture(scope="module")
def server(ground, sandbox) -> Iterator[RelevoServer]:
    with serving(ground, "api") as made:
        yield made


@pytest.fixture
def api(server) -> ApiClient:
    return ApiClient(server)


def key_of(server: RelevoServer, account: str, *options: str) -> str:
    made = server.cli("credential", "add", "--account", account, "--name", "otra", *options)
    return str(made["api_key"])


def delivered(api: ApiClient, message: str) -> dict:
    def look() -> dict | None:
        shown = api.ask("GET", f"{MESSAGES}/{message}").json
        is_over = all(d["status"] not in ("ready", "claimed") for d in shown["deliveries"])
        return shown if is_over else None

    return until(look, f"message {message} is over")


def test_T_f_a_message_over_the_api_arrives_and_its_timeline_tells(api):
    answer = api.send(to=[{"email": OK, "name": "Ana Ñ"}], html="<p>ñ</p>", tags=["boleta"])
    assert answer.status == 202, answer.body
    taken = answer.json
    assert (taken["accepted"], taken["rejected"]) == (1, 0)
    shown = delivered(api, taken["id"])
    assert [event["type"] for event in shown["timeline"]] == [
        "message.accepted",
        "message.delivered",
    ]
    assert shown["tags"] == ["boleta"]
    (item,) = taken["items"]
    one = api.ask("GET", f"{MESSAGES}/{item['id']}").json
    assert one["deliveries"][0]["status"] == "delivered"


def test_T_f_a_batch_is_personal_to_each_and_told_by_recipient(api, sandbox):
    names = ("Ana", "Luis")
    answer = api.send(
        recipients=[
            *({"email": OK, "name": n, "merge": {"nombre": n}} for n in names),
            {"email": "nadie"},
        ],
        subject="Lote {{ nombre }}",
        text="Hola {{ nombre }}",
    )
    assert [item["status"] for item in answer.json["items"]] == ["queued", "queued", "rejected"]
    shown = delivered(api, answer.json["id"])
    assert {d["status"] for d in shown["deliveries"]} == {"delivered"}
    got = {message.subject for message in sandbox.messages(OK)}
    assert {f"Lote {name}" for name in names} <= got


def test_a_list_is_narrowed_and_paged(api):
    tag = "paginas"
    ids = [api.send(to=[{"email": OK}], tags=[tag]).json["items"][0]["id"] for _ in range(5)]
    seen, cursor = [], ""
    while cursor is not None:
        page = api.ask("GET", f"{MESSAGES}?tag={tag}&limit=2&cursor={cursor}").json
        assert len(page["items"]) <= 2
        seen += [item["id"] for item in page["items"]]
        cursor = page["next"]
    assert seen == ids[::-1]
    assert api.ask("GET", f"{MESSAGES}?tag={tag}&status=cancelled").json["items"] == []
    assert len(api.ask("GET", f"{MESSAGES}?recipient={OK}&tag={tag}").json["items"]) == 5
    for bad in ("limit=0", "limit=x", "cursor=abc", "status=lost", "since=today", "other=1"):
        assert api.ask("GET", f"{MESSAGES}?{bad}").status == 422, bad


def test_what_waits_can_be_cancelled_and_what_is_over_cannot(api):
    later = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
    answer = api.send(to=[{"email": OK}], send_at=later.isoformat())
    assert answer.json["items"][0]["status"] == "scheduled"
    message = answer.json["id"]
    (why,) = api.ask("GET", f"/api/v1/queue/{message}/why").json["items"]
    assert (why["state"], why["recipient"]) == ("scheduled", OK)
    assert why["due"][:16] == later.isoformat()[:16]
    assert api.ask("POST", f"{MESSAGES}/{message}/cancel").json == {"cancelled": 1}
    assert api.ask("POST", f"{MESSAGES}/{message}/cancel").json == {"cancelled": 0}
    assert delivered(api, message)["deliveries"][0]["status"] == "cancelled"


def test_a_key_given_twice_is_carried_out_once_also_over_a_restart(server, api):
    request = {"recipients": [{"email": OK}, {"email": "nadie"}]}
    first = api.send(**request, key="pedido-1")
    again = api.send(**request, key="pedido-1")
    assert (again.status, again.body) == (first.status, first.body)
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    other = api.send(**request, subject="otro", key="pedido-1")
    assert (other.status, other.json["code"]) == (422, "idempotency_key_reused")
    server.stop()
    server.start()
    assert api.send(**request, key="pedido-1").body == first.body
    found = api.ask("GET", f"{MESSAGES}?idempotency_key=pedido-1").json["items"]
    assert [item["message"] for item in found] == [first.json["id"]]


def test_a_request_that_failed_leaves_its_key_free(api):
    assert api.send(to=[{"email": "x"}], key="pedido-2").status == 422
    assert api.send(to=[{"email": OK}], key="pedido-2").status == 202
    for bad in ("", "x" * 257, "ñ".encode().decode("latin-1")):
        answer = api.ask("POST", MESSAGES, {}, Idempotency_Key=bad)
        assert (answer.status, answer.json["code"]) in (
            (400, "idempotency_key_invalid"), (422, "validation_failed"),
        )  # fmt: skip


def test_T_o_a_test_key_goes_the_whole_way_into_the_simulator(server):
    test = ApiClient(server, key_of(server, server.account, "--scopes", "mail.send,mail.test"))
    assert test.key.startswith("test_")
    for request in (
        {"to": [{"email": "ok@nowhere.invalid"}, {"email": "bounce@nowhere.invalid"}]},
        {"recipients": [{"email": "ok@nowhere.invalid"}, {"email": "bounce@nowhere.invalid"}]},
    ):
        shown = delivered(test, test.send(**request).json["id"])
        assert shown["test"] is True
        assert [d["status"] for d in shown["deliveries"]] == ["delivered", "bounced"]


def test_what_is_over_is_sent_once_more_to_one_recipient(server, api):
    sent = api.send(to=[{"email": OK}, {"email": "bounce@accepts.test"}]).json
    first = delivered(api, sent["id"])["deliveries"][0]
    path = f"{MESSAGES}/{first['id']}/resend"
    assert api.ask("POST", path).json["code"] == "not_permitted", "it may not even cancel"
    both = ApiClient(server, key_of(server, server.account, "--scopes", "mail.view,mail.cancel"))
    answer = both.ask("POST", path)
    assert answer.status == 202
    again = delivered(api, answer.json["id"])
    assert [d["recipient"] for d in again["deliveries"]] == [first["recipient"]]
    assert answer.json["id"] != sent["id"]
    assert both.ask("POST", f"{MESSAGES}/1/resend").status == 404


def test_accounts_do_not_see_each_other(server, api):
    mine = api.send(to=[{"email": OK}]).json
    account = server.cli("account", "add", "Vecino")["id"]
    scopes = "mail.send,mail.view,mail.cancel"
    other = ApiClient(server, key_of(server, account, "--scopes", scopes))
    for identifier in (mine["id"], mine["items"][0]["id"]):
        assert other.ask("GET", f"{MESSAGES}/{identifier}").status == 404
        assert other.ask("POST", f"{MESSAGES}/{identifier}/cancel").status == 404
        assert other.ask("GET", f"/api/v1/queue/{identifier}/why").status == 404
    assert other.ask("GET", "/api/v1/queue").json["items"] == []
    assert other.ask("GET", f"{MESSAGES}?recipient={OK}").json["items"] == []
    assert other.send(to=[{"email": OK}]).json["code"] == "sender_not_allowed"


def test_a_key_sees_what_it_sent_and_with_the_scope_what_its_account_sent(server, api):
    mine = api.send(to=[{"email": OK}]).json["id"]
    narrow = ApiClient(server, key_of(server, server.account))
    assert narrow.ask("GET", f"{MESSAGES}/{mine}").status == 404
    wide = ApiClient(server, key_of(server, server.account, "--scopes", "mail.view"))
    assert wide.ask("GET", f"{MESSAGES}/{mine}").status == 200
    refused = wide.send(to=[{"email": OK}])
    assert (refused.status, refused.json["code"]) == (403, "not_permitted")


@pytest.mark.parametrize("key", ["", "x", "rk_aaaaaaaa_bbbb", "rk_" + "x" * 5000, "test_a_b"])
def test_a_wrong_key_learns_nothing(server, key):
    answer = ApiClient(server, key or " ").ask("GET", MESSAGES, Accept_Language="en")
    assert answer.status == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.json["code"] == "unauthorized"
    assert answer.headers["x-request-id"]


def test_errors_come_in_the_callers_language_with_the_requests_id(api):
    for language, word in (("es", "Ese campo no existe"), ("en-GB,es;q=0.1", "no such field")):
        answer = api.ask(
            "POST", MESSAGES, {"role": "owner"}, Accept_Language=language, X_Request_Id="pedido.7"
        )
        assert answer.headers["content-type"].startswith("application/problem+json")
        assert answer.headers["x-request-id"] == answer.json["request_id"] == "pedido.7"
        assert word in str(answer.json["violations"])
    odd = api.ask("GET", MESSAGES, X_Request_Id='a"b')
    assert odd.headers["x-request-id"] != 'a"b'


@pytest.mark.parametrize(
    "field", ["is_test", "account", "account_id", "credential", "identity", "quota", "id", "sender"]
)
def test_a_field_that_is_not_the_callers_to_set_is_refused(api, field):
    answer = api.send(to=[{"email": OK}], **{field: "1"})
    assert answer.status == 422
    assert answer.codes == {field: "unknown_field"}


def test_a_body_may_be_gzip_and_a_bomb_is_refused_before_it_grows(api):
    request = {"from": {"email": SENDER}, "to": [{"email": OK}], "text": "Hola"}
    packed = gzip.compress(json.dumps(request).encode())
    assert api.ask("POST", MESSAGES, raw=packed, Content_Encoding="gzip").status == 202
    bomb = gzip.compress(b" " * 200_000_000, 9)
    assert len(bomb) < 300_000
    assert api.ask("POST", MESSAGES, raw=bomb, Content_Encoding="gzip").status == 413
    nested = gzip.compress(packed)
    assert api.ask("POST", MESSAGES, raw=nested, Content_Encoding="gzip").status == 400
    assert api.ask("POST", MESSAGES, raw=packed[:-9], Content_Encoding="gzip").status == 400
    assert api.ask("POST", MESSAGES, raw=packed, Content_Encoding="gzip, gzip").status == 415
    assert api.ask("POST", MESSAGES, raw=packed, Content_Encoding="br").status == 415


def test_a_size_that_is_told_is_refused_before_it_is_read(server, api):
    with socket.create_connection(("127.0.0.1", server.console_port), timeout=20) as client:
        client.sendall(
            f"POST {MESSAGES} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {api.key}\r\n"
            "Content-Type: application/json\r\nContent-Length: 5000000000\r\n\r\n".encode()
        )
        assert client.recv(12) == b"HTTP/1.1 413"


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"", 400), (b"{", 400), (b"\xff\xfe", 400), (b"[" * 100_000, 400), (b"null", 422),
        (b"[]", 422), (b'{"from": NaN}', 422), (b'{"a":' * 5_000, 400),
    ],
)  # fmt: skip
def test_what_is_no_request_is_a_problem_and_never_a_fault(api, raw, status):
    assert api.ask("POST", MESSAGES, raw=raw).status == status


def test_only_json_is_taken(api):
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        assert api.ask("POST", MESSAGES, raw=b"{}", Content_Type=kind).status == 415
    assert api.ask("PUT", MESSAGES, {}).status == 405
    assert api.ask("GET", "/api/v1/nothing").status == 404


def test_secrets_are_in_no_log_and_no_table(server, api):
    secret = api.key[-43:]  # 32 bytes in base64url, which may hold any sign but a dot
    for path in (*server.directory.rglob("*.log"), *server.data_dir.glob("*.db*")):
        assert secret.encode() not in path.read_bytes(), path
