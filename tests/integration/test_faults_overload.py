"""More mail comes than can go: it is taken, kept on the disk, and urgent mail passes it."""

import asyncio

import aiosmtplib

from mta.model.traffic import TrafficClass
from tests.integration.relay import Relay
from tests.integration.relay_network import Network

CLIENTS, EACH = 20, 40
SLOW = """\
[default]
connections_start = 2
connections_max = 2
messages_per_second = 20
"""
MESSAGE = b"From: a@sender.test\r\nSubject: x\r\nX-Relevo-Class: %s\r\n\r\nx\r\n"


async def test_more_mail_than_can_go_is_taken_and_urgent_mail_passes_it(tmp_path):
    async with Network() as network, Relay(tmp_path, network, shaping=SLOW) as relay:
        mx = await network.receiver(2)
        network.domain("one.test", mx)
        await relay.submit("first@one.test")
        await relay.until_states(delivered=1)

        async def press(number: int) -> None:
            port = relay.engine.listener.addresses[0][1]
            async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False) as client:
                await client.login("app", "secret")
                for n in range(EACH):
                    to = f"bulk{number}-{n}@one.test"
                    await client.sendmail("a@sender.test", [to], MESSAGE % b"campaign")
                    relay.accepted += 1

        async with asyncio.TaskGroup() as group:
            for number in range(CLIENTS):
                group.create_task(press(number))
            await relay.until(lambda: relay.accepted > CLIENTS * EACH / 2)
            gone, waiting = len(mx.received), relay.accepted - len(mx.received)
            codes = [f"code{n}@one.test" for n in range(5)]
            await asyncio.gather(*(relay.hand_in(c, klass=TrafficClass.URGENT) for c in codes))
            await relay.until(lambda: set(codes) <= set(mx.recipients))
            passed_by = max(mx.recipients.index(code) for code in codes) - gone
            assert passed_by < waiting / 2, "most of what came before waits behind"
        assert relay.states().total() == 1 + CLIENTS * EACH + 5, "all that was taken is there"
        await relay.until(lambda: relay.engine.listener._shared.held_bytes == 0)
