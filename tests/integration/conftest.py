"""What tests of a relay in their own process stand on; a file may have its own of the same name."""

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
