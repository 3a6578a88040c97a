"""What comes back after a delivery changes its state once, with its counters and its event."""

import asyncio

import orjson
import pytest

from mta.bounces.classifier import Classifier
from mta.delivery.notices import DsnNotices, NoticeFlows
from mta.events.record import EVENT_TYPES
from mta.feedback.effects import Effect, FeedbackEffects, LateBounce
from mta.intake.trace import TraceWriter
from mta.model.reply import Reply
from mta.model.traffic import DeliveryState, EventType
from mta.spool.jobs import JobBuilder
from mta.spool.rows import DeliveryFlag
from tests.integration.queue_stand import Stand

UNKNOWN_USER = LateBounce(Reply.of(550, "5.1.1", "No such user"), "mx.example.org")


@pytest.fixture
async def stand(tmp_path):
    made = await Stand.open(tmp_path)
    yield made
    await made.store.close()


@pytest.fixture
def effects(stand):
    return FeedbackEffects(stand.store, stand.clock, Classifier.load())


async def delivered(stand):
    flow = await stand.flow()
    (delivery,) = await stand.put(flow)
    await stand.finish(delivery, DeliveryState.DELIVERED, "250 ok")
    return flow, delivery


async def events(stand, delivery):
    rows = await stand.store.read(
        "events_of_message", message=delivery.message.id, deliveries="[]", most=100, count=100
    )
    return [
        (EVENT_TYPES[row[1]], orjson.loads(row[7])) for row in sorted(rows) if row[6] == delivery.id
    ]


async def test_a_late_bounce_reverses_delivered(stand, effects):
    flow, delivery = await delivered(stand)
    subject = await effects.find(delivery.id)
    assert await effects.bounced(subject, UNKNOWN_USER) is Effect.DONE
    assert (await effects.find(delivery.id)).state is DeliveryState.BOUNCED
    counts = {state: n for state, n in (await stand.counts(flow)).items() if n}
    assert counts == {DeliveryState.BOUNCED: 1}
    ((kind, data),) = await events(stand, delivery)
    assert kind is EventType.BOUNCED
    assert data["late"] is True
    assert data["class"] == "bad-mailbox"
    assert data["status"] == "5.1.1"
    assert data["address"] == "user0@example.org"
    assert data["reply"] == "550 5.1.1 No such user"


async def test_an_application_hears_of_a_late_bounce_once(stand):
    """The return path is ours, so nobody else would tell it."""
    told = []
    notice_flows = NoticeFlows(stand.flows, stand.ids)
    notices = DsnNotices(
        ids=stand.ids, reserve=stand.store.reserve, trace=TraceWriter("relevo.example.org"),
        site_of=lambda _: 0, flows=notice_flows, flow_of=stand.flows.get, delay_notice_s=0,
    )  # fmt: skip
    effects = FeedbackEffects(
        stand.store, stand.clock, Classifier.load(), notices, lambda d, _: told.extend(d)
    )
    _, delivery = await delivered(stand)
    subject = await effects.find(delivery.id)
    assert await effects.bounced(subject, UNKNOWN_USER) is Effect.DONE
    assert await effects.bounced(subject, UNKNOWN_USER) is Effect.REPEATED
    (notice,) = told
    assert notice.address == "ana@sender.example"
    content = await stand.store.read_content(notice.message.ref)
    assert b"Final-Recipient: rfc822; user0@example.org" in content
    assert b"Status: 5.1.1" in content
    assert (await effects.find(notice.id)).state is DeliveryState.READY


async def test_notices_at_the_same_time_have_one_effect(stand, effects):
    flow, delivery = await delivered(stand)
    subject = await effects.find(delivery.id)
    found = await asyncio.gather(*(effects.bounced(subject, UNKNOWN_USER) for _ in range(5)))
    assert sorted(e.value for e in found) == ["done"] + ["repeated"] * 4
    assert (await stand.counts(flow))[DeliveryState.BOUNCED] == 1
    assert len(await events(stand, delivery)) == 1


async def test_what_is_under_way_cannot_bounce_late(stand, effects):
    flow = await stand.flow()
    (delivery,) = await stand.put(flow)
    subject = await effects.find(delivery.id)
    assert await effects.bounced(subject, UNKNOWN_USER) is Effect.NOT_YET
    assert await events(stand, delivery) == []


async def test_a_complaint_and_an_unsubscribe_count_once_each(stand, effects):
    _, delivery = await delivered(stand)
    subject = await effects.find(delivery.id)
    assert await effects.complained(subject, "abuse", "fbl.example") is Effect.DONE
    assert await effects.complained(subject, "abuse", "fbl.example") is Effect.REPEATED
    assert await effects.unsubscribed(subject, "mail") is Effect.DONE
    assert await effects.unsubscribed(subject, "page") is Effect.REPEATED
    assert [kind for kind, _ in await events(stand, delivery)] == [
        EventType.COMPLAINED,
        EventType.UNSUBSCRIBED,
    ]


async def test_an_unsubscribe_can_be_taken_back_and_said_again(stand, effects):
    _, delivery = await delivered(stand)
    subject = await effects.find(delivery.id)
    assert await effects.resubscribed(subject) is Effect.REPEATED
    await effects.unsubscribed(subject, "page", {"peer": "192.0.2.9", "agent": ""})
    assert await effects.resubscribed(subject) is Effect.DONE
    assert await effects.unsubscribed(subject, "page") is Effect.DONE
    kinds = [kind for kind, _ in await events(stand, delivery)]
    assert kinds == [EventType.UNSUBSCRIBED, EventType.RESUBSCRIBED, EventType.UNSUBSCRIBED]
    assert (await events(stand, delivery))[0][1]["peer"] == "192.0.2.9"


async def test_a_settlement_keeps_what_the_recipient_said_meanwhile(stand, effects):
    flow = await stand.flow()
    (delivery,) = await stand.put(flow)
    subject = await effects.find(delivery.id)
    assert await effects.unsubscribed(subject, "one-click") is Effect.DONE
    now_ms = stand.clock.now_ms()
    job = JobBuilder()
    delivery.flags = int(DeliveryFlag.UNCERTAIN)
    job.settle(delivery, DeliveryState.DELIVERED, now_ms, reply="250 ok")
    await stand.store.submit(job.work(now_ms))
    flags = (await effects.find(delivery.id)).flags
    assert flags == DeliveryFlag.UNCERTAIN | DeliveryFlag.UNSUBSCRIBED


async def test_a_delivery_that_is_gone_is_not_found(stand, effects):
    assert await effects.find(4711) is None
