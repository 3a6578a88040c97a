"""Everything at once, at random: at the end all mail is final, once, and the books balance."""

import asyncio
import random
from contextlib import suppress

import pytest

from mta.delivery import board, refill
from mta.model.errors import JobRefused, PermanentError, StoreError
from mta.model.traffic import TrafficClass
from mta.scheduler import stream
from tests.evil.behaviour import Behaviour
from tests.integration.relay import Relay
from tests.integration.relay_network import Network, Receiver

SHAPING = """\
[default]
connections_start = 2
connections_max = 5
messages_per_connection = 9
idle_timeout = "1s"
[[provider]]
name = "big"
mx = ["*.big.test"]
samples = ["a.big.test"]
"""
STATEMENTS = (
    "delivery_claim", "delivery_settle", "delivery_site", "delivery_promote", "window", "due",
    "unresolved_rows", "site_insert", "next_due", "read_content", "flow_open_rows", "expired",
)  # fmt: skip
LOCALS = ("u",) * 9 + ("later", "bounce", "many")
EXPIRE = {f"QUEUE__EXPIRE__{k}": "2h" for k in ("TRANSACTIONAL", "AUTOMATED", "CAMPAIGN")}


class Storm:
    """Does something at random, again and again."""

    def __init__(self, relay: Relay, receivers: list[Receiver], seed: int) -> None:
        self.relay = relay
        self.receivers = receivers
        self.random = random.Random(seed)
        self.count = 0
        self.promised: set[int] = set()
        self.domains = ["a.test", "b.test", "c.test", "d.test", "lost.test"]
        self.campaigns = ["news", "offers", "sale"]

    async def blow(self, steps: int) -> None:
        actions = (
            [self.submit] * 12 + [self.hold, self.release] * 2 + [self.fail] * 3
            + [self.hold_site, self.release_site, self.cancel, self.advance, self.move]
            + [self.drop, self.forget, self.expire, self.breathe, self.cancel_one, self.hold_one]
        )  # fmt: skip
        for _ in range(steps):
            # An operator's name may be nobody's yet, or the store may just fail his command.
            with suppress(PermanentError, StoreError):
                await self.random.choice(actions)()

    async def submit(self) -> None:
        pick = self.random
        tasks = []
        for _ in range(pick.randint(1, 12)):
            self.count += 1
            campaign = pick.choice(("", *self.campaigns))
            klass = TrafficClass.CAMPAIGN if campaign else TrafficClass(pick.randint(0, 2))
            size = pick.choice((1, 1, 1, 3, 8))
            recipients = [
                f"{pick.choice(LOCALS)}{self.count * 100 + n}@{pick.choice(self.domains)}"
                for n in range(size)
            ]
            tasks.append(
                self.relay.hand_in(
                    *recipients, klass=klass, campaign=campaign, account=pick.randint(1, 3)
                )
            )
        self.promised.update(await asyncio.gather(*tasks))

    async def hold(self) -> None:
        await self.relay.ask("queue.hold", account=str(self.random.randint(1, 3)))

    async def release(self) -> None:
        await self.relay.ask("queue.release", account=str(self.random.randint(1, 3)))

    async def hold_site(self) -> None:
        await self.relay.ask("queue.hold", site=self.random.choice(("big", "mx2.test")))

    async def release_site(self) -> None:
        await self.relay.ask("queue.release", site=self.random.choice(("big", "mx2.test")))

    async def cancel(self) -> None:
        if self.random.random() < 0.2:
            number = self.random.randrange(len(self.campaigns))
            name, self.campaigns[number] = self.campaigns[number], f"next{self.count}"
            await self.relay.ask("queue.cancel", campaign=name)

    async def cancel_one(self) -> None:
        await self.relay.ask("queue.cancel", id=str(self.some_message()))

    async def hold_one(self) -> None:
        await self.relay.ask("queue.hold", id=str(self.some_message()))

    def some_message(self) -> int:
        rows = self.relay.sql("SELECT message FROM delivery WHERE state < 10 LIMIT 50")
        return self.random.choice(rows)[0] if rows else 1

    async def advance(self) -> None:
        self.relay.advance(self.random.choice((1, 30, 400, 3000)))

    async def move(self) -> None:
        """A domain gets another host."""
        name = self.random.choice(("c.test", "d.test"))
        self.relay.network.domain(name, self.random.choice(self.receivers))

    async def fail(self) -> None:
        error = self.random.choice((StoreError("disk full"), JobRefused("a guard failed")))
        statement = self.random.choice(STATEMENTS)
        if statement in {"delivery_claim", "delivery_promote"} or not isinstance(error, JobRefused):
            self.relay.store.fail(statement, error)

    async def drop(self) -> None:
        self.random.choice(self.receivers).drop()

    async def forget(self) -> None:
        self.relay.board.forget_idle()

    async def expire(self) -> None:
        await self.relay.dispatcher.timekeeper.expire_now()

    async def breathe(self) -> None:
        await self.relay.pulse.next()


@pytest.fixture
def little_memory(monkeypatch) -> None:
    """Windows and bounds so small that everything goes over the disk."""
    monkeypatch.setattr(board, "MAX_LOADED", 60)
    monkeypatch.setattr(board, "MAX_CONTENT_BYTES", 6_000)
    monkeypatch.setattr(refill, "LEAST", 2)
    monkeypatch.setattr(refill, "RETRY_S", 0.02)
    monkeypatch.setattr(stream, "WINDOW_FIRST", 3)
    monkeypatch.setattr(stream, "WINDOW_MAX", 12)
    for module in ("arrivals", "domains", "rerouting", "sending", "settlement", "timekeeper"):
        monkeypatch.setattr(f"mta.delivery.{module}.RETRY_S", 0.02)


async def world(network: Network) -> list[Receiver]:
    """Three servers with their whims, and domains that share them in different ways."""
    receivers = [
        await network.receiver(2, Behaviour(max_recipients=3)),
        await network.receiver(3, Behaviour(max_messages=4)),
        await network.receiver(4),
    ]
    for name, receiver in zip("abc", receivers, strict=True):
        network.dns.set(f"{name}.big.test", A=receiver.host)
    network.domain("a.test", "a.big.test")
    network.domain("b.test", "b.big.test", "c.big.test")
    network.domain("c.test", receivers[0])
    network.domain("d.test", receivers[0], network.dead(9), preferences=(20, 10))
    return receivers


@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize("seed", range(4))
async def test_in_a_storm_every_mail_ends_once(tmp_path, seed):
    async with Network() as network:
        relay = Relay(tmp_path, network, shaping=SHAPING, QUEUE__RETRY="60s,20m", **EXPIRE)
        relay.expected_errors = ("message cannot be prepared",)
        receivers = await world(network)
        async with relay:
            await Storm(relay, receivers, seed).blow(120)
            await calm(relay)
            check(relay, receivers)


@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize("seed", range(2))
async def test_in_a_storm_with_crashes_what_was_promised_ends(tmp_path, seed):
    async with Network() as network:
        relay = Relay(tmp_path, network, shaping=SHAPING, QUEUE__RETRY="60s,20m", **EXPIRE)
        relay.expected_errors = ("message cannot be prepared",)
        receivers = await world(network)
        storm = Storm(relay, receivers, seed)
        for _ in range(3):
            async with relay:
                await storm.blow(40)
                await relay.kill()
            for receiver in receivers:
                receiver.drop()
            (relay.accepted,) = relay.sql(
                "SELECT count(*) FROM delivery JOIN message AS m ON m.id = message "
                "WHERE NOT m.flags & 4"
            )[0]
        async with relay:
            await calm(relay)
            check(relay, receivers)
            stored = {m for (m,) in relay.sql("SELECT id FROM message")}
            assert storm.promised <= stored, "250 was said, and it is gone"


async def calm(relay: Relay) -> None:
    """No more trouble: hold nothing, fail nothing, let time pass until all mail is final."""
    relay.store.heal()
    await relay.ask("queue.release", all=True)
    for _ in range(30):
        await relay.quiet()
        await relay.until(lambda: not busy(relay), "all that is ready goes")
        if not open_rows(relay):
            return
        relay.advance(1800)
        await relay.dispatcher.timekeeper.expire_now()
    left = relay.sql(
        "SELECT address, state, due_ms, attempts, expires_ms, flags, last_reply FROM delivery "
        "WHERE state < 10 LIMIT 5"
    )
    raise AssertionError(f"mail is left: {relay.states()} {left} at {relay.clock.now_ms()}")


def open_rows(relay: Relay) -> int:
    states = relay.states()
    return states["ready"] + states["claimed"] + states["scheduled"]


def busy(relay: Relay) -> int:
    states = relay.states()
    return states["ready"] + states["claimed"]


def check(relay: Relay, receivers: list[Receiver]) -> None:
    taken = [r for receiver in receivers for r in receiver.recipients]
    delivered = {a for (a,) in relay.sql("SELECT address FROM delivery WHERE state = 10")}
    assert delivered <= set(taken)
    (uncertain,) = relay.sql("SELECT count(*) FROM event WHERE data LIKE '%\"uncertain\":true%'")[0]
    assert len(taken) - len(set(taken)) <= uncertain, "sent twice"
