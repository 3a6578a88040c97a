"""Mail over every door with tracking on: the sandbox's readers open and click, and it is told."""

from email.message import EmailMessage
from functools import partial

from tests.e2e import clients
from tests.e2e.api_client import MESSAGES, ApiClient
from tests.e2e.ground import free_port, until
from tests.e2e.server import SENDER, RelevoServer

HTML = '<html><body><a href="https://a.example/bases.pdf?x=1&amp;y=2">Bases</a></body></html>'


def history(server: RelevoServer, message: str) -> list[dict]:
    return server.cli("queue", "show", message)["history"]


def has_heard(server: RelevoServer, message: str, *types: str) -> bool:
    return set(types) <= {event["type"] for event in history(server, message)}


def smtp_message(*recipients: str) -> bytes:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = SENDER, ", ".join(recipients), "Aviso"
    made["X-Relevo-Track"] = "opens, clicks"
    made.set_content("hola\n")
    made.add_alternative(HTML, subtype="html")
    return made.as_bytes().replace(b"\n", b"\r\n")


def test_opens_and_clicks_of_mail_over_smtp_and_the_api_are_told(ground) -> None:
    public = f"127.0.0.1:{free_port()}"
    modes = {
        "DELIVERY__MODE": "sandbox",
        "SANDBOX__LISTEN": f"127.0.0.1:{free_port()}",
        "SANDBOX__READ_AFTER": "1s",
        "PUBLIC__LISTEN": public,
        "SERVER__PUBLIC_URL": f"http://{public}",
    }
    recipients = ["open@nowhere.invalid", "click@nowhere.invalid"]
    track = {"opens": True, "clicks": True}
    with RelevoServer(ground, name="tracking", **modes) as server:
        server.start()
        api = ApiClient(server)
        sent = {"smtp": clients.submit(server, smtp_message(*recipients), *recipients)}
        body = {"from": SENDER, "subject": "Aviso", "text": "hola", "html": HTML, "track": track}
        for name, whom in (
            ("plain", {"to": recipients}),
            ("personal", {"recipients": [{"email": one} for one in recipients]}),
        ):
            reply = api.ask("POST", MESSAGES, {**body, **whom})
            assert reply.status in (200, 202), reply.body
            sent[name] = reply.json["id"]
        for name, message in sent.items():
            until(
                partial(has_heard, server, message, "message.opened", "message.clicked"),
                f"{name} was opened and clicked",
            )
            data = {e["type"]: e["data"] for e in history(server, message) if "data" in e}
            assert data["message.clicked"]["link"] == 0
            assert "Relevo-Sandbox" in data["message.opened"]["agent"]
            assert {
                e["delivery"] for e in history(server, message) if e["type"] == "message.opened"
            }
        server.stop()
        assert server.errors() == []
