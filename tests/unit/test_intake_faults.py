"""Submissions at the same time, repeated, out of quota or on a failing store: nothing in between."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from mta.intake.admission import draft
from mta.intake.intake import KEY_REUSED, RATE_EXCEEDED, STORE_FAILED
from mta.intake.ports import Receipt
from mta.model.address import parse_address
from mta.model.envelope import Envelope, Identity, Origin, Recipient, Submission
from mta.model.errors import InternalError, StoreError, StoreFailed
from mta.model.reply import Reply
from mta.model.traffic import DeliveryState, Gate, TrafficClass
from mta.store.base import Store
from mta.store.work import Content, Rows
from tests.intake_stand import (
    CONTENT,
    ME,
    Stand,
    StandMaker,
    code,
    nothing_is_kept,
    open_stand,
    submission,
    with_fields,
)

EXHAUSTED = Reply.of(552, "5.2.2", "Quota exhausted")


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[StandMaker]:
    async with open_stand(tmp_path) as maker:
        yield maker


@pytest.fixture
async def stand(make: StandMaker) -> Stand:
    return make()


# Flows


async def test_first_submissions_at_the_same_time_make_one_flow(stand):
    content = with_fields("X-Relevo-Campaign: Navidad")
    receipts = await asyncio.gather(*(stand.send(content) for _ in range(50)))
    assert {code(r) for r in receipts} == {"250 2.0.0"}
    assert len({r.message_id for r in receipts}) == 50
    ((flow, account, name, kind, _),) = await stand.store.read("test_flows")
    assert (account, name, kind) == (7, "Navidad", "campaign")
    assert await stand.store.read("test_counts") == [(flow, DeliveryState.READY, 50)]


async def test_flows_differ_by_account_class_and_name(stand):
    other = Identity(8, 80, "app", frozenset({"example.org"}))
    contents = ["X-A: b", "X-Relevo-Class: automated", "X-Relevo-Campaign: x"]
    for identity in (ME, other):
        for fields in contents:
            await stand.send(with_fields(fields), identity=identity)
    assert len(await stand.store.read("test_flows")) == 6


async def test_a_flow_of_an_earlier_process_is_found(make):
    await make().send()
    again = make()
    again.clock.advance(1)
    await again.send()
    assert len(await again.store.read("test_flows")) == 1
    assert {m["flow"] for m in await again.messages()} == {
        (await again.store.read("test_flows"))[0][0]
    }


async def test_a_flow_that_another_writer_makes_meanwhile_is_used(stand):
    row = (1, 7, "app", "application", int(TrafficClass.TRANSACTIONAL), 0)
    found = stand.flows.find(7, TrafficClass.TRANSACTIONAL, "app", "application")
    await stand.store.submit([Rows("flow_insert", [row], expect=1)])
    assert (await found).id in {1, *(r[0] for r in await stand.store.read("test_flows"))}
    assert len(await stand.store.read("test_flows")) == 1


# Idempotency


async def test_the_same_key_and_message_is_carried_out_once(stand):
    content = with_fields("X-Relevo-Idempotency-Key: order-4711")
    first = await stand.send(content)
    again = await stand.send(b"Message-ID: <other@example.org>\r\n" + content)
    assert first == again
    assert code(first) == "250 2.0.0"
    assert len(await stand.messages()) == len(stand.ready.told) == len(stand.counters.taken) == 1


async def test_the_same_key_for_another_message_is_refused(stand):
    await stand.send(key="k")
    assert (await stand.send(CONTENT + b"more\r\n", key="k")).reply == KEY_REUSED
    assert (await stand.send(CONTENT, "c@example.net", key="k")).reply == KEY_REUSED
    assert len(await stand.messages()) == 1


async def test_duplicates_at_the_same_time_get_one_id(stand):
    await stand.send()
    receipts = await asyncio.gather(
        *(stand.send(key="k") for _ in range(20)), *(stand.send() for _ in range(5))
    )
    assert len({r.message_id for r in receipts[:20]}) == 1
    assert {code(r) for r in receipts} == {"250 2.0.0"}
    assert len(await stand.messages()) == 1 + 1 + 5


async def test_keys_belong_to_accounts(stand):
    other = Identity(8, 80, "app", frozenset({"example.org"}))
    first, second = await stand.send(key="k"), await stand.send(key="k", identity=other)
    assert first.message_id != second.message_id


# Policy


class Bag:
    """A quota kept in a table."""

    def __init__(self) -> None:
        self.refusal: Reply | None = None
        self.at_rcpt: Reply | None = None
        self.charged: list[int] = []

    def check_recipient(self, identity: Identity, count: int) -> Reply | None:
        return self.at_rcpt

    def admit(
        self, identity: Identity, flow: int, message_id: int, charged: int, now_ms: int
    ) -> Reply | Sequence[Rows]:
        self.charged.append(charged)
        row = (identity.account_id, charged)
        return self.refusal or [Rows("bag_take", [row], expect=1)]

    def guard_refusal(self, identity: Identity, charged: int) -> Reply:
        return EXHAUSTED


async def with_bag(make: StandMaker, available: int) -> tuple[Stand, Bag]:
    bag = Bag()
    stand = make(policy=bag)
    await stand.store.submit([Rows("bag_put", [(7, available)])])
    return stand, bag


async def left(stand: Stand) -> Any:
    return (await stand.store.read("bag_get", account=7))[0][0]


async def test_a_quota_is_charged_with_the_message_for_recipients_not_suppressed(make):
    stand, bag = await with_bag(make, 5)
    stand.suppressed.keys = {"b@example.net"}
    await stand.send(CONTENT, "b@example.net", "c@example.net", "d@example.net", "d@example.net")
    assert (bag.charged, await left(stand)) == ([2], 3)


async def test_an_empty_bag_refuses_with_the_policys_words_and_nothing_is_kept(make):
    stand, _ = await with_bag(make, 1)
    receipt = await stand.send(CONTENT, "b@example.net", "c@example.net")
    assert receipt == Receipt(EXHAUSTED)
    assert await left(stand) == 1
    assert await nothing_is_kept(stand)
    assert stand.counters.refusals == [("smtp", "5.2.2")]


async def test_a_bag_is_never_overdrawn_by_submissions_at_the_same_time(make):
    stand, _ = await with_bag(make, 10)
    await stand.flows.find(7, TrafficClass.TRANSACTIONAL, "app", "application")
    receipts = await asyncio.gather(*(stand.send() for _ in range(30)))
    assert sorted(code(r) for r in receipts) == ["250 2.0.0"] * 10 + ["552 5.2.2"] * 20
    assert await left(stand) == 0
    assert len(await stand.messages()) == 10


async def test_a_duplicate_is_not_charged_again_even_from_an_empty_bag(make):
    stand, _ = await with_bag(make, 1)
    first = await stand.send(key="k")
    assert await stand.send(key="k") == first
    assert await left(stand) == 0
    assert (await stand.send(key="other")).reply == EXHAUSTED
    assert (await stand.send(CONTENT + b"x\r\n", key="k")).reply == KEY_REUSED


async def test_a_policy_may_refuse_outright(make):
    stand, bag = await with_bag(make, 5)
    bag.refusal = Reply.of(552, "5.2.2", "Quota expired")
    assert (await stand.send()).reply == bag.refusal
    bag.at_rcpt = EXHAUSTED
    recipient = Recipient(parse_address("b@example.net"))
    assert stand.intake.check_recipient(ME, recipient, 1) == EXHAUSTED
    assert await nothing_is_kept(stand)


async def test_the_rate_of_a_credential_is_refused_at_rcpt(stand):
    slow = Identity(7, 70, "app", frozenset({"example.org"}), rate_per_minute=3)
    recipient = Recipient(parse_address("b@example.net"))
    refusals = [stand.intake.check_recipient(slow, recipient, n + 1) for n in range(5)]
    assert refusals == [None, None, None, RATE_EXCEEDED, RATE_EXCEEDED]
    stand.clock.advance(20)
    assert stand.intake.check_recipient(slow, recipient, 1) is None
    assert all(stand.intake.check_recipient(ME, recipient, n) is None for n in range(1, 1000))


# Faults


class Faulty:
    """A store whose writes fail."""

    def __init__(self, store: Store, error: Exception) -> None:
        self._store = store
        self.error: Exception | None = error
        self.fails_reading = False

    def submit(
        self, work: Sequence[Rows], contents: Sequence[Content] = (), *, bulk: bool = False
    ) -> "asyncio.Future[None]":
        if self.error is None:
            return self._store.submit(work, contents, bulk=bulk)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.set_exception(self.error)
        return future

    async def read(self, statement: str, /, **params: object) -> list[tuple[Any, ...]]:
        if self.fails_reading:
            raise StoreError("too slow")
        return await self._store.read(statement, **params)


def break_store(stand: Stand, error: Exception) -> Faulty:
    faulty = Faulty(stand.store, error)
    stand.intake._store = faulty
    stand.flows._store = faulty
    return faulty


@pytest.mark.parametrize("is_flow_known", [True, False])
async def test_a_store_error_is_451_and_nothing_is_kept(stand, is_flow_known):
    if is_flow_known:
        await stand.flows.find(7, TrafficClass.TRANSACTIONAL, "app", "application")
    faulty = break_store(stand, StoreError("no room"))
    receipts = await asyncio.gather(*(stand.send(key=k) for k in ("", "k")))
    assert {r.reply for r in receipts} == {STORE_FAILED}
    assert await nothing_is_kept(stand)
    assert stand.counters.refusals == [("smtp", "4.3.0")] * 2
    faulty.error = None
    assert code(await stand.send(key="k")) == "250 2.0.0"


async def test_a_look_up_that_fails_is_451(stand):
    first = await stand.send(key="k")
    faulty = break_store(stand, StoreError("x"))
    faulty.error, faulty.fails_reading = None, True
    assert (await stand.send(key="k")).reply == STORE_FAILED
    assert (await stand.send(with_fields("X-Relevo-Campaign: new"))).reply == STORE_FAILED
    faulty.fails_reading = False
    assert await stand.send(key="k") == first


@pytest.mark.parametrize(
    "error", [InternalError("a bug"), RuntimeError("a bug"), StoreFailed("EIO")]
)
async def test_whatever_fails_is_answered_and_bugs_are_reported(stand, error):
    reported: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
    await stand.send()
    break_store(stand, error)
    assert (await stand.send()).reply == STORE_FAILED
    assert [c["exception"] for c in reported] == ([] if isinstance(error, StoreError) else [error])


async def test_a_policy_that_breaks_is_answered(make):
    bag = Bag()
    stand = make(policy=bag)
    bag.charged = None  # type: ignore[assignment]
    reported: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
    assert (await stand.send()).reply == STORE_FAILED
    assert (await stand.send()).reply == STORE_FAILED
    assert len(reported) == 2


async def test_a_durable_message_is_acknowledged_even_if_the_dispatcher_breaks(stand):
    reported: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
    stand.ready.error = RuntimeError("a bug")
    assert code(await stand.send()) == "250 2.0.0"
    assert len(await stand.messages()) == 1
    assert len(reported) == 1


async def test_a_client_that_goes_away_does_not_undo_its_message(stand):
    await stand.send()
    future = stand.intake.submit(submission(CONTENT + b"second\r\n"))
    future.cancel()
    await stand.send()
    assert len(await stand.messages()) == 3
    assert len(stand.ready.told) == 3


async def test_capacity_is_asked_at_mail(make):
    low = Reply.of(452, "4.3.1", "Disk space is low")
    assert make(capacity=lambda: low).intake.check_capacity() == low
    assert make().intake.check_capacity() is None


async def test_closing_waits_for_look_ups(stand):
    found = stand.flows.find(7, TrafficClass.TRANSACTIONAL, "late", "application")
    await stand.flows.close()
    assert found.done()
    await stand.flows.close()


async def test_mail_of_a_cancelled_campaign_is_refused_not_taken_and_cancelled(stand):
    content = with_fields("X-Relevo-Campaign: Navidad")
    await stand.send(content)
    (flow,) = list(stand.directory)
    flow.gate = Gate.CANCELLED
    receipt = await stand.send(content)
    assert code(receipt) == "554 5.7.0"
    assert "'Navidad' was cancelled" in receipt.reply.text
    assert len(await stand.messages()) == 1


def test_what_is_logged_of_a_submission_does_not_hold_the_mail() -> None:
    submission = Submission(
        Identity(1, 1, "app", any_sender=True),
        Envelope(parse_address("a@sender.test"), (Recipient(parse_address("b@one.test")),)),
        b"From: a@sender.test\r\n\r\nvery private\r\n",
        Origin("HTTP", "127.0.0.1"),
    )
    read = draft(submission, max_hops=50, now_ms=1)
    assert "private" not in repr(submission)
    assert "private" not in repr(read)
