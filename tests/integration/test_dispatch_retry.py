"""An operator's `queue retry` tries at once, whatever was remembered of the site's hosts."""

from tests.integration.relay import Relay
from tests.integration.relay_network import Network


async def test_a_retry_connects_to_a_host_that_was_down_a_moment_ago(tmp_path):
    async with Network() as network, Relay(tmp_path, network, QUEUE__RETRY="1h") as relay:
        network.domain("example.test", network.dead(2))
        await relay.send("ana@example.test")
        await relay.until_states(scheduled=1)
        mx = await network.receiver(2)
        assert await relay.ask("queue.retry", all=True) == {"changed": 1}
        await relay.until_states(delivered=1)
        assert mx.recipients == ["ana@example.test"]


async def test_a_retry_that_fails_again_leaves_the_host_alone_as_before(tmp_path):
    async with Network() as network, Relay(tmp_path, network, QUEUE__RETRY="1h") as relay:
        network.domain("example.test", network.dead(2))
        await relay.send("ana@example.test")
        await relay.until_states(scheduled=1)
        for attempts in (2, 3):
            await relay.ask("queue.retry", all=True)
            await relay.until(lambda n=attempts: relay.row("ana@example.test")["attempts"] == n)
            assert "Connection refused" in relay.row("ana@example.test")["last_reply"]
