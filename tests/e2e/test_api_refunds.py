"""Refunds over the API of a real server: a key proposes and looks on, a person decides."""

import csv
import io
import re
from collections.abc import Iterator

import pytest

from tests.e2e.api_client import ApiClient
from tests.e2e.conftest import SANDBOX_DOMAIN
from tests.e2e.server import RelevoServer, serving

REFUNDS = "/api/v1/quota/refunds"
WHY = "the wrong price was shown"
SCOPES = "mail.send,quota.view,refund.propose,refund.confirm,account.manage"


@pytest.fixture(scope="module")
def server(ground, sandbox) -> Iterator[RelevoServer]:
    with serving(ground, "api-refunds", bag=100, scopes=SCOPES) as made:
        yield made


@pytest.fixture
def client(server) -> ApiClient:
    return ApiClient(server)


def sent(client: ApiClient) -> str:
    """A message to three people; its id."""
    people = [{"email": f"ok+{n}@{SANDBOX_DOMAIN}"} for n in range(3)]
    answer = client.send(recipients=people)
    assert answer.status == 202, answer.body
    return answer.json["id"]


def proposed(client: ApiClient, **request) -> dict:
    answer = client.ask("POST", REFUNDS, {"reason": WHY, **request})
    assert answer.status == 201, answer.body
    return answer.json


def test_T_q_a_key_proposes_and_a_person_confirms(server, client):
    message = sent(client)
    made = proposed(client, message=message)
    assert (made["state"], made["deliveries"], made["put_back"]) == ("proposed", 3, 0)
    assert (made["message"], made["scope"], made["resend"]) == (message, "all", False)
    server.cli("quota", "refund", "confirm", made["id"])
    done = client.ask("GET", f"{REFUNDS}/{made['id']}").json
    assert (done["state"], done["put_back"]) == ("done", 3)
    again = client.ask("POST", REFUNDS, {"message": message, "reason": WHY})
    assert (again.status, again.codes) == (422, {"reason": "unusable_text"})


@pytest.mark.parametrize("verb", ["confirm", "reject"])
def test_T_q_no_key_decides_whatever_its_scopes(client, verb):
    made = proposed(client, message=sent(client), remedy="resend")
    assert made["resend"] is True
    answer = client.ask("POST", f"{REFUNDS}/{made['id']}/{verb}", {})
    assert (answer.status, answer.json["code"]) == (403, "person_required")
    assert client.ask("GET", f"{REFUNDS}/{made['id']}").json["state"] == "proposed"


def test_the_list_comes_in_pages_as_json_and_as_csv(client):
    made = proposed(client, message=sent(client))
    where = f"{REFUNDS}/{made['id']}/deliveries"
    whole = client.ask("GET", where).json
    assert (len(whole["items"]), whole["next"]) == (3, None)
    first = client.ask("GET", f"{where}?limit=2").json
    rest = client.ask("GET", f"{where}?limit=2&cursor={first['next']}").json
    assert [*first["items"], *rest["items"]] == whole["items"]
    rows: list[dict[str, str]] = []
    path = f"{where}?limit=2&format=csv"
    while path:
        answer = client.ask("GET", path)
        assert answer.headers["content-type"].startswith("text/csv")
        rows += csv.DictReader(io.StringIO(answer.body.decode()))
        link = re.match(r'<(.+)>; rel="next"$', answer.headers.get("link", ""))
        path = link[1] if link else ""
    assert rows == whole["items"]


def test_refunds_are_listed_newest_first_in_pages(client):
    made = [proposed(client, message=sent(client))["id"] for _ in range(3)]
    first = client.ask("GET", f"{REFUNDS}?limit=2").json
    second = client.ask("GET", f"{REFUNDS}?limit=1&cursor={first['next']}").json
    assert [one["id"] for one in (*first["items"], *second["items"])] == made[::-1]


def test_a_time_range_and_a_flow_by_name_say_what_failed(client):
    name = client.send(to=[{"email": f"ok@{SANDBOX_DOMAIN}"}], campaign="Marzo")
    assert name.status == 202, name.body
    by_name = proposed(client, flow="Marzo")
    assert by_name["deliveries"] == 1
    assert by_name["flow"].isdigit()
    ranged = proposed(client, **{"from": "0001-01-01T00:00:00Z", "until": "9999-12-31T23:59:59Z"})
    assert ranged["deliveries"] >= 1


@pytest.mark.parametrize(
    "request_",
    [
        {}, {"from": "2026-01-01T00:00:00Z"}, {"flow": "nobody's"}, {"message": "9" * 19},
        {"from": "9998-01-01T00:00:00Z", "until": "9999-01-01T00:00:00Z"},
        {"until": "0001-01-01T00:00:00Z"},
    ],
)  # fmt: skip
def test_what_names_nothing_is_refused(client, request_):
    assert client.ask("POST", REFUNDS, {"reason": WHY, **request_}).status == 422


def test_refunds_of_others_do_not_exist(server, client):
    made, message = proposed(client, message=sent(client)), sent(client)
    account = server.cli("account", "add", "Vecino")["id"]
    key = server.cli(
        "credential", "add", "--account", account, "--name", "v", "--scopes", SCOPES
    )["api_key"]  # fmt: skip
    other = ApiClient(server, key)
    assert other.ask("GET", REFUNDS).json["items"] == []
    for where in (made["id"], f"{made['id']}/deliveries", "1", "1/deliveries"):
        assert other.ask("GET", f"{REFUNDS}/{where}").status == 404
    request = {"message": message, "reason": WHY}
    assert other.ask("POST", REFUNDS, request).status == 422
    assert other.ask("POST", REFUNDS, {**request, "account": server.account}).status == 404
