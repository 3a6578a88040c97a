"""Sends that failed by our fault are put back into the bag (clause T-q)."""

import asyncio

import pytest

from console.accounts.actor import Actor, ActorKind, NotPermitted
from console.accounts.permissions import PERMISSIONS, Permission
from console.accounts.quota.faults import OwnFaults
from console.accounts.quota.refund_values import RefundScope, RefundState, Subject
from console.accounts.quota.releases import release
from console.accounts.values import Role
from console.app.resending import MailResender
from mta.model.errors import PermanentError
from mta.model.traffic import DeliveryState, EventType
from mta.spool.follower import FollowedEvent
from mta.store.work import Rows
from tests.quota_world import MAIN, OPERATOR, SUB, open_quota

ALL = frozenset(Permission)
ANA = Actor(ActorKind.USER, 1, "ana@example.org", {MAIN: ALL, SUB: ALL})
LUIS = Actor(ActorKind.USER, 2, "luis@example.org", {MAIN: ALL, SUB: ALL})
WHY = "el servidor se quedó sin disco"


@pytest.fixture
async def world(tmp_path):
    async with open_quota(tmp_path) as made:
        await made.begin(100)
        yield made
        await made.verify()


async def sent(world, *states, account=MAIN):
    """A message with a recipient in each of these states; its flow, and its deliveries."""
    to = [f"u{n}@example.net" for n in range(len(states))]
    message = (await world.send(account, *to)).message_id
    found = [d for d in await world.stand.deliveries() if d["message"] == message]
    rows = [
        (d["id"], 1, int(state), 0, 1, 5, 0, 9, 0, "", "250 ok", "")
        for d, state in zip(found, states, strict=True)
    ]
    await world.store.submit([Rows("delivery_settle", rows)])
    return found[0]["flow"], found


async def events_of(world, kind):
    rows = await world.store.read("test_events")
    return [row for row in rows if row[0] == kind]


D, B, X = DeliveryState.DELIVERED, DeliveryState.BOUNCED, DeliveryState.EXPIRED


async def test_T_q_all_sends_of_a_campaign_are_put_back_when_a_second_person_confirms(world):
    flow, _ = await sent(world, D, B, X)
    refund = await world.quota.refunds.propose(ANA, MAIN, Subject(flow=flow), WHY)
    assert (refund.state, refund.n, await world.left()) == (RefundState.PROPOSED, 3, 97)
    with pytest.raises(NotPermitted):
        await world.quota.refunds.decide(ANA, refund.id, confirm=True)
    assert await world.left() == 97
    done = await world.quota.refunds.decide(LUIS, refund.id, confirm=True)
    assert (done.state, done.given, done.confirmed_by) == (RefundState.DONE, 3, "luis@example.org")
    assert await world.left() == 100
    assert (await world.entries())[-1] == ("refund", 3, 0, 0)
    assert len(await events_of(world, 43)) == 1


async def test_T_q_only_those_that_failed_can_be_put_back(world):
    flow, _ = await sent(world, D, B, X, D)
    refund = await world.quota.refunds.propose(
        ANA, MAIN, Subject(flow=flow), WHY, scope=RefundScope.FAILED
    )
    await world.quota.refunds.decide(LUIS, refund.id, confirm=True)
    assert await world.left() == 98


async def test_T_q_a_delivery_is_put_back_once_whatever_names_it(world):
    flow, deliveries = await sent(world, D, B)
    message = deliveries[0]["message"]
    first = await world.quota.refunds.propose(ANA, MAIN, Subject(flow=flow), WHY)
    second = await world.quota.refunds.propose(ANA, MAIN, Subject(message=message), WHY)
    for refund in (first, second):
        await world.quota.refunds.decide(LUIS, refund.id, confirm=True)
    assert (await world.quota.refunds.get(ANA, second.id)).given == 0
    event = FollowedEvent(1, EventType.CANCELLED, 5, MAIN, flow, message, deliveries[0]["id"], "")
    await world.store.submit(await release([event]))
    assert await world.left() == 100
    with pytest.raises(PermanentError, match="given back before"):
        await world.quota.refunds.propose(ANA, MAIN, Subject(flow=flow), WHY)


async def test_T_q_what_was_released_is_not_put_back_again(world):
    flow, deliveries = await sent(world, D, B)
    gone = deliveries[1]
    event = FollowedEvent(1, EventType.CANCELLED, 5, MAIN, flow, gone["message"], gone["id"], "")
    await world.store.submit(await release([event]))
    refund = await world.quota.refunds.propose(ANA, MAIN, Subject(flow=flow), WHY)
    assert refund.n == 1
    await world.quota.refunds.decide(LUIS, refund.id, confirm=True)
    assert await world.left() == 100


async def test_T_q_a_time_range_holds_mail_of_sub_accounts_too(world):
    began = world.clock.now_ms()
    await sent(world, D)
    world.clock.advance(60)
    await sent(world, D, D, account=SUB)
    world.clock.advance(60)
    later = Subject(from_ms=began + 30_000, until_ms=world.clock.now_ms())
    refund = await world.quota.refunds.propose(ANA, MAIN, later, WHY)
    items = await world.quota.refunds.items(ANA, refund.id)
    assert [item.account for item in items] == [SUB, SUB]
    assert [item.address for item in items] == ["u0@example.net", "u1@example.net"]


async def test_T_q_a_rejected_refund_puts_nothing_back(world):
    flow, _ = await sent(world, D)
    refund = await world.quota.refunds.propose(ANA, MAIN, Subject(flow=flow), WHY)
    rejected = await world.quota.refunds.decide(LUIS, refund.id, confirm=False, reason="no")
    assert (rejected.state, await world.left()) == (RefundState.REJECTED, 99)


async def test_T_q_a_rejection_outlives_a_restart(tmp_path):
    async with open_quota(tmp_path) as world:
        await world.begin(100)
        flow, _ = await sent(world, D)
        number = (await world.quota.refunds.propose(ANA, MAIN, Subject(flow=flow), WHY)).id
        (asked,) = world.approvals.waiting(LUIS)
        await world.approvals.reject(LUIS, asked.id, "fue culpa del remitente")
    async with open_quota(tmp_path) as world:
        refund = await world.quota.refunds.get(ANA, number)
        assert (refund.state, refund.decided_by) == (RefundState.REJECTED, LUIS.name)
        assert (refund.decision, refund.confirmed_by) == ("fue culpa del remitente", "")


async def test_T_q_a_proposal_that_nobody_decided_on_has_lapsed_and_can_be_proposed_again(world):
    flow, _ = await sent(world, D, B)
    refunds = world.quota.refunds
    number = (await refunds.propose(ANA, MAIN, Subject(flow=flow), WHY)).id
    with pytest.raises(PermanentError, match="has not lapsed"):
        await refunds.propose_again(LUIS, number)
    world.clock.advance(8 * 86_400)
    assert (await refunds.get(ANA, number)).state is RefundState.LAPSED
    assert [r.id for r in await refunds.list(ANA, states=[RefundState.LAPSED])] == [number]
    with pytest.raises(PermanentError, match="lapsed: nothing is to be decided"):
        await refunds.decide(LUIS, number, confirm=True)
    again = await refunds.propose_again(LUIS, number)
    assert (again.state, again.proposed_by, again.n) == (RefundState.PROPOSED, LUIS.name, 2)
    with pytest.raises(NotPermitted):  # who proposes it now is who does not confirm it
        await refunds.decide(LUIS, number, confirm=True)
    assert (await refunds.decide(ANA, number, confirm=True)).given == 2


async def test_T_q_what_a_command_proposed_a_person_confirms(world):
    flow, _ = await sent(world, D)
    made = await world.quota.refunds.propose(OPERATOR, MAIN, Subject(flow=flow), WHY)
    with pytest.raises(NotPermitted, match="second person"):
        await world.quota.refunds.decide(OPERATOR, made.id, confirm=True)
    assert (await world.quota.refunds.decide(LUIS, made.id, confirm=True)).given == 1


async def test_T_q_who_proposed_may_take_it_back_and_no_other_without_the_permission(world):
    sender = PERMISSIONS[Role.SENDER]
    one, two = (Actor(ActorKind.USER, n, f"p{n}", {MAIN: sender}) for n in (5, 6))
    flow, _ = await sent(world, D)
    made = await world.quota.refunds.propose(one, MAIN, Subject(flow=flow), WHY)
    for confirm in (True, False):
        with pytest.raises(NotPermitted):
            await world.quota.refunds.decide(two, made.id, confirm=confirm, reason="no")
    with pytest.raises(PermanentError, match="say why not"):
        await world.quota.refunds.decide(one, made.id, confirm=False)
    taken = await world.quota.refunds.decide(one, made.id, confirm=False, reason="me equivoqué")
    assert taken.state is RefundState.REJECTED


async def test_T_q_the_count_is_known_before_it_is_proposed(world):
    flow, deliveries = await sent(world, D, B, X)
    log, subject = world.quota.refund_log, Subject(flow=flow)
    assert await log.preview(ANA, MAIN, subject, RefundScope.ALL) == {D: 1, B: 1, X: 1}
    assert await log.preview(ANA, MAIN, subject, RefundScope.FAILED) == {B: 1, X: 1}
    batch = Subject(message=deliveries[0]["message"])
    made = await world.quota.refunds.propose(ANA, MAIN, batch, WHY)
    assert await log.states(ANA, made.id) == {D: 1, B: 1, X: 1}
    await world.quota.refunds.decide(LUIS, made.id, confirm=True)
    assert await log.preview(ANA, MAIN, subject, RefundScope.ALL) == {}


async def test_T_q_a_refund_that_a_crash_interrupted_goes_on_and_counts_nothing_twice(world):
    flow, deliveries = await sent(world, D, D, B)
    refund = await world.quota.refunds.propose(ANA, MAIN, Subject(flow=flow), WHY)
    part = (refund.id, 0, deliveries[1]["id"])
    await world.store.submit(
        [Rows("quota_refund_state", [(refund.id, "proposed", "confirmed", "l", 0)])]
    )
    booked = (*part, world.clock.now_ms(), WHY, "l")
    await world.store.submit(
        [
            Rows("quota_refund_advance", [part], expect=1),
            Rows("quota_refund_give", [booked]),
            Rows("quota_refund_mark", [part]),
        ]
    )
    await asyncio.gather(world.quota.refunds.carry_on(), world.quota.refunds.carry_on())
    done = await world.quota.refunds.get(ANA, refund.id)
    assert (done.state, done.given, await world.left()) == (RefundState.DONE, 3, 100)


async def test_T_q_training_and_free_mail_has_nothing_to_put_back(world):
    receipt = await world.send(MAIN, is_free=True)
    with pytest.raises(PermanentError):
        await world.quota.refunds.propose(OPERATOR, MAIN, Subject(message=receipt.message_id), WHY)


async def test_who_may_not_propose_is_told_so(world):
    viewer = Actor(ActorKind.USER, 3, "eva", {MAIN: frozenset({Permission.QUOTA_VIEW})})
    with pytest.raises(NotPermitted):
        await world.quota.refunds.propose(viewer, MAIN, Subject(flow=1), WHY)


def fault(delivery, kind, data):
    return FollowedEvent(
        1, kind, 5, MAIN, delivery["flow"], delivery["message"], delivery["id"], data
    )


async def test_T_q_relevo_proposes_by_itself_what_failed_by_its_own_fault(world):
    _, (broken, late, refused, tried) = await sent(world, B, X, B, X)
    faults = OwnFaults(world.store, world.quota.refunds)
    for _ in range(2):  # the follower may hand in the same events again
        work = await faults.handle(
            [
                fault(broken, EventType.BOUNCED, '{"phase":"local","reply":"554 5.3.0"}'),
                fault(late, EventType.EXPIRED, '{"phase":"local","attempts":0}'),
                fault(refused, EventType.BOUNCED, '{"phase":"rcpt"}'),
                fault(tried, EventType.EXPIRED, '{"phase":"local","attempts":3}'),
            ]
        )
        await world.store.submit(work)
    (refund,) = await world.quota.refunds.list(OPERATOR)
    assert (refund.proposed_by, refund.n, refund.state) == ("system", 2, RefundState.PROPOSED)
    await world.quota.refunds.decide(OPERATOR, refund.id, confirm=True)
    assert await world.left() == 98


async def test_T_q_a_proposal_of_relevo_itself_can_be_decided_after_its_request_lapsed(world):
    _, (broken,) = await sent(world, B)
    faults = OwnFaults(world.store, world.quota.refunds)
    await world.store.submit(
        await faults.handle([fault(broken, EventType.BOUNCED, '{"phase":"local"}')])
    )
    (refund,) = await world.quota.refunds.list(OPERATOR)
    world.clock.advance(8 * 86_400)
    await world.quota.refunds.decide(LUIS, refund.id, confirm=True)
    assert await world.left() == 100


async def test_T_q_what_is_put_back_can_be_sent_again_out_of_the_bag_and_once(world):
    _, deliveries = await sent(world, D, B)
    message = deliveries[0]["message"]
    world.quota.refunds.resender = MailResender(world.store, world.stand.intake, lambda: None)
    refund = await world.quota.refunds.propose(
        ANA, MAIN, Subject(message=message), WHY, scope=RefundScope.FAILED, resend=True
    )
    done = await world.quota.refunds.decide(LUIS, refund.id, confirm=True)
    assert (done.given, done.sent_again) == (1, 1)
    again = [d for d in await world.stand.deliveries() if d["message"] != message]
    assert [d["address"] for d in again] == ["u1@example.net"]
    assert await world.left() == 98  # two, one back, one taken again
    await world.quota.refunds.resender.resend(done, await world.quota.refunds.items(ANA, done.id))
    assert await world.left() == 98
