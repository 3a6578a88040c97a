"""Suppressed addresses get no mail: refused at no door, final at once, and looked at before MAIL."""

from mta.model.traffic import TrafficClass
from mta.suppression.values import NewEntry, Reason, Scope
from tests.evil.behaviour import Behaviour
from tests.integration.relay import Relay
from tests.integration.relay_network import Network

UNKNOWN = {"RCPT": b"550 5.1.1 No such user\r\n"}


def suppress(relay: Relay, address: str, reason: Reason = Reason.UNSUBSCRIBE) -> None:
    entry = NewEntry(7, address, reason, reason.scope, "test")
    relay.engine.foundation.suppression.added([entry])


async def test_mail_that_waits_is_not_sent_to_who_unsubscribed_meanwhile(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await network.receiver(2, Behaviour())
        network.domain("one.test", mx)
        await relay.submit("first@one.test")
        await relay.until_states(delivered=1)
        await relay.quiet()
        relay.queue_everything()
        claiming = relay.store.gate("delivery_claim")
        for name in ("ana", "luis"):
            await relay.submit(f"{name}@one.test", klass=TrafficClass.CAMPAIGN, campaign="c")
        await relay.until(lambda: relay.store.gated)
        suppress(relay, "ANA@one.test")
        claiming.set()
        await relay.until_states(delivered=2, suppressed=1)
        assert "ana@one.test" not in mx.recipients
        ((reply, attempts),) = relay.sql(
            "SELECT last_reply, attempts FROM delivery WHERE state = 13"
        )
        assert reply == "554 5.7.1 Recipient suppressed: unsubscribe"
        assert attempts == 0
        ((data,),) = relay.sql("SELECT data FROM event WHERE type = 6")
        assert '"class":"suppressed"' in data


async def test_at_the_door_commercial_mail_is_stopped_and_other_mail_goes(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await network.receiver(2, Behaviour())
        network.domain("one.test", mx)
        suppress(relay, "ana@one.test")
        await relay.send("ana@one.test", X_Relevo_Class="campaign")
        await relay.send("ana@one.test", X_Relevo_Class="urgent")
        await relay.until_states(delivered=1, suppressed=1)
        assert mx.recipients == ["ana@one.test"]


async def test_an_address_that_bounced_is_suppressed_for_the_next_mail_and_after_a_restart(
    tmp_path,
):
    async with Network() as network:
        relay = Relay(tmp_path, network)
        async with relay:
            mx = await network.receiver(2, Behaviour(replies=UNKNOWN))
            network.domain("one.test", mx)
            await relay.submit("gone@one.test")
            lists = relay.engine.foundation.suppression
            await relay.until(lambda: len(lists))
            await relay.submit("gone@one.test")
            await relay.until_states(bounced=1, suppressed=1)
        async with relay:
            assert relay.engine.foundation.suppression.reason_of(7, "Gone@one.test", 0)
            await relay.submit("gone@one.test")
            await relay.until_states(bounced=1, suppressed=2)


async def test_a_notice_of_ours_reaches_who_is_suppressed(tmp_path):
    """The sender of relayed mail must hear that it failed, also if his address bounced once."""
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await network.receiver(2, Behaviour(replies=UNKNOWN))
        network.domain("one.test", mx)
        home = await network.receiver(3)
        network.domain("sender.test", home)
        entry = NewEntry(7, "app@sender.test", Reason.MANUAL, Scope.ALL, "test")
        relay.engine.foundation.suppression.added([entry])
        await relay.send("gone@one.test")
        await relay.until(lambda: "app@sender.test" in home.recipients)
