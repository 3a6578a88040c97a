"""Template messages: stored once, a row for each recipient, rendered and signed when they are sent."""

import asyncio
import datetime as dt
import json
from collections import Counter
from dataclasses import dataclass, replace
from email import message_from_bytes, policy

import dkim
import pytest

from mta.dkim.keyfiles import generate_key
from mta.dkim.records import record_text
from mta.intake.expansion import Expanded, TemplateSubmission
from mta.intake.recipients import Page, TemplateRecipient
from mta.model.address import parse_address
from mta.model.envelope import Identity
from mta.model.errors import PermanentError, StoreError
from mta.model.rendering import Occasion
from mta.spool.flows import Flow
from tests.evil.behaviour import Behaviour
from tests.integration.relay import Relay

ME = Identity(7, 1, "app", sender_domains=frozenset({"sender.test"}))
TODAY = dt.date(2026, 11, 22)
COMPILED = b"From: news@sender.test|Hello {name}"


@dataclass(frozen=True)
class PlainTemplate:
    """`From: ADDRESS|BODY`, with the values put into the body."""

    compiled: bytes

    @property
    def author(self):
        return parse_address(self.compiled.partition(b"|")[0].decode().removeprefix("From: "))

    @property
    def reply_to(self):
        return ""

    def companions(self, message: int):
        return ()

    def render(self, occasion: Occasion) -> bytes:
        head, _, body = self.compiled.decode().partition("|")
        values = json.loads(occasion.merge) if occasion.merge else {}
        if values.get("name") == "nobody":
            raise PermanentError("no such person")
        return (
            f"{head}\r\nTo: <{occasion.address}>\r\nMessage-ID: {occasion.message_id}\r\n"
            f"Date: {occasion.date}\r\n\r\n{body.format_map(values)}\r\n"
        ).encode()


class PlainRenderer:
    """Counts how often a template is parsed."""

    def __init__(self):
        self.loaded = 0

    def load(self, compiled: bytes) -> PlainTemplate:
        if not compiled.startswith(b"From:"):
            raise PermanentError("no template")
        self.loaded += 1
        return PlainTemplate(compiled)


class Listed:
    """Recipients `u0`, `u1`, … at domains in turn; the place is a number."""

    def __init__(self, count: int, *domains: str) -> None:
        self.count = count
        self.domains = domains
        self.asked: list[str] = []
        self.error_at = -1
        self.reached = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def page(self, place: str, count: int) -> Page:
        self.asked.append(place)
        start = int(place or 0)
        if start == self.error_at:
            self.reached.set()
            await self.go_on.wait()
            raise StoreError("the list cannot be read")
        end = min(self.count, start + count)
        return Page(
            [
                TemplateRecipient(
                    parse_address(f"u{n}@{self.domains[n % len(self.domains)]}"),
                    json.dumps({"name": f"person {n}"}),
                    1000 + n,
                )
                for n in range(start, end)
            ],
            str(end),
            end == self.count,
        )


def template(**changes) -> TemplateSubmission:
    made = TemplateSubmission(ME, parse_address("bounces@sender.test"), COMPILED, "News", "news")
    return replace(made, **changes)


@pytest.fixture
async def receivers(network):
    """Those of `one.test` and `two.test`."""
    both = [await network.receiver(2), await network.receiver(3)]
    network.domain("one.test", both[0])
    network.domain("two.test", both[1])
    return both


@pytest.fixture
def relay(tmp_path, network, receivers) -> Relay:
    relay = Relay(tmp_path / "relay", network)
    relay.renderer = PlainRenderer()
    return relay


async def submitted(relay: Relay, **changes) -> int:
    receipt = await relay.engine.expansion.submit(template(**changes))
    assert receipt.reply.code == 250, receipt.reply
    return receipt.message_id


async def expanded(relay: Relay, message: int, source: Listed) -> Expanded:
    """Expand in pages of ten, and expect as many deliveries in the books."""
    relay.engine.expansion._page = 10
    try:
        return await relay.engine.expansion.expand(message, source)
    finally:
        relay.accepted = relay.sql("SELECT count(*) FROM delivery")[0][0]


def mails(receivers):
    """Every mail that any receiver got, with its recipients."""
    return [
        (m.recipients, message_from_bytes(m.content, policy=policy.default))
        for receiver in receivers
        for m in receiver.received
    ]


def flow_of(relay: Relay) -> Flow:
    """The only flow that a template has."""
    ((flow,),) = relay.sql("SELECT flow FROM message")
    return relay.board.flows.get(flow)


async def test_each_recipient_gets_a_mail_of_their_own(relay, receivers):
    async with relay:
        message = await submitted(relay)
        done = await expanded(relay, message, Listed(95, "one.test", "two.test"))
        assert done == (95, True)
        await relay.until_states(delivered=95)
        got = mails(receivers)
        assert len(got) == 95
        for recipients, mail in got:
            ((recipient,),) = (recipients,)
            address = recipient.partition("<")[2].partition(">")[0]
            assert mail["To"] == address
            number = address.partition("@")[0].removeprefix("u")
            assert mail.get_content().strip() == f"Hello person {number}"
        assert len({mail["Message-ID"] for _, mail in got}) == 95
        assert (
            relay.renderer.loaded <= 1 + 2 * 2
        )  # once at the door, once in each thread and window
        assert relay.sql("SELECT count(*) FROM message") == [(1,)]
        assert await relay.engine.expansion.unfinished() == []


async def test_what_is_rendered_is_signed_as_it_goes_out(relay, receivers, tmp_path):
    keys = tmp_path / "relay" / "keys"
    keys.mkdir(mode=0o700, parents=True)
    key, _ = generate_key(keys, "sender.test", today=TODAY)
    record = record_text(key).encode()
    async with relay:
        await expanded(relay, await submitted(relay), Listed(20, "one.test"))
        await relay.until_states(delivered=20)
        for receiver in receivers:
            for mail in receiver.received:
                assert dkim.verify(mail.content, dnsfunc=lambda _, timeout=5: record)


async def test_values_that_cannot_be_rendered_bounce_that_recipient_only(relay, receivers):
    class OneIsWrong(Listed):
        async def page(self, place, count):
            page = await super().page(place, count)
            wrong = page.recipients[3]._replace(merge='{"name": "nobody"}')
            return page._replace(recipients=[*page.recipients[:3], wrong, *page.recipients[4:]])

    async with relay:
        relay.expected_errors = ("cannot be prepared",)
        await expanded(relay, await submitted(relay), OneIsWrong(9, "one.test"))
        await relay.until_states(delivered=8, bounced=1)
        assert relay.row("u3@one.test")["last_reply"] == "554 5.3.0 no such person"


async def test_a_fault_of_ours_in_rendering_is_a_delay(relay):
    async with relay:
        relay.expected_errors = ("cannot be prepared",)
        compiled = COMPILED + b" {no such value}"
        await expanded(relay, await submitted(relay, compiled=compiled), Listed(3, "one.test"))
        await relay.until_states(scheduled=3)
        assert relay.row("u0@one.test")["last_reply"].startswith("451 4.3.0")


async def test_a_second_attempt_carries_the_id_and_date_of_the_first(relay, receivers):
    receivers[0].behaviour = Behaviour(replies={"DOT": b"451 4.7.1 later\r\n"})
    async with relay:
        await expanded(relay, await submitted(relay), Listed(3, "one.test"))
        await relay.until_states(scheduled=3)
        assert len(mails(receivers)) == 3
        receivers[0].behaviour = Behaviour()
        receivers[0].drop()
        relay.advance(600)
        await relay.until_states(delivered=3)
    dates: dict[str, list[dt.datetime]] = {}
    for _, mail in mails(receivers):
        dates.setdefault(mail["Message-ID"], []).append(mail["Date"].datetime)
    assert [len(both) for both in dates.values()] == [2, 2, 2]
    for first, second in dates.values():
        assert abs(second - first) < dt.timedelta(seconds=60)  # ten minutes passed


async def test_an_expansion_waits_while_the_disk_is_low(relay, receivers):
    async with relay:
        message = await submitted(relay)
        source = Listed(30, "one.test")
        source.error_at = 20
        source.go_on.clear()
        task = asyncio.create_task(expanded(relay, message, source))
        await source.reached.wait()
        relay.engine.capacity.is_low = True
        source.error_at = -1
        source.go_on.set()
        with pytest.raises(StoreError):
            await task
        with pytest.raises(StoreError, match="storage"):
            await expanded(relay, message, source)
        assert (await relay.engine.expansion.submit(template())).reply.code == 452
        relay.engine.capacity.is_low = False
        assert await expanded(relay, message, source) == (30, True)
        await relay.until_states(delivered=30)


async def test_an_expansion_goes_on_where_a_crash_ended_it(relay, receivers):
    source = Listed(75, "one.test", "two.test")
    async with relay:
        message = await submitted(relay)
        source.error_at = 40
        with pytest.raises(StoreError):
            await expanded(relay, message, source)
        await relay.until(lambda: relay.states().total() == 40)
        await relay.quiet()
        await relay.kill()
    source.error_at = -1
    async with relay:
        assert await relay.engine.expansion.unfinished() == [message]
        assert await expanded(relay, message, source) == (75, True)
        assert await expanded(relay, message, source) == (0, True)
        await relay.until_states(delivered=75)
    assert sorted(n for (n,) in relay.sql("SELECT n FROM delivery")) == list(range(75))
    assert Counter(r[0] for r, _ in mails(receivers)).most_common(1)[0][1] == 1


async def test_a_cancelled_caller_leaves_rows_that_are_delivered(relay, receivers):
    async with relay:
        source = Listed(30, "one.test")
        source.error_at = 10
        source.go_on.clear()
        message = await submitted(relay)
        task = asyncio.create_task(expanded(relay, message, source))
        await source.reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await relay.until_states(delivered=10)


async def test_two_expansions_of_one_message_do_not_repeat_anybody(relay, receivers):
    async with relay:
        message = await submitted(relay)
        both = await asyncio.gather(
            *(expanded(relay, message, Listed(50, "one.test")) for _ in range(2)),
            return_exceptions=True,
        )
        assert sum(isinstance(result, StoreError) for result in both) == 1
        await relay.until_states(delivered=50)


async def test_domains_are_looked_up_while_preparing(relay, receivers):
    async with relay:
        message = await submitted(relay)
        await relay.dispatcher.plan_flow(flow_of(relay), not_before_ms=relay.clock.now_ms() + 9_000)
        await expanded(relay, message, Listed(40, "one.test", "two.test", "no.test"))
        sites = relay.sql(
            "SELECT domain, count(DISTINCT site), min(site) > 0 FROM delivery GROUP BY 1"
        )
        assert sites == [("no.test", 1, 0), ("one.test", 1, 1), ("two.test", 1, 1)]
        await relay.until_states(ready=27, bounced=13)
        relay.advance(10)
        await relay.until_states(delivered=27, bounced=13)


async def test_nothing_more_is_made_for_a_cancelled_flow(relay):
    async with relay:
        message = await submitted(relay)
        await relay.dispatcher.plan_flow(flow_of(relay), not_before_ms=relay.clock.now_ms() + 9_000)
        source = Listed(40, "one.test")
        source.error_at = 20
        with pytest.raises(StoreError):
            await expanded(relay, message, source)
        await relay.ask("queue.cancel", campaign="news")
        source.error_at = -1
        assert await expanded(relay, message, source) == (20, False)
        assert await relay.engine.expansion.unfinished() == []
        assert (await relay.engine.expansion.submit(template())).reply.enhanced == "5.7.0"
        await relay.until_states(cancelled=20)


async def test_a_key_stands_for_one_template_message(relay, receivers):
    async with relay:
        first = await submitted(relay, idempotency_key="c1")
        assert await submitted(relay, idempotency_key="c1") == first
        other = template(idempotency_key="c1", compiled=COMPILED + b"!")
        assert (await relay.engine.expansion.submit(other)).reply.enhanced == "5.5.4"
        await expanded(relay, first, Listed(1, "one.test"))
        await relay.until_states(delivered=1)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"compiled": b"From: news@other.test|Hello"}, "5.7.1"),
        ({"sender": parse_address("bounces@other.test")}, "5.7.1"),
        ({"compiled": b"what is this"}, "5.6.0"),
    ],
)
async def test_a_template_in_another_name_is_refused(relay, changes, status):
    async with relay:
        receipt = await relay.engine.expansion.submit(template(**changes))
        assert receipt.reply.enhanced == status
        assert relay.sql("SELECT count(*) FROM message") == [(0,)]
