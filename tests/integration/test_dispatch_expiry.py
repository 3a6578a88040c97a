"""Deadlines: in every state, in the flow's own time, and never at the cost of mail that may still go."""

from mta.model.traffic import TrafficClass
from tests.integration.relay import Network, Relay

HOUR_S = 3600.0


async def held_site(relay: Relay, network: Network) -> None:
    """mx2.test is known and on hold: mail for one.test stays in its window."""
    mx = await network.receiver(2)
    network.domain("one.test", mx)
    await relay.submit("first@one.test")
    await relay.until_states(delivered=1)
    await relay.ask("queue.hold", site="mx2.test")


async def test_time_on_hold_does_not_count_and_takes_nothing_out_of_the_windows(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        await held_site(relay, network)
        for n in range(3):
            await relay.submit(f"u{n}@one.test")
        await relay.ask("queue.hold", account="7")
        relay.advance(23 * HOUR_S)
        await relay.ask("queue.release", account="7")
        relay.advance(2 * HOUR_S)
        await relay.quiet()
        assert await relay.dispatcher.timekeeper.expire_now() == 0
        await relay.ask("queue.release", site="mx2.test")
        await relay.until_states(delivered=4)


async def test_mail_in_a_window_expires(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        await held_site(relay, network)
        await relay.submit("late@one.test")
        await relay.quiet()
        relay.advance(25 * HOUR_S)
        assert await relay.dispatcher.timekeeper.expire_now() == 1
        await relay.until_states(delivered=1, expired=1)
        assert relay.row("late@one.test")["last_reply"].startswith("554 5.4.7")


async def test_mail_that_is_scheduled_expires(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await network.receiver(2)
        network.domain("one.test", mx)
        await relay.submit("later@one.test")
        await relay.until_states(scheduled=1)
        relay.clock.advance(25 * HOUR_S)
        assert await relay.dispatcher.timekeeper.expire_now() == 1
        await relay.until_states(expired=1)


async def test_more_mail_than_a_batch_with_one_deadline_expires_in_one_pass(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        await held_site(relay, network)
        await relay.submit(*(f"u{n}@one.test" for n in range(900)))
        await relay.quiet()
        relay.advance(25 * HOUR_S)
        assert await relay.dispatcher.timekeeper.expire_now() == 900


async def test_urgent_mail_expires_after_its_quarter_of_an_hour(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        await held_site(relay, network)
        await relay.submit("code@one.test", klass=TrafficClass.URGENT)
        await relay.quiet()
        relay.advance(14 * 60)
        assert await relay.dispatcher.timekeeper.expire_now() == 0
        relay.advance(2 * 60)
        assert await relay.dispatcher.timekeeper.expire_now() == 1
