"""The store fails, refuses or is slow at the worst moment: nothing is lost and nothing stands still."""

import pytest

from mta.delivery import board
from mta.model.errors import JobRefused, StoreError
from tests.integration.relay import Relay
from tests.integration.relay_network import Network

NO_ROOM = StoreError("database or disk is full")
REFUSED = JobRefused("a guard failed")
WIDE = """\
[default]
connections_start = 60
connections_max = 60
"""


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


async def test_a_settlement_that_fails_is_made_again_and_nothing_is_sent_twice(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await network.receiver(2)
        network.domain("one.test", mx)
        relay.store.fail("delivery_settle", NO_ROOM, times=2)
        for n in range(6):
            await relay.submit(f"u{n}@one.test")
        await relay.until_states(delivered=6)
        assert len(mx.received) == 6


@pytest.mark.parametrize("statement", ["delivery_site", "site_insert", "flow_by_id"])
async def test_mail_of_a_new_domain_survives_a_store_that_fails(tmp_path, statement):
    async with Network() as network, Relay(tmp_path, network) as relay:
        network.domain("one.test", await network.receiver(2))
        relay.store.fail(statement, NO_ROOM, times=2)
        await relay.submit("ana@one.test")
        await relay.until_states(delivered=1)


async def test_mail_of_a_new_domain_on_disk_survives_a_store_that_fails(tmp_path):
    async with Network() as network:
        relay = Relay(tmp_path, network)
        async with relay:
            network.dns.pause()
            relay.audits = False
            await relay.submit("ana@one.test", "ben@one.test")
        relay.audits = True
        network.domain("one.test", await network.receiver(2))
        async with relay:
            relay.store.fail("unresolved_rows", NO_ROOM)
            relay.store.fail("delivery_site", NO_ROOM)
            network.dns.resume()
            await relay.until_states(delivered=2)


async def test_mail_accepted_while_its_domain_fails_bounces_once(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        network.dns.pause()
        for n in range(250):  # more than are kept in memory for a domain
            await relay.submit(f"u{n}@gone.test")
        reading = relay.store.gate("unresolved_rows", before=True)
        network.dns.resume()
        await relay.until(lambda: relay.store.gated)
        await relay.submit("late@gone.test")
        reading.set()
        await relay.until_states(bounced=251)


async def test_due_mail_is_promoted_again_when_the_store_fails(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        network.domain("one.test", await network.receiver(2))
        await relay.submit("greylisted@one.test", "later1@one.test")
        await relay.until_states(delivered=1, scheduled=1)
        for statement in ("due", "next_due", "delivery_promote"):
            relay.store.fail(statement, NO_ROOM)
        relay.advance(600)
        await relay.until(lambda: relay.row("later1@one.test")["attempts"] == 2)


async def test_mail_whose_window_cannot_be_read_goes_later(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await network.receiver(2)
        network.domain("one.test", mx)
        await relay.submit("first@one.test")
        await relay.until_states(delivered=1)
        await relay.ask("queue.hold", account="7")
        for n in range(5):
            await relay.submit(f"u{n}@one.test")
        relay.store.fail("window", NO_ROOM)
        await relay.ask("queue.release", account="7")
        await relay.until_states(delivered=6)


async def test_claims_of_many_recipients_at_once_fit_into_jobs(tmp_path):
    async with Network() as network, Relay(tmp_path, network, shaping=WIDE) as relay:
        mx = await network.receiver(2)
        network.domain("one.test", mx)
        await relay.submit("first@one.test")
        await relay.until_states(delivered=1)
        await relay.quiet()
        await relay.ask("queue.hold", site="mx2.test")
        for n in range(60):
            await relay.submit(*(f"u{n}-{k}@one.test" for k in range(50)))
        await relay.ask("queue.release", site="mx2.test")
        await relay.until_states(delivered=3001)
        assert max(n for s, n in relay.store.submitted if s == "delivery_claim") <= 1_000


async def test_a_delivery_that_is_ready_again_keeps_its_last_reply(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        network.domain("one.test", await network.receiver(2))
        await relay.submit("later1@one.test")
        await relay.until_states(scheduled=1)
        claiming = relay.store.gate("delivery_claim")
        relay.advance(600)
        await relay.until(lambda: relay.store.gated)
        await relay.ask("queue.hold", account="7")
        claiming.set()
        await relay.until_states(ready=1)
        await relay.quiet()
        assert relay.row("later1@one.test")["last_reply"].startswith("450 4.2.1")
        assert relay.row("later1@one.test")["attempts"] == 1
