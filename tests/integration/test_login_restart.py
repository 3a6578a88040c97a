"""A restart must not tell names that exist from names that do not."""

import asyncio
from base64 import b64decode, b64encode

from tests.integration.relay import Relay
from tests.integration.relay_network import Network


async def scram_salt(relay: Relay, name: str) -> bytes:
    """The salt that the server says for a name."""
    reader, writer = await asyncio.open_connection(*relay.engine.listener.addresses[0])
    first = b64encode(f"n,,n={name},r=nonce".encode())
    writer.write(b"EHLO client.test\r\nAUTH SCRAM-SHA-256 " + first + b"\r\n")
    challenge = await reader.readuntil(b"334 ") and await reader.readline()
    writer.close()
    await writer.wait_closed()
    return b64decode(challenge).split(b",")[1]


async def test_the_salt_of_an_unknown_name_outlives_a_restart(tmp_path):
    async with Network() as network:
        relay = Relay(tmp_path, network)
        async with relay:
            before = await scram_salt(relay, "nobody"), await scram_salt(relay, "somebody")
        async with relay:
            after = await scram_salt(relay, "nobody"), await scram_salt(relay, "somebody")
    assert before == after
    assert before[0] != before[1]
