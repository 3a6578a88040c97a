"""The API of a real server: webhooks and sending domains."""

import http.server
import json
import threading
from collections.abc import Iterator

import pytest
from standardwebhooks import Webhook as Verifier

from tests.e2e.api_client import ApiClient
from tests.e2e.conftest import SANDBOX_DOMAIN
from tests.e2e.ground import until
from tests.e2e.server import RelevoServer, serving

HOOKS = "/api/v1/webhooks"
DOMAINS = "/api/v1/domains"


@pytest.fixture(scope="module")
def server(ground, sandbox) -> Iterator[RelevoServer]:
    allowed = {"WEBHOOKS__ALLOW_PRIVATE_ADDRESSES": "true"}
    with serving(ground, "outside", **allowed) as made:
        yield made


@pytest.fixture(scope="module")
def api(server) -> ApiClient:
    scopes = "mail.send,webhook.view,webhook.manage,domain.view,domain.manage"
    made = server.cli(
        "credential", "add", "--account", server.account, "--name", "todo", "--scopes", scopes
    )
    return ApiClient(server, made["api_key"])


@pytest.fixture
def sink() -> Iterator[tuple[str, list]]:
    """A receiver: its URL and what it got."""
    got: list[tuple[dict[str, str], bytes]] = []

    class Taker(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append((dict(self.headers), body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Taker) as receiver:
        thread = threading.Thread(target=receiver.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{receiver.server_port}/hook", got
        receiver.shutdown()
        thread.join()


def test_T_f_a_mail_is_told_by_webhook_signed_and_in_order(api, sink):
    url, got = sink
    made = api.ask("POST", HOOKS, {"url": url, "types": [], "description": "ERP"})
    assert made.status == 201, made.body
    hook = made.json
    sent = api.send(to=[{"email": f"ok@{SANDBOX_DOMAIN}"}], tags=["boleta"])
    assert sent.status == 202, sent.body

    def told() -> list | None:
        events = [e for _, body in got for e in json.loads(body)["data"]]
        ours = [e for e in events if e.get("message") == sent.json["id"]]
        return ours if len(ours) == 2 else None

    events = until(told, "both events came")
    assert [e["type"] for e in events] == ["message.accepted", "message.delivered"]
    assert events[1]["recipient"] == f"ok@{SANDBOX_DOMAIN}"
    assert events[1]["tags"] == ["boleta"]
    for headers, body in got:
        Verifier(hook["secret"]).verify(body, headers)
    one = f"{HOOKS}/{hook['id']}"
    assert api.ask("POST", f"{one}/test").json["taken"] is True
    log = api.ask("GET", f"{one}/deliveries?limit=1").json
    assert log["items"][0]["kind"] == "test"
    older = api.ask("GET", f"{one}/deliveries?cursor={log['next']}").json["items"]
    again = api.ask("POST", f"{one}/deliveries/{older[0]['id']}/replay")
    assert again.json["taken"] is True
    assert api.ask("DELETE", one).status == 204
    assert api.ask("GET", one).status == 404


def test_a_webhook_is_changed_paused_and_rotated(api, sink):
    made = api.ask("POST", HOOKS, {"url": sink[0]}).json
    one = f"{HOOKS}/{made['id']}"
    changed = api.ask("PATCH", one, {"types": ["message.bounced"]}).json
    assert (changed["types"], changed["url"]) == (["message.bounced"], sink[0])
    assert api.ask("POST", f"{one}/pause").json["state"] == "paused"
    assert api.ask("POST", f"{one}/enable", {"from_now": True}).json["state"] == "active"
    assert api.ask("POST", f"{one}/rotate", {}).json["secret"] != made["secret"]
    assert "secret" not in api.ask("GET", one).json
    assert api.ask("DELETE", one).status == 204


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"url": "ftp://app.example.org/"}, "url"),
        ({"url": "https://app.example.org/", "types": ["no.such"]}, "types.0"),
        ({"url": "https://app.example.org/", "account": "1"}, "account"),
        ({}, "url"),
    ],
)
def test_a_wrong_webhook_is_refused_at_the_field(api, body, field):
    answer = api.ask("POST", HOOKS, body)
    assert answer.status == 422
    assert field in answer.codes


def test_another_accounts_webhooks_and_domains_do_not_exist(server, api, sink):
    other = server.cli("account", "add", "Vecina")["id"]
    made = server.cli(
        "credential", "add", "--account", other, "--name", "x",
        "--scopes", "webhook.manage,webhook.view,domain.view,domain.manage",
    )  # fmt: skip
    stranger = ApiClient(server, made["api_key"])
    hook = api.ask("POST", HOOKS, {"url": sink[0]}).json["id"]
    for method, path in (
        ("GET", f"{HOOKS}/{hook}"), ("DELETE", f"{HOOKS}/{hook}"), ("POST", f"{HOOKS}/{hook}/test"),
        ("GET", f"{HOOKS}/{hook}/deliveries"), ("GET", f"{DOMAINS}/sender.test"),
        ("DELETE", f"{DOMAINS}/sender.test"), ("POST", f"{DOMAINS}/sender.test/check"),
    ):  # fmt: skip
        assert stranger.ask(method, path).status == 404, path
    assert stranger.ask("GET", HOOKS).json["items"] == []
    viewer = ApiClient(
        server,
        server.cli(
            "credential", "add", "--account", server.account, "--name", "v",
            "--scopes", "webhook.view",
        )["api_key"],
    )  # fmt: skip
    assert viewer.ask("DELETE", f"{HOOKS}/{hook}").status == 403
    assert viewer.ask("GET", DOMAINS).status == 403
    assert api.ask("DELETE", f"{HOOKS}/{hook}").status == 204


def test_T_f_a_domain_is_added_shown_to_be_ours_by_dns_and_sent_from(ground, api):
    name = "boletin.outside.test"
    made = api.ask("POST", DOMAINS, {"domain": name})
    assert made.status == 201, made.body
    assert made.json["state"] == "pending"
    refused = api.ask(
        "POST", "/api/v1/messages",
        {"from": {"email": f"app@{name}"}, "to": [{"email": f"ok@{SANDBOX_DOMAIN}"}], "text": "x",
         "subject": "x"},
    )  # fmt: skip
    assert refused.status == 403
    assert refused.json["code"] == "sender_not_allowed"
    for record in made.json["records"]:
        if record["type"] == "TXT":
            text = record["value"]
            parts = " ".join(f'"{text[i : i + 255]}"' for i in range(0, len(text), 255))
            ground.domain(record["name"], TXT=[parts])
    checked = api.ask("POST", f"{DOMAINS}/{name}/check").json
    assert checked["state"] == "active", checked
    sent = api.ask(
        "POST", "/api/v1/messages",
        {"from": {"email": f"app@{name}"}, "to": [{"email": f"ok@{SANDBOX_DOMAIN}"}], "text": "x",
         "subject": "x"},
    )  # fmt: skip
    assert sent.status == 202, sent.body
    assert [d["domain"] for d in api.ask("GET", DOMAINS).json["items"]].count(name) == 1
    assert api.ask("DELETE", f"{DOMAINS}/{name}").status == 204
