"""A real server with a simulator behind it, and the vendors' libraries that speak to it."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.e2e.conftest import ground, sandbox  # noqa: F401
from tests.e2e.ground import DEADLINE_S, Receiver
from tests.e2e.server import RelevoServer

HERE = Path(__file__).parent
NPM_DEADLINE_S = 180.0
ADDRESS = "@sandbox.test"


@dataclass(frozen=True)
class Host:
    """What an application is told: a URL and a key; and what arrives."""

    url: str
    key: str
    host: str  # without a scheme
    sandbox: Receiver
    relay: RelevoServer

    def mails(self, recipient: str, count: int = 1) -> list[EmailMessage]:
        """The mails that came for a recipient, taken apart by Python's own parser."""
        return [read(one.raw) for one in self.sandbox.wait(recipient, count)]

    def mail(self, recipient: str) -> EmailMessage:
        """The one mail."""
        (mail,) = self.mails(recipient)
        return mail


def read(content: bytes) -> EmailMessage:
    """A mail that has no defects."""
    mail = message_from_bytes(content, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    assert not [defect for part in mail.walk() for defect in part.defects]
    return mail


def text(mail: EmailMessage, kind: str) -> str:
    """The text of a part, with plain line ends."""
    part = mail.get_body((kind,))
    assert part is not None, f"no {kind} part"
    content: str = part.get_content()
    return content.replace("\r\n", "\n").rstrip("\n")


def files(mail: EmailMessage) -> dict[str, tuple[str, str, bytes]]:
    """Attachments and inline images: type, disposition and bytes by name."""
    return {
        part.get_filename() or "": (
            part.get_content_type(),
            part.get_content_disposition() or "",
            part.get_payload(decode=True),
        )
        for part in mail.walk()
        if part.get_filename()
    }


@pytest.fixture(scope="session")
def relay(ground, sandbox) -> Iterator[RelevoServer]:  # noqa: F811
    """One server for all; its webhooks may go to receivers on this machine."""
    environ = {"WEBHOOKS__ALLOW_PRIVATE_ADDRESSES": "true"}
    with RelevoServer(ground, name="sdk", **environ) as server:
        server.start()
        yield server
        server.stop()
        assert server.errors() == []


@pytest.fixture(scope="session")
def host(relay, sandbox) -> Host:  # noqa: F811
    """The running server, as the libraries see it."""
    address = f"127.0.0.1:{relay.console_port}"
    return Host(f"http://{address}", relay.password, address, sandbox, relay)


@pytest.fixture(scope="session")
def node() -> Path:
    """The folder with the libraries from npm, as the lock file pins them."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    wanted, there = HERE / "package-lock.json", HERE / "node_modules" / ".package-lock.json"
    if not there.exists() or versions(there) != versions(wanted):
        subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=HERE,
            check=True,
            timeout=NPM_DEADLINE_S,
            capture_output=True,
        )
    return HERE


def versions(lock: Path) -> dict[str, str]:
    """What a lock file asks for."""
    packages = json.loads(lock.read_text())["packages"]
    return {name: one["version"] for name, one in packages.items() if name}


@pytest.fixture(scope="session")
def run_node(node, host):
    """Run a script of `node/` with the URL, the key and further arguments; its JSON."""

    def run(script: str, *arguments: str) -> object:
        done = subprocess.run(
            ["node", str(node / "node" / script), host.url, host.key, *arguments],
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run
