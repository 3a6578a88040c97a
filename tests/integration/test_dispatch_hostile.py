"""Servers that greet and leave before any mail is said: they are not connected to again at once."""

import pytest

from tests.evil.behaviour import Behaviour, Fault
from tests.integration.relay import Relay
from tests.integration.relay_network import Network

UNSERVED = {
    "closes after EHLO": Behaviour(faults={"EHLO": Fault.THEN_DROP}),
    "speaks out of turn": Behaviour(faults={"GREETING": Fault.TWICE}),
}


@pytest.mark.parametrize("behaviour", UNSERVED.values(), ids=UNSERVED.keys())
async def test_a_server_that_greets_and_leaves_is_left_alone_for_a_while(tmp_path, behaviour):
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await network.receiver(2, behaviour)
        network.domain("one.test", mx)
        await relay.submit("ana@one.test")
        await relay.until_states(scheduled=1)
        row = relay.row("ana@one.test")
        assert row["attempts"] == 1
        assert row["last_reply"].startswith("451 4.4.2 ") or row["last_reply"].startswith(
            "451 4.5."
        )
        assert len(mx.dialogues) == 1


async def test_mail_goes_once_a_server_that_greeted_and_left_serves_again(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await network.receiver(2, UNSERVED["closes after EHLO"])
        network.domain("one.test", mx)
        for n in range(20):
            await relay.submit(f"u{n}@one.test")
        await relay.until(lambda: relay.states().get("scheduled"))
        mx.behaviour = Behaviour()
        relay.advance(600)
        await relay.until_states(delivered=20)
