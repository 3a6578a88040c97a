"""What operators do to the queue: hold, release, retry, cancel, on a real store."""

import asyncio

import pytest

from mta.model.errors import PermanentError
from mta.model.traffic import DeliveryState, Gate
from mta.spool.jobs import JobBuilder
from mta.spool.rows import DeliveryFlag
from tests.integration.queue_stand import RunningPort, Stand

READY, SCHEDULED, CLAIMED, CANCELLED = (
    DeliveryState.READY,
    DeliveryState.SCHEDULED,
    DeliveryState.CLAIMED,
    DeliveryState.CANCELLED,
)
HOUR_MS = 3_600_000


@pytest.fixture
async def stand(tmp_path):
    stand = await Stand.open(tmp_path)
    yield stand
    await stand.store.close()


async def _rows(stand, deliveries):
    return [await stand.row(d) for d in deliveries]


async def _states(stand, deliveries):
    return [DeliveryState(row[26]) for row in await _rows(stand, deliveries)]


# -- flows: one row however much mail ---------------------------------------------------------


async def test_holding_a_campaign_closes_its_gate_and_tells_how_much_it_holds(stand):
    flow = await stand.flow("spring", kind="campaign")
    await stand.put(flow, 5)
    assert await stand.ask("queue.hold", campaign="spring", reason="typo") == {"changed": 5}
    assert (flow.gate, flow.gate_reason) == (Gate.HELD, "typo")
    stand.clock.advance(60)
    assert await stand.ask("queue.release", campaign="spring") == {"changed": 5}
    assert flow.gate == Gate.OPEN
    assert flow.held_ms == 60_000
    ((stored, _),) = [(f.flow, f.deliveries) for f in await _flows(stand)]
    assert (stored.gate, stored.held_ms) == (Gate.OPEN, 60_000)


async def _flows(stand):
    from mta.spool.inspection import QueueReader

    return await QueueReader(stand.store, stand.clock).flows()


async def test_holding_an_account_closes_its_streams_and_no_others(stand):
    own = [await stand.flow("a"), await stand.flow("b"), await stand.flow("c", kind="campaign")]
    other = await stand.flow("a", account=8)
    for flow in (own[0], other):
        await stand.put(flow, 2)
    port = RunningPort(stand)
    assert await stand.with_port(port).ask("queue.hold", account=7) == {"changed": 2}
    assert [f.gate for f in own] == [Gate.HELD, Gate.HELD, Gate.OPEN]  # c is over: nothing left
    assert other.gate == Gate.OPEN
    assert port.gates == [own[0].id, own[1].id]


async def test_a_flow_is_named_by_its_id_too(stand):
    flow = await stand.flow("spring", kind="campaign")
    await stand.put(flow, 3)
    assert await stand.ask("queue.hold", campaign=str(flow.id)) == {"changed": 3}


async def test_a_gate_reaches_a_flow_that_is_not_in_memory(stand):
    flow = await stand.flow("spring", kind="campaign")
    await stand.put(flow, 3)
    stand.flows.discard(flow)
    assert await stand.ask("queue.hold", campaign="spring") == {"changed": 3}
    (picked,) = await _flows(stand)
    assert picked.flow.gate == Gate.HELD


async def test_all_holds_and_releases_the_whole_queue(stand):
    flows = [await stand.flow(name) for name in "abc"]
    for flow in flows:
        await stand.put(flow, 2)
    site = await stand.site()
    await stand.ask("queue.hold", site="google")
    assert await stand.ask("queue.hold", all=True) == {"changed": 6}
    assert await stand.ask("queue.release", all=True) == {"changed": 6}
    assert [f.gate for f in flows] == [Gate.OPEN] * 3
    assert site not in await _site_holds(stand)


async def _site_holds(stand):
    from mta.spool.inspection import QueueReader

    return await QueueReader(stand.store, stand.clock).site_holds()


async def test_cancelling_a_campaign_ends_its_mail_and_what_would_still_come(stand):
    flow = await stand.flow("spring", kind="campaign")
    other = await stand.flow("summer", kind="campaign")
    mail = await stand.put(flow, 3)
    kept = await stand.put(other, 1)
    assert await stand.ask("queue.cancel", campaign="spring") == {"changed": 3}
    assert flow.gate == Gate.CANCELLED
    assert await _states(stand, mail) == [CANCELLED] * 3
    assert await _states(stand, kept) == [READY]
    assert await stand.counts(flow) == {CANCELLED: 3}


async def test_a_running_dispatcher_ends_the_mail_of_a_cancelled_campaign_itself(stand):
    flow = await stand.flow("spring", kind="campaign")
    mail = await stand.put(flow, 3)
    port = RunningPort(stand)
    assert await stand.with_port(port).ask("queue.cancel", campaign="spring") == {"changed": 3}
    assert port.gates == [flow.id]
    assert await _states(stand, mail) == [READY] * 3  # its sweeper is not part of this test


@pytest.mark.parametrize("is_running", [False, True])
async def test_cancelling_a_stream_ends_its_mail_and_leaves_it_open_for_more(stand, is_running):
    flow = await stand.flow("shop")
    mail = [*await stand.put(flow, 450), *await stand.put(flow, 1, state=SCHEDULED, due_in_s=99)]
    if is_running:
        stand.with_port(RunningPort(stand))
    assert await stand.ask("queue.cancel", account=7) == {"changed": 451}
    assert flow.gate == Gate.OPEN
    assert set(await _states(stand, mail)) == {CANCELLED}
    assert await stand.counts(flow) == {CANCELLED: 451}


# -- sites ------------------------------------------------------------------------------------


async def test_a_site_on_hold_stays_so_over_a_restart(stand):
    site = await stand.site()
    flow = await stand.flow()
    await stand.put(flow, 4, site=site)
    port = RunningPort(stand)
    stand.with_port(port)
    assert await stand.ask("queue.hold", site="google", reason="blocked") == {
        "changed": 4,
        "sites": ["google"],
    }
    assert port.held == {site: "blocked"}
    again = RunningPort(stand)
    from mta.engine.operations import QueueOperations

    after = QueueOperations(
        store=stand.store, clock=stand.clock, flows=stand.flows, sites=stand.sites, port=again
    )
    await after.restore_holds()
    assert again.held == {site: "blocked"}
    assert await after.operations["queue.release"]({"site": "google"}) == {"changed": 4}
    assert again.held == {site: ""}
    assert await _site_holds(stand) == {}


async def test_holding_a_site_counts_what_waits_for_a_retry_as_well(stand):
    site, flow = await stand.site(), await stand.flow()
    mail = await stand.put(flow, 3, site=site)
    await stand.put(flow, 2, site=await stand.site("other"))
    await stand.defer(mail[0], "451 4.3.0 later")
    assert (await stand.ask("queue.hold", site="google"))["changed"] == 3


@pytest.mark.parametrize("command", ["hold", "release", "retry", "cancel"])
async def test_a_site_that_is_nobodys_is_an_error(stand, command):
    flow = await stand.flow()
    await stand.put(flow, 2)
    with pytest.raises(PermanentError, match="no site or provider is called typo"):
        await stand.ask(f"queue.{command}", site="typo.example")
    assert await stand.counts(flow) == {READY: 2}


async def test_a_provider_stands_for_all_its_sites(stand):
    sites = [await stand.site("outlook-a", "microsoft"), await stand.site("outlook-b", "microsoft")]
    await stand.ask("queue.hold", site="microsoft")
    assert set(await _site_holds(stand)) == set(sites)


# -- single deliveries ------------------------------------------------------------------------


async def test_a_delivery_on_hold_is_seen_neither_as_due_nor_as_expired(stand):
    flow = await stand.flow()
    now_ms = stand.clock.now_ms()
    kept, other = await stand.put(flow, 2, expires_ms=now_ms + HOUR_MS)
    assert await stand.ask("queue.hold", id=str(kept.id)) == {"changed": 1}
    assert await stand.counts(flow) == {READY: 1, SCHEDULED: 1}
    stand.clock.advance(10 * 3600)
    later_ms = stand.clock.now_ms()
    assert await stand.store.read("due", now_ms=later_ms, count=9) == []
    expired = await stand.store.read(
        "expired", now_ms=later_ms, flow=0, expires_ms=0, after=0, count=9
    )
    assert [row[0] for row in expired] == [other.id]


async def test_release_gives_back_the_due_time_and_a_deadline_later_by_the_hold(stand):
    flow = await stand.flow()
    now_ms = stand.clock.now_ms()
    (waiting,) = await stand.put(
        flow, state=SCHEDULED, due_in_s=7200, expires_ms=now_ms + 5 * HOUR_MS
    )
    (ready,) = await stand.put(flow, expires_ms=now_ms + 5 * HOUR_MS)
    before = await _rows(stand, [waiting, ready])
    for delivery in (waiting, ready):
        assert await stand.ask("queue.hold", id=delivery.id) == {"changed": 1}
        assert await stand.ask("queue.hold", id=delivery.id) == {"changed": 0}
    stand.clock.advance(3600)
    port = RunningPort(stand)
    stand.with_port(port)
    for delivery in (waiting, ready):
        assert await stand.ask("queue.release", id=delivery.id) == {"changed": 1}
    after = await _rows(stand, [waiting, ready])
    assert [row[27] for row in after] == [row[27] for row in before]  # due
    assert [row[11] for row in after] == [row[11] + HOUR_MS for row in before]  # expires
    assert [row[12] & DeliveryFlag.HELD for row in after] == [0, 0]
    due = await stand.store.read("due", now_ms=stand.clock.now_ms(), count=9)
    assert [row[0] for row in due] == [ready.id]
    assert port.due == [stand.clock.now_ms()] * 2


async def test_a_message_id_means_all_its_deliveries(stand):
    flow = await stand.flow()
    mail = await stand.put(flow, 3)
    await stand.put(flow, 2)
    assert await stand.ask("queue.hold", id=mail[0].message.id) == {"changed": 3}
    assert await stand.ask("queue.release", id=mail[0].message.id) == {"changed": 3}


async def test_holding_takes_deliveries_out_of_the_dispatchers_memory(stand):
    flow = await stand.flow()
    mail = await stand.put(flow, 3)
    port = RunningPort(stand)
    await stand.with_port(port).ask("queue.hold", id=mail[0].message.id)
    assert port.withdrawn == [d.id for d in mail]


async def test_what_was_taken_for_sending_in_the_same_moment_is_not_held(stand):
    flow = await stand.flow()
    mail = await stand.put(flow, 3)
    claimed = mail[1]

    class Claiming(RunningPort):
        def withdraw(self, deliveries):
            job = JobBuilder()
            job.claim([claimed], stand.clock.now_ms())
            stand.store.submit(job.work(stand.clock.now_ms()))

    stand.with_port(Claiming(stand))
    assert await stand.ask("queue.hold", id=claimed.message.id) == {"changed": 2}
    assert await _states(stand, mail) == [SCHEDULED, CLAIMED, SCHEDULED]
    assert await stand.counts(flow) == {SCHEDULED: 2, CLAIMED: 1}


async def test_a_source_means_the_client_that_handed_the_mail_in(stand):
    flow = await stand.flow()
    mine = await stand.put(flow, 2, source="198.51.100.9")
    others = await stand.put(flow, 2)
    assert await stand.ask("queue.hold", source="198.51.100.9") == {"changed": 2}
    assert await _states(stand, [*mine, *others]) == [SCHEDULED, SCHEDULED, READY, READY]
    assert flow.gate == Gate.OPEN


async def test_selectors_together_mean_what_fits_all(stand):
    site = await stand.site()
    flow, other = await stand.flow("a"), await stand.flow("b")
    fits = await stand.put(flow, 2, site=site)
    await stand.put(flow, 2)
    await stand.put(other, 2, site=site)
    assert await stand.ask("queue.hold", site="google", campaign="a") == {"changed": 2}
    assert await _states(stand, fits) == [SCHEDULED] * 2
    assert flow.gate == Gate.OPEN
    assert await _site_holds(stand) == {}
    assert await stand.ask("queue.release", campaign="a") == {"changed": 2}


async def test_a_domain_that_is_no_site_means_mail_to_that_domain(stand):
    flow = await stand.flow()
    mail = await stand.put(flow, 2, address="u{n}@example.net")
    await stand.put(flow, 2)
    assert await stand.ask("queue.cancel", site="EXAMPLE.net") == {"changed": 2}
    assert await _states(stand, mail) == [CANCELLED] * 2


async def test_cancelled_mail_has_an_event_and_is_over(stand):
    flow = await stand.flow()
    (mail,) = await stand.put(flow)
    await stand.ask("queue.hold", id=mail.id)
    assert await stand.ask("queue.cancel", id=mail.id) == {"changed": 1}
    shown = await stand.ask("queue.show", id=mail.id)
    assert [e["type"] for e in shown["history"]] == ["message.accepted", "message.cancelled"]
    row = await stand.row(mail)
    assert not row[12] & DeliveryFlag.HELD
    assert await stand.counts(flow) == {CANCELLED: 1}


@pytest.mark.parametrize("command", ["hold", "release", "retry", "cancel"])
async def test_what_is_over_can_no_longer_be_steered_by_its_id(stand, command):
    flow = await stand.flow()
    mail = await stand.put(flow, 2)
    await stand.finish(mail[0], DeliveryState.DELIVERED, "250 ok")
    with pytest.raises(PermanentError, match=r"user0@example.org was delivered at 2027-.*250 ok"):
        await stand.ask(f"queue.{command}", id=mail[0].id)
    await stand.ask(f"queue.{command}", id=mail[0].message.id)  # the other one still waits


@pytest.mark.parametrize("source", ["shop.example", "192.0.2.0/24"])
async def test_a_source_must_be_an_address(stand, source):
    with pytest.raises(PermanentError, match="expected the IP address of a client"):
        await stand.ask("queue.hold", source=source)


async def test_a_walk_goes_on_beyond_its_pages(stand):
    flow = await stand.flow()
    for _ in range(3):
        await stand.put(flow, 401, source="198.51.100.9")
    assert await stand.ask("queue.hold", source="198.51.100.9") == {"changed": 1203}
    assert await stand.ask("queue.release", source="198.51.100.9") == {"changed": 1203}


# -- retry ------------------------------------------------------------------------------------


async def test_retry_lets_mail_that_is_ready_go_to_hosts_that_are_left_alone(stand):
    flow, site, other = (
        await stand.flow(),
        await stand.site("mx1.test"),
        await stand.site("mx2.test"),
    )
    (waiting,) = await stand.put(flow, site=site)
    await stand.put(flow, site=other)
    port = RunningPort(stand)
    assert await stand.with_port(port).ask("queue.retry", id=waiting.id) == {"changed": 0}
    assert port.insisted == [site]
    await stand.with_port(port).ask("queue.retry", all=True)
    assert sorted(port.insisted[1:]) == sorted([site, other])


async def test_retry_makes_deferred_mail_due_and_leaves_what_waits_for_its_time(stand):
    flow, site = await stand.flow(), await stand.site()
    (deferred,) = await stand.put(flow, site=site)
    await stand.defer(deferred, "451 4.3.0 later", after_s=7200)
    (planned,) = await stand.put(flow, state=SCHEDULED, due_in_s=7200)
    (kept,) = await stand.put(flow)
    await stand.defer(kept, "451 4.3.0 later")
    await stand.ask("queue.hold", id=kept.id)
    port = RunningPort(stand)
    assert await stand.with_port(port).ask("queue.retry", all=True) == {"changed": 1}
    now_ms = stand.clock.now_ms()
    assert [r[0] for r in await stand.store.read("due", now_ms=now_ms, count=9)] == [deferred.id]
    assert port.due == [now_ms]
    assert port.insisted == [site]
    assert await stand.ask("queue.retry", id=planned.id) == {"changed": 1}
    assert await stand.ask("queue.retry", id=kept.id) == {"changed": 0}
    due = await stand.store.read("due", now_ms=now_ms, count=9)
    assert {r[0] for r in due} == {deferred.id, planned.id}


# -- wrong use --------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", ["hold", "release", "retry", "cancel"])
async def test_the_whole_queue_is_changed_only_when_all_is_said(stand, operation):
    with pytest.raises(PermanentError, match="which mail"):
        await stand.ask(f"queue.{operation}")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"id": "0"}, "id = '0'"),
        ({"id": "abc"}, "id = 'abc'"),
        ({"id": "99999999999999999999"}, "id = "),
        ({"id": ["1"]}, "expected a text"),
        ({"id": "42"}, "no message or delivery has the id 42"),
        ({"account": "x"}, "account = 'x'"),
        ({"campaign": "nobody"}, "called 'nobody'"),
        ({"site": "not a site"}, "site = 'not a site'"),
    ],
)
async def test_wrong_selectors_are_told(stand, arguments, text):
    with pytest.raises(PermanentError, match=text):
        await stand.ask("queue.hold", **arguments)


async def test_changes_at_the_same_time_are_made_one_after_the_other(stand):
    flow = await stand.flow("spring", kind="campaign")
    await stand.put(flow, 2)
    await asyncio.gather(
        stand.ask("queue.hold", campaign="spring"), stand.ask("queue.release", campaign="spring")
    )
    (picked,) = await _flows(stand)
    assert picked.flow.gate == flow.gate == Gate.OPEN


async def test_a_reason_that_nobody_would_keep_is_refused_and_changes_nothing(stand):
    flow = await stand.flow("a")
    (delivery,) = await stand.put(flow, 1)
    with pytest.raises(PermanentError, match="a reason is kept for"):
        await stand.ask("queue.hold", id=str(delivery.id), reason="why not")
    assert await _states(stand, [delivery]) == [READY]
