"""Lets hours and days pass for a relay under test, and looks after every step that nothing is late.

`pass_time` moves the clocks on in steps. After each it waits until what is due is ready, runs one
pass of the sweep that ends expired mail, lets every lane look at its limits, and asks the self-audit:
deliveries past their deadline must be none at any time.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from prometheus_client import CollectorRegistry

from mta.engine.gauges import QueueGauges
from mta.events.metrics import Metrics
from mta.events.record import EVENT_CODES
from mta.model.traffic import DeliveryState, EventType
from mta.spool.flows import Flow
from tests.integration.relay import Relay

MINUTE_S = 60.0
HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
PAST_DEADLINE = "relevo_deliveries_past_deadline"


class Try(NamedTuple):
    """An attempt that was put off: when, and when the next one was to be."""

    at_ms: int
    due_ms: int

    @property
    def wait_s(self) -> float:
        return (self.due_ms - self.at_ms) / 1000


async def past_deadline(relay: Relay) -> float:
    """What the self-audit says, as monitoring reads it."""
    metrics = Metrics(CollectorRegistry())
    await QueueGauges(relay.store, relay.board, metrics, relay.clock).measure()
    found = metrics.registry.get_sample_value(PAST_DEADLINE)
    assert found is not None
    return found


async def look_around(relay: Relay) -> int:
    """Everything that time brings is done now; gives how many deliveries the sweep ended."""
    now_ms = relay.clock.now_ms()
    due = "SELECT count(*) FROM delivery WHERE state = 0 AND due_ms <= ?"
    await relay.until(lambda: relay.sql(due, now_ms)[0][0] == 0, "due mail is ready")
    ended: int = await relay.dispatcher.timekeeper.expire_now()
    await relay.dispatcher.lanes.sweep_now()
    await relay.quiet()
    assert await past_deadline(relay) == 0, relay.sql("SELECT * FROM delivery WHERE state < 10")
    return ended


async def pass_time(relay: Relay, seconds: float, step_s: float = HOUR_S) -> int:
    """Let so much time pass; gives how many deliveries expired meanwhile."""
    ended = 0
    while seconds > 0.0005:
        step = min(step_s, seconds)
        relay.advance(step)
        ended += await look_around(relay)
        seconds -= step
    return ended


async def until_next_try(relay: Relay, address: str) -> None:
    """Let time pass until the delivery is due, and wait for the attempt (or for its end)."""
    before = relay.row(address)
    assert before["state"] == "scheduled", before
    relay.advance(max(0.0, (before["due_ms"] - relay.clock.now_ms()) / 1000))
    await look_around(relay)
    await relay.until(
        lambda: (
            (row := relay.row(address))["attempts"] > before["attempts"]
            or row["state"] not in {"scheduled", "ready", "claimed"}
        ),
        f"another attempt for {address}",
    )
    await relay.quiet()


def tries(relay: Relay, address: str) -> list[Try]:
    """Every attempt for an address that was put off."""
    rows = relay.sql(
        "SELECT at_ms, data ->> 'due_ms' FROM event WHERE delivery = ? AND type = ? ORDER BY id",
        relay.row(address)["id"],
        EVENT_CODES[EventType.DEFERRED],
    )
    return [Try(*row) for row in rows]


def ends(relay: Relay, address: str, kind: EventType) -> list[int]:
    """When the delivery ended so."""
    rows = relay.sql(
        "SELECT at_ms FROM event WHERE delivery = ? AND type = ?",
        relay.row(address)["id"],
        EVENT_CODES[kind],
    )
    return [at_ms for (at_ms,) in rows]


def flow_named(relay: Relay, name: str) -> Flow:
    """The flow in memory that is called so."""
    (found,) = [f for f in relay.engine.foundation.flows if f.name == name]
    return found


def counters(relay: Relay, flow: Flow) -> dict[str, int]:
    """The counters of a flow, as the console reads them."""
    rows = relay.sql("SELECT state, n FROM flow_count WHERE flow = ? AND n <> 0", flow.id)
    return {DeliveryState(state).label: n for state, n in rows}


def follows(waits_s: Sequence[float], steps_s: Sequence[float]) -> bool:
    """Whether waiting times are those of a retry schedule, ±10 %; the last step repeats."""
    wanted = [steps_s[min(n, len(steps_s) - 1)] for n in range(len(waits_s))]
    return all(
        0.9 * step - 1 <= wait <= 1.1 * step + 1 for wait, step in zip(waits_s, wanted, strict=True)
    )


def notices(receiver: Any) -> list[Any]:
    """Delivery status notifications that a receiver got, in order."""
    return [m for m in receiver.received if m.mail.startswith("MAIL FROM:<>")]
