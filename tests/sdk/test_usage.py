"""What a running server counts at its doors, and that a stop loses nothing of it."""

import requests
import sendgrid
from postmarker.core import PostmarkClient

from tests.e2e import clients
from tests.e2e.ground import Ground
from tests.e2e.server import SENDER, RelevoServer
from tests.sdk.test_sendgrid_python import simple


def counted(server: RelevoServer) -> dict[str, tuple[int, ...]]:
    """What `relevo usage` tells, by door."""
    kinds = ("requests", "accepted", "rejected", "errors", "recipients", "recipients_refused")
    found = server.cli("usage", "--group", "door")["items"]
    return {row["door"]: tuple(row[kind] for kind in kinds) for row in found}


def test_T_f_each_door_is_counted_for_its_credential_and_a_stop_loses_nothing(
    ground: Ground, sandbox
) -> None:
    with RelevoServer(ground, name="counting") as server:
        server.start()
        url = f"http://127.0.0.1:{server.console_port}"
        with clients.connect(server) as client:
            content = clients.message("one", "us-1@sandbox.test")
            clients.hand_in(client, content, "us-1@sandbox.test", "us-2@sandbox.test")
            assert client.mail("app@elsewhere.test")[0] == 550
        client = sendgrid.SendGridAPIClient(server.password, host=url)
        client.send(simple(["us-3@sandbox.test", "us-4@sandbox.test", "us-5@sandbox.test"]))
        client = PostmarkClient(server_token=server.password, root_api_url=url)
        good = {"From": SENDER, "To": "us-6@sandbox.test", "TextBody": "t"}
        client.emails.send_batch(good, {**good, "From": "app@elsewhere.test"})
        client.session.close()
        session = requests.Session()
        session.headers["Authorization"] = f"Bearer {server.password}"
        message = {"from": {"email": SENDER}, "to": [{"email": "us-7@sandbox.test"}], "text": "t"}
        assert session.post(f"{url}/api/v1/messages", json=message, timeout=30).status_code == 202
        assert session.post(f"{url}/api/v1/messages", json={}, timeout=30).status_code == 422
        expected = {
            "smtp": (2, 1, 1, 0, 2, 1),
            "sendgrid": (1, 1, 0, 0, 3, 0),
            "postmark": (1, 1, 0, 0, 1, 1),
            "api": (2, 1, 1, 0, 1, 0),
        }
        assert counted(server) == expected
        told = session.get(f"{url}/api/v1/usage?group=credential,door", timeout=30).json()
        session.close()
        assert {row["door"]: row["requests"] for row in told["items"]} == {
            door: numbers[0] for door, numbers in expected.items()
        }
        assert {row["credential_name"] for row in told["items"]} == {"app"}
        assert all(1 <= row["latency_ms"]["p95"] <= 16384 for row in told["items"])
        with clients.connect(server) as client:
            clients.hand_in(client, content, "us-1@sandbox.test")
        server.stop()
        assert counted(server)["smtp"][0] == 3
        assert server.errors() == []
