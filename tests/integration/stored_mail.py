"""A data directory with mail in it, as a server leaves it: contents, counters, all of it whole."""

from pathlib import Path

from console.app import init
from console.app.services import PACKAGES
from mta.model.clock import ManualClock
from mta.model.ids import IdGenerator
from mta.model.traffic import DeliveryState, EventType, TrafficClass
from mta.spool.jobs import JobBuilder
from mta.spool.rows import ExpiryKind, MessageFlag, QueuedDelivery, QueuedMessage
from mta.store.sqlite import SqliteStore
from mta.store.statements import StatementPackage

STATES = (DeliveryState.READY, DeliveryState.SCHEDULED, DeliveryState.DELIVERED)
ACCOUNT = 7


def content_of(number: int) -> bytes:
    """The content of the message with a number."""
    return b"Subject: %d\r\n\r\n" % number + b"line %d\r\n" % number * 100


async def make_installation(directory: Path, messages: int = 30) -> Path:
    """An installation with mail in three flows, two recipients each; gives the settings file."""
    init(directory)
    config = directory / "config" / "relevo.toml"
    data_dir = directory / "queue"
    store = await open_store(data_dir)
    clock = ManualClock()
    ids = IdGenerator(clock_ns=lambda: clock.now_ms() * 1_000_000)
    flows = [ids.new() for _ in range(3)]
    made = JobBuilder()
    for number, flow in enumerate(flows):
        klass = int(TrafficClass.TRANSACTIONAL)
        row = (flow, ACCOUNT, f"flow{number}", "application", klass, clock.now_ms())
        made.add("flow_insert", row)
    await store.submit(made.work(clock.now_ms()))
    for number in range(messages):
        await _put(store, ids, clock, flows[number % 3], number)
    await store.close()
    return config


async def open_store(data_dir: Path) -> SqliteStore:
    """The store of an installation."""
    return await SqliteStore.open(
        data_dir, [StatementPackage.of(name) for name in ("mta.spool", *PACKAGES)]
    )


async def _put(
    store: SqliteStore, ids: IdGenerator, clock: ManualClock, flow: int, number: int
) -> None:
    now_ms = clock.now_ms()
    content = store.reserve(content_of(number), number % 2)
    message = QueuedMessage(
        ids.new(), ACCOUNT, "ana@sender.example", content.ref, MessageFlag.RELAY, "", "",
        f"<{number}@sender.example>",
    )  # fmt: skip
    job = JobBuilder()
    job.insert_message(message, flow, 3, str(number), "192.0.2.7", "", "")
    for n in range(2):
        delivery = QueuedDelivery(
            ids.new(), message, n, flow, int(TrafficClass.TRANSACTIONAL),
            int(ExpiryKind.TRANSACTIONAL), 0, "example.org", f"u{number}.{n}@example.org",
        )  # fmt: skip
        delivery.state = STATES[(number + n) % 3]
        job.insert_delivery(delivery, now_ms, now_ms)
    job.event(EventType.ACCEPTED, now_ms, account=ACCOUNT, flow=flow, message=message.id, data="{}")
    await store.submit(job.work(now_ms), (content,))
