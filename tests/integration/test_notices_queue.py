"""Delivery notices in the queue on disk: written with what they tell of, or not at all."""

import email

import pytest

from mta.delivery.notices import FLOW_KIND, DsnNotices, NoticeFlows
from mta.intake.trace import TraceWriter
from mta.model.errors import JobRefused
from mta.model.outcome import Outcome, OutcomeKind, Phase
from mta.model.reply import Reply
from mta.model.traffic import DeliveryState, TrafficClass
from mta.spool.flows import FlowDirectory
from mta.spool.jobs import JobBuilder
from tests.integration.queue_stand import Stand

REFUSAL = Outcome(
    OutcomeKind.BOUNCED, Reply.of(550, "5.1.1", "no"), Phase.RCPT, "mx1.example.org[192.0.2.1]"
)


@pytest.fixture
async def stand(tmp_path):
    stand = await Stand.open(tmp_path)
    yield stand
    await stand.store.close()


async def _notices(stand, directory=None):
    flows = NoticeFlows(directory or stand.flows, stand.ids)
    await flows.load(stand.store)
    return DsnNotices(
        ids=stand.ids, reserve=stand.store.reserve, trace=TraceWriter("relevo.example.net"),
        site_of=lambda _: 0, flows=flows, flow_of=stand.flows.get, delay_notice_s=14_400,
    )  # fmt: skip


def _bounce(stand, notices, delivery):
    now_ms = stand.clock.now_ms()
    job = JobBuilder()
    told = notices.settled(job, delivery, DeliveryState.BOUNCED, REFUSAL, now_ms)
    job.settle(delivery, DeliveryState.BOUNCED, now_ms, reply=str(REFUSAL.reply))
    return told, stand.store.submit(job.work(now_ms), job.contents)


async def test_a_bounce_and_its_notice_become_durable_together(stand):
    flow = await stand.flow()
    (mail,) = await stand.put(flow)
    told, committed = _bounce(stand, await _notices(stand), mail)
    await committed
    (row,) = await stand.ask("queue.list", id=told.id)
    assert (row["state"], row["recipient"], row["flow"], row["class"]) == (
        "ready", "ana@sender.example", "notices", "automated",
    )  # fmt: skip
    content = await stand.store.read_content(told.message.ref)
    assert email.message_from_bytes(content)["To"] == "<ana@sender.example>"
    shown = await stand.ask("queue.show", id=told.id)
    assert shown["message"]["sender"] == "<>"
    assert shown["message"]["flags"] == ["notice"]
    assert shown["history"][0]["data"]["about"] == str(mail.id)


async def test_a_settlement_that_is_refused_leaves_no_notice_behind(stand):
    flow = await stand.flow()
    (mail,) = await stand.put(flow)
    notices = await _notices(stand)
    mail.state = DeliveryState.CLAIMED  # the row is ready: the settlement must fail
    told, refused = _bounce(stand, notices, mail)
    with pytest.raises(JobRefused):
        await refused
    assert await stand.ask("queue.list", campaign="notices") == []
    mail.state = DeliveryState.READY
    told, committed = _bounce(stand, notices, mail)  # the flow was not made by the first job
    await committed
    assert [r["id"] for r in await stand.ask("queue.list", campaign="notices")] == [str(told.id)]


async def test_many_notices_of_one_account_share_one_flow(stand):
    flow = await stand.flow()
    notices = await _notices(stand)
    mails = await stand.put(flow, 20)
    told = [_bounce(stand, notices, mail) for mail in mails]
    for _, committed in told:
        await committed
    assert len({t.flow for t, _ in told}) == 1
    rows = await stand.store.read("flows_of_kind", kind=FLOW_KIND)
    assert len(rows) == 1


async def test_a_job_makes_the_flow_durable_once_and_so_does_the_next(stand):
    flow = await stand.flow()
    notices = await _notices(stand)
    mails = await stand.put(flow, 4)
    for pair in (mails[:2], mails[2:]):
        job = JobBuilder()
        for mail in pair:
            notices.settled(job, mail, DeliveryState.BOUNCED, REFUSAL, 1)
        (made,) = [w.rows for w in job.work(1) if w.statement == "flow_ensure"]
        assert len(made) == 1


async def test_the_flow_of_an_earlier_process_is_used_again(stand):
    flow = await stand.flow()
    first, second = await stand.put(flow, 2)
    told, committed = _bounce(stand, await _notices(stand), first)
    await committed
    later, committed = _bounce(stand, await _notices(stand, FlowDirectory()), second)
    await committed
    assert later.flow == told.flow


async def test_a_stream_of_the_same_name_does_not_stop_notices(stand):
    flow = await stand.flow()
    taken = (stand.ids.new(), 7, "notices", "application", int(TrafficClass.AUTOMATED), 1)
    job = JobBuilder()
    job.add("flow_insert", taken)
    await stand.store.submit(job.work(1))
    (mail,) = await stand.put(flow)
    told, committed = _bounce(stand, await _notices(stand), mail)
    await committed
    (row,) = await stand.store.read("flows_of_kind", kind=FLOW_KIND)
    assert row[2] == f"notices {told.flow}"
