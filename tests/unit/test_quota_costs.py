"""What costs how much (clause T-o), line by line, through the real door."""

import asyncio

import pytest

from console.accounts.quota.releases import release
from console.accounts.quota.replies import EXHAUSTED, EXPIRED, NOT_FOR_TRAINING, PENDING
from mta.model.address import parse_address
from mta.model.envelope import Recipient
from mta.model.traffic import EventType
from mta.spool.follower import FollowedEvent
from tests.intake_stand import code
from tests.quota_world import (
    LONE,
    MAIN,
    OPERATOR,
    OTHER,
    SUB,
    TRAINING,
    identity_of,
    open_quota,
)

TO = Recipient(parse_address("b@example.net"))


@pytest.fixture
async def world(tmp_path):
    async with open_quota(tmp_path) as made:
        yield made
        await made.verify()


async def test_T_o_one_accepted_recipient_costs_one(world):
    await world.begin(100)
    assert (
        code(await world.send(MAIN, "b@example.net", "c@example.net", "d@example.net"))
        == "250 2.0.0"
    )
    assert await world.left() == 97
    assert (await world.entries())[-1] == ("consume", -3, 0, 3)


async def test_T_o_the_same_recipient_twice_in_a_message_costs_one(world):
    await world.begin(100)
    await world.send(MAIN, "b@example.net", "b@example.net")
    assert await world.left() == 99


async def test_T_o_mail_of_sub_accounts_is_taken_out_of_the_same_bag(world):
    await world.begin(100)
    await world.send(SUB, "b@example.net")
    await world.send(OTHER, "b@example.net", "c@example.net")
    assert await world.left() == 97


async def test_T_o_mail_of_the_system_costs_nothing(world):
    await world.begin(100)
    assert code(await world.send(MAIN, is_free=True)) == "250 2.0.0"
    assert await world.left() == 100


async def test_T_o_mail_of_test_keys_costs_nothing(world):
    await world.begin(100)
    assert code(await world.send(MAIN, is_test=True)) == "250 2.0.0"
    assert await world.left() == 100


async def test_T_o_the_same_submission_again_costs_nothing(world):
    await world.begin(100)
    first = await world.send(MAIN, key="k")
    assert await world.send(MAIN, key="k") == first
    assert await world.left() == 99


async def test_T_o_what_is_suppressed_at_the_door_costs_nothing(world):
    await world.begin(100)
    world.stand.suppressed.keys = {"b@example.net", "c@example.net"}
    await world.send(MAIN, "b@example.net", "d@example.net")
    await world.send(MAIN, "c@example.net")
    assert await world.left() == 99


def ended(kind, delivery, message, flow, attempts):
    data = f'{{"attempts":{attempts}}}'
    return FollowedEvent(1, kind, 5, MAIN, flow, message, delivery, data)


@pytest.mark.parametrize("kind", [EventType.CANCELLED, EventType.SUPPRESSED])
async def test_T_o_what_ends_before_its_first_attempt_is_given_back_once(world, kind):
    await world.begin(100)
    message = (await world.send(MAIN, "b@example.net", "c@example.net")).message_id
    first, second = await world.stand.deliveries()
    events = [ended(kind, d["id"], message, d["flow"], 0) for d in (first, first, second)]
    await world.store.submit(await release(events))
    await world.store.submit(await release(events[:1]))
    assert await world.left() == 100
    assert (await world.entries())[-1] == ("release", 2, 0, -2)


async def test_T_o_what_was_attempted_stays_consumed(world):
    await world.begin(100)
    message = (await world.send(MAIN)).message_id
    (delivery,) = await world.stand.deliveries()
    event = ended(EventType.CANCELLED, delivery["id"], message, delivery["flow"], 1)
    assert await release([event]) == ()
    assert await world.left() == 99


async def test_T_o_recipients_suppressed_at_the_door_are_not_given_back_later(world):
    await world.begin(100)
    world.stand.suppressed.keys = {"b@example.net"}
    message = (await world.send(MAIN, "b@example.net", "c@example.net")).message_id
    event = FollowedEvent(1, EventType.SUPPRESSED, 5, MAIN, 1, message, 0, '{"deliveries":["7"]}')
    assert await release([event]) == ()
    assert await world.left() == 99


async def test_T_o_mail_that_cost_nothing_gives_nothing_back(world):
    await world.begin(100)
    message = (await world.send(MAIN, is_test=True)).message_id
    (delivery,) = await world.stand.deliveries()
    event = ended(EventType.CANCELLED, delivery["id"], message, delivery["flow"], 0)
    await world.store.submit(await release([event]))
    assert await world.left() == 100


async def test_T_p_training_mail_costs_nothing_and_goes_only_to_its_list(world):
    await world.begin(100)
    await world.quota.training.allow(OPERATOR, TRAINING, "Alumna@Example.net")
    assert code(await world.send(TRAINING, "alumna@example.net")) == "250 2.0.0"
    assert (
        await world.send(TRAINING, "alumna@example.net", "b@example.net")
    ).reply == NOT_FOR_TRAINING
    assert world.stand.intake.check_recipient(identity_of(TRAINING), TO, 1) == NOT_FOR_TRAINING
    await world.quota.training.disallow(OPERATOR, TRAINING, "alumna@example.net")
    assert (await world.send(TRAINING, "alumna@example.net")).reply == NOT_FOR_TRAINING
    assert await world.left() == 100
    assert await world.entries() == [("grant", 100, 0, 0)]


async def test_T_p_training_mail_is_marked(world):
    await world.quota.training.allow(OPERATOR, TRAINING, "b@example.net")
    await world.send(TRAINING, "b@example.net")
    assert b"X-Training: 1\r\n" in await world.stand.content()
    await world.send(MAIN, "b@example.net")
    assert b"X-Training" not in await world.stand.content()


async def test_T_p_training_works_while_the_contract_is_pending(world):
    await world.begin(100, starts="")
    await world.quota.training.allow(OPERATOR, TRAINING, "b@example.net")
    assert code(await world.send(TRAINING, "b@example.net")) == "250 2.0.0"
    assert (await world.send(MAIN)).reply == PENDING


async def test_without_a_contract_nothing_is_metered(world):
    await world.begin(1)
    for _ in range(3):
        assert code(await world.send(LONE, "b@example.net", "c@example.net")) == "250 2.0.0"
    assert await world.quota.ledger.page(OPERATOR, LONE) == []


async def test_T_o_an_exhausted_bag_refuses_at_rcpt_and_at_the_end_of_the_data(world):
    await world.begin(2)
    door = world.stand.intake
    assert door.check_recipient(identity_of(MAIN), TO, 2) is None
    assert door.check_recipient(identity_of(MAIN), TO, 3) == EXHAUSTED
    assert (
        await world.send(MAIN, "b@example.net", "c@example.net", "d@example.net")
    ).reply == EXHAUSTED
    assert await world.left() == 2
    await world.send(MAIN, "b@example.net", "c@example.net")
    await world.quota.meter.refresh()
    assert door.check_recipient(identity_of(SUB), TO, 1) == EXHAUSTED


async def test_T_s_outside_of_its_term_a_contract_takes_nothing(world):
    await world.begin(10, starts="2027-01-16", days=2)
    door = world.stand.intake
    assert door.check_recipient(identity_of(MAIN), TO, 1) == PENDING
    world.clock.advance(86_400)
    assert code(await world.send(MAIN)) == "250 2.0.0"
    world.clock.advance(2 * 86_400)
    assert door.check_recipient(identity_of(SUB), TO, 1) == EXPIRED
    assert (await world.send(MAIN)).reply == EXPIRED
    assert await world.left() == 9


async def test_T_o_many_submissions_at_once_never_overdraw(world):
    await world.begin(25)
    await world.stand.flows.find(MAIN, 1, "app", "application")
    receipts = await asyncio.gather(
        *(world.send(MAIN, "b@example.net", "c@example.net") for _ in range(60))
    )
    assert sorted(code(r) for r in receipts) == ["250 2.0.0"] * 12 + ["552 5.2.2"] * 48
    assert await world.left() == 1
    assert sum(e[3] for e in await world.entries()) == 24


async def test_one_commit_of_many_messages_is_one_entry_of_the_ledger(world):
    await world.begin(100)
    await world.send(MAIN)
    before = len(await world.entries())
    await asyncio.gather(*(world.send(MAIN) for _ in range(40)))
    entries = (await world.entries())[before:]
    assert sum(e[3] for e in entries) == 40
    assert len(entries) < 10
