"""The store fails, refuses or is slow at the worst moment: nothing is lost and nothing stands still."""

import pytest

from mta.delivery import board
from mta.model.errors import JobRefused, StoreError
from tests.integration.relay import Relay
from tests.integration.relay_network import Network

NO_ROOM = StoreError("database or disk is full")
REFUSED = JobRefused("a guard failed")


async def test_a_body_that_arrives_after_its_claim_was_refused_is_not_counted(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(board, "MAX_CONTENT_BYTES", 0)
    async with Network() as network, Relay(tmp_path, network) as relay:
        network.domain("one.test", await network.receiver(2))
        await relay.submit("first@one.test")
        await relay.until_states(delivered=1)
        reading = relay.store.gate("read_content")
        relay.store.fail("delivery_claim", REFUSED)
        await relay.submit("second@one.test")
        await relay.until(lambda: relay.store.gated and not relay.board.loaded)
        reading.set()
        await relay.until_states(delivered=2)


@pytest.mark.parametrize("error", [NO_ROOM, REFUSED])
async def test_a_claim_that_fails_is_made_again(tmp_path, error):
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await network.receiver(2)
        network.domain("one.test", mx)
        relay.store.fail("delivery_claim", error, times=2)
        for n in range(6):
            await relay.submit(f"u{n}@one.test")
        await relay.until_states(delivered=6)
        assert len(mx.received) == 6
