"""What tests of a relay in their own process stand on; a file may have its own of the same name."""

import sys

import pytest

from tests.integration.relay_network import Network


@pytest.fixture
async def network():
    """A DNS, and receivers on addresses of their own."""
    async with Network() as network:
        yield network


@pytest.fixture
async def receiver(network):
    """The server of one.test."""
    receiver = await network.receiver(2)
    network.domain("one.test", receiver)
    return receiver


async def no_pdf(*_: object) -> None:
    """As where WeasyPrint is missing: the guide of an invitation is HTML."""


@pytest.fixture(autouse=True)
def _guides_without_pdf(request, monkeypatch):
    """A PDF takes a process and a second for each person who is invited."""
    for name in ("invitations", "press"):
        module = sys.modules.get(f"console.pages.{name}")
        if module is not None and request.node.get_closest_marker("pdf") is None:
            monkeypatch.setattr(module, "make_pdf", no_pdf)
