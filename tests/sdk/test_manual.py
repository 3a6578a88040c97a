"""The examples of the API's manual, run as they stand there against a real server."""

import json
import os
import re
import subprocess
import sys
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests
from standardwebhooks import Webhook

from tests.e2e.ground import DEADLINE_S, Ground, accepts, free_port, until
from tests.e2e.server import RelevoServer
from tests.sdk.conftest import files, read, text

MANUALS = Path(__file__).parents[2] / "docs" / "manuals"
_EXAMPLE = re.compile(r"^<!-- example: (\w+) -->\n```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FENCE = re.compile(r"^```(\w*)$", re.MULTILINE)
ANA, LUIS = "ana@example.com", "luis@example.com"
CSV = ("text/csv", "attachment", b"expediente;estado\n2026-00123;recibido\n")


def examples(language: str) -> dict[tuple[str, str], str]:
    """The code by its name and programming language."""
    page = (MANUALS / f"api.{language}.md").read_text()
    return {(name, kind): code for name, kind, code in _EXAMPLE.findall(page)}


CODE = examples("es")


def test_both_languages_have_the_same_examples():
    assert examples("en") == CODE
    assert {kind for _, kind in CODE} == {"bash", "python", "php", "js"}


def test_no_code_of_a_manual_is_left_unrun():
    for language in ("es", "en"):
        kinds = _FENCE.findall((MANUALS / f"api.{language}.md").read_text())
        shown = [kind for kind in kinds if kind in ("bash", "python", "php", "js")]
        assert len(shown) == len(examples(language))


class Stand:
    """A server for example.org, whose mail to example.com goes to the simulator."""

    def __init__(self, server: RelevoServer, receiver, node: Path, credential: dict) -> None:
        self.server, self.receiver, self.node = server, receiver, node
        self.credential = credential
        self.url = f"http://127.0.0.1:{server.console_port}"

    def command(self, name: str, kind: str, folder: Path) -> list[str]:
        """What runs an example."""
        code = CODE[name, kind]
        suffix = {"bash": "sh", "python": "py", "php": "php"}.get(kind)
        path = folder / f"example_{name}.{suffix or ('cjs' if 'require(' in code else 'mjs')}"
        path.write_text(code)
        programs = {"bash": ["bash", "-eo", "pipefail"], "python": [sys.executable]}
        return [*programs.get(kind, ["php" if kind == "php" else "node"]), str(path)]

    def environment(self, **more: str) -> dict[str, str]:
        """What the manual asks for."""
        return {
            **os.environ,
            "RELEVO_URL": self.url,
            "RELEVO_KEY": self.credential["api_key"],
            "RELEVO_USER": self.credential["username"],
            "RELEVO_SMTP": f"{self.server.host}:{self.server.port}",
            "SSL_CERT_FILE": str(self.server.ground.authority.ca_file),
            "NODE_PATH": str(self.node / "node_modules"),
            **more,
        }

    def run(self, name: str, kind: str, folder: Path) -> str:
        """What an example prints."""
        done = subprocess.run(
            self.command(name, kind, folder),
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            cwd=folder,
            env=self.environment(),
            check=False,
        )
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    def ask(self, method: str, path: str, body: object = None) -> dict:
        """What the API answers."""
        headers = {"Authorization": f"Bearer {self.credential['api_key']}"}
        answer = requests.request(
            method, f"{self.url}/api/v1/{path}", json=body, headers=headers, timeout=DEADLINE_S
        )
        assert answer.ok, answer.text
        return answer.json() if answer.content else {}

    def arrivals(self, recipient: str) -> int:
        """How many mails came for somebody."""
        return len(self.receiver.messages(recipient))

    def next(self, recipient: str, before: int):
        """The mail that came since then."""
        return read(self.receiver.wait(recipient, before + 1)[-1].raw)


@pytest.fixture(scope="module")
def stand(ground: Ground, sandbox, relay: RelevoServer, node) -> Stand:
    ground.domain("example.com", sandbox.host)
    ground.domain("example.org", sandbox.host)
    relay.cli("domain", "add", "example.org", "--account", relay.account)
    scopes = "mail.send,suppression.view,suppression.manage,webhook.view,webhook.manage"
    credential = relay.cli(
        "credential", "add", "--account", relay.account, "--name", "manual", "--scopes", scopes
    )
    return Stand(relay, sandbox, node, credential)


def of(*names: str) -> list[tuple[str, str]]:
    """The examples of these names in all languages."""
    return [pair for pair in CODE if pair[0] in names]


@pytest.mark.parametrize(("name", "kind"), of("send", "smtp", "sendgrid", "postmark"))
def test_T_p_the_manual_s_single_mail_arrives(stand, tmp_path, name, kind):
    before = stand.arrivals(ANA)
    stand.run(name, kind, tmp_path)
    mail = stand.next(ANA, before)
    assert mail["Subject"] == "Recibimos su solicitud"
    assert "avisos@example.org" in mail["From"]
    body = text(mail, "html" if name in ("send", "sendgrid") else "plain")
    assert "solicitud" in body


@pytest.mark.parametrize(("name", "kind"), of("files"))
def test_the_manual_s_attachments_arrive(stand, tmp_path, name, kind):
    before = stand.arrivals(ANA)
    stand.run(name, kind, tmp_path)
    found = files(stand.next(ANA, before))
    assert found.pop("constancia.csv") == CSV
    assert [image[:2] for image in found.values()] in ([], [("image/gif", "inline")])


@pytest.mark.parametrize(("name", "kind"), of("batch"))
def test_the_manual_s_batch_is_personal(stand, tmp_path, name, kind):
    before = {who: stand.arrivals(who) for who in (ANA, LUIS)}
    stand.run(name, kind, tmp_path)
    ana, luis = (stand.next(who, before[who]) for who in (ANA, LUIS))
    assert ana["Subject"] == "Ana: su recibo vence el 30/11"
    assert luis["Subject"] == "Vecina, vecino: su recibo vence el 30/11"
    assert "S/ 45.20" in text(ana, "html")
    assert luis["To"] == LUIS


def test_what_the_manual_schedules_can_be_cancelled(stand, tmp_path):
    assert stand.run("later", "python", tmp_path).split() == ["scheduled", "1"]


def test_what_the_manual_repeats_arrives_once(stand, tmp_path):
    before = stand.arrivals(ANA)
    assert stand.run("again", "python", tmp_path) == "true\n"
    assert stand.next(ANA, before)["Subject"] == "Pago recibido"


@pytest.mark.parametrize(("name", "kind"), of("errors"))
def test_the_manual_s_error_names_the_field(stand, tmp_path, name, kind):
    told = stand.run(name, kind, tmp_path)
    assert "422" in told
    assert "to.0.email" in told
    assert "invalid_address" in told


def test_the_manual_s_questions_are_answered(stand, tmp_path):
    before = stand.arrivals(ANA)
    stand.run("send", "bash", tmp_path)
    stand.next(ANA, before)
    found = json.loads(stand.run("look", "bash", tmp_path))["items"]
    assert {(item["recipient"], item["tags"][0]) for item in found} == {(ANA, "tramites")}
    used = json.loads(stand.run("usage", "bash", tmp_path))["items"]
    assert "api" in {row["door"] for row in used}


def test_the_manual_s_list_of_suppressions_is_changed(stand, tmp_path):
    answers = stand.run("lists", "bash", tmp_path)
    decoder, items = json.JSONDecoder(), []
    while answers:
        answer, end = decoder.raw_decode(answers)
        items.append([item["address"] for item in answer["items"]])
        answers = answers[end:].lstrip()
    assert items == [["rosa@example.com"]] * 3


def test_the_manual_s_webhook_is_added(stand, tmp_path):
    added = json.loads(stand.run("hook", "bash", tmp_path))
    assert added["secret"].startswith("whsec_")
    assert added["url"] == "https://app.example.org/relevo"
    stand.ask("DELETE", f"webhooks/{added['id']}")


@pytest.mark.parametrize(("name", "kind"), of("webhook"))
def test_the_manual_s_receivers_take_ours_and_refuse_forgeries(stand, tmp_path, name, kind):
    port = free_port()
    hook = stand.ask("POST", "webhooks", {"url": f"http://127.0.0.1:{port}/"})
    command = stand.command(name, kind, tmp_path)
    if kind == "php":
        command = ["php", "-S", f"127.0.0.1:{port}", command[-1]]
    environment = stand.environment(RELEVO_WEBHOOK_SECRET=hook["secret"], PORT=str(port))
    output = (tmp_path / "output").open("wb")
    process = subprocess.Popen(command, env=environment, stdout=output, stderr=output, cwd=tmp_path)
    try:
        until(lambda: accepts("127.0.0.1", port), "the receiver listens")
        stand.ask("POST", f"webhooks/{hook['id']}/test")
        until(lambda: "webhook.test" in (tmp_path / "output").read_text(), "the test event came")
        url, body = f"http://127.0.0.1:{port}/", b'{"data": []}'
        genuine, forged = signed(hook["secret"], body), signed(f"whsec_{'A' * 44}", body)
        late = signed(hook["secret"], body, ago_s=3600)
        for headers, status in ((genuine, 204), (forged, 400), (late, 400), ({}, 400)):
            answer = requests.post(url, data=body, headers=headers, timeout=30)
            assert answer.status_code == status
    finally:
        process.terminate()
        process.wait(DEADLINE_S)
        output.close()
        stand.ask("DELETE", f"webhooks/{hook['id']}")


def signed(secret: str, body: bytes, ago_s: float = 0.0) -> dict[str, str]:
    """Headers as Standard Webhooks has them."""
    moment = datetime.fromtimestamp(time.time() - ago_s, UTC)
    identifier = f"whd_{uuid.uuid4()}"
    signature = Webhook(secret).sign(identifier, moment, body.decode())
    return {
        "webhook-id": identifier,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": signature,
    }
