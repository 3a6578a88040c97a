"""One ground and one Postfix of each kind for the whole run: starting and stopping them takes long."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.ground import Ground
from tests.e2e.postfix import Postfix, obstacle
from tests.e2e.server import SENDER_DOMAIN, RelevoServer

CLEAR_DOMAIN = "clear.test"  # Postfix without TLS
OTHER_CLEAR_DOMAIN = "other-clear.test"  # the same Postfix
TLS_DOMAIN = "tls.test"  # Postfix that takes nothing without TLS
SANDBOX_DOMAIN = "sandbox.test"  # the built-in simulator


@pytest.fixture(scope="session")
def ground() -> Iterator[Ground]:
    """DNS, ports, certificates; the sender's own domain has a simulator for what comes back."""
    with Ground() as made:
        yield made


@pytest.fixture(scope="session")
def sandbox(ground):
    """The built-in simulator, for a domain and for the senders' own."""
    receiver = ground.simulator(4)
    ground.domain(SANDBOX_DOMAIN, receiver.host)
    ground.domain(SENDER_DOMAIN, receiver.host)
    return receiver


@pytest.fixture(scope="session")
def postfix(ground) -> Iterator[Postfix]:
    """A Postfix without TLS."""
    if reason := obstacle():
        pytest.skip(reason)
    with Postfix(ground, 2, CLEAR_DOMAIN, OTHER_CLEAR_DOMAIN) as started:
        yield started


@pytest.fixture(scope="session")
def tls_postfix(ground) -> Iterator[Postfix]:
    """A Postfix that insists on TLS."""
    if reason := obstacle():
        pytest.skip(reason)
    with Postfix(ground, 3, TLS_DOMAIN, requires_tls=True) as started:
        yield started


@pytest.fixture(scope="session")
def relay(ground, sandbox) -> Iterator[RelevoServer]:
    """A relay for all tests that do not stop it; signs with two keys, publishes both."""
    with RelevoServer(ground) as server:
        for key_type in ("rsa2048", "ed25519"):
            key = server.cli("dkim", "new", SENDER_DOMAIN, "--type", key_type)
            publish(ground, key)
        server.start()
        yield server
        server.stop()
        assert server.errors() == []


def publish(ground: Ground, key: dict[str, Any]) -> None:
    """Put a key's record into the DNS, as `relevo dkim new|show --json` tells it."""
    text = str(key["text"])
    strings = [text[start : start + 255] for start in range(0, len(text), 255)]
    ground.dns.set(str(key["name"]), TXT=[" ".join(f'"{part}"' for part in strings)])
