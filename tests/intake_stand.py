"""The intake on a real store, with a clock that moves when told and a listener that remembers."""

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from mta.events.log_config import LogOutput
from mta.events.log_format import RENDERERS
from mta.events.mail_log import MailLog
from mta.intake.admission import Admission
from mta.intake.flow_lookup import FlowLookup
from mta.intake.intake import Intake
from mta.intake.ports import Receipt
from mta.intake.trace import TraceWriter
from mta.model.address import Address, parse_address
from mta.model.clock import ManualClock
from mta.model.envelope import Envelope, Identity, Origin, Recipient, Submission
from mta.model.ids import IdGenerator
from mta.model.traffic import TrafficClass
from mta.settings.delivery_schema import Queue
from mta.spool.flows import FlowDirectory
from mta.spool.rows import QueuedDelivery
from mta.store.sqlite import SqliteStore
from mta.store.statements import SqlFile, StatementPackage
from mta.store.work import ContentRef

ME = Identity(7, 70, "app", sender_domains=frozenset({"example.org"}))
ORIGIN = Origin("ESMTPSA", "192.0.2.7", "client.example.org")
CONTENT = b"From: app@example.org\r\nSubject: Hola\r\n\r\nCuerpo\r\n"
BAG_MIGRATION = "CREATE TABLE bag (account INTEGER PRIMARY KEY, available INTEGER NOT NULL);"
BAG_STATEMENTS = """
-- name: bag_put
-- order: 1
-- rows: account, available
INSERT INTO bag (account, available) SELECT value->>0, value->>1 FROM json_each(:rows);

-- name: bag_take
-- order: 6
-- key: 0
-- rows: account, number
UPDATE bag SET available = bag.available - v.n
FROM (SELECT value->>0 AS account, sum(value->>1) AS n FROM json_each(:rows) GROUP BY 1) AS v
WHERE bag.account = v.account AND bag.available >= v.n;

-- name: bag_get
SELECT available FROM bag WHERE account = :account;

-- name: test_messages
SELECT id, flow, account, credential, sender, segment, "offset", length, checksum, flags, ret, envelope_id,
       header_id, subject, source, tags, metadata FROM message ORDER BY id;

-- name: test_deliveries
SELECT id, message, n, flow, class, kind, site, domain, address, state, due_ms, expires_ms, notify, original
FROM delivery ORDER BY id;

-- name: test_flows
SELECT id, account, name, kind, class FROM flow ORDER BY id;

-- name: test_counts
SELECT flow, state, n FROM flow_count WHERE n <> 0 ORDER BY flow, state;

-- name: test_events
SELECT type, account, flow, message, data FROM event ORDER BY id;
"""
BAG = StatementPackage(
    "tests.bag", (SqlFile("bag", "", BAG_STATEMENTS),), (SqlFile("0001_bag", "", BAG_MIGRATION),)
)
MESSAGE = (
    "id", "flow", "account", "credential", "sender", "segment", "offset", "length", "checksum", "flags", "ret",
    "envelope_id", "header_id", "subject", "source", "tags", "metadata",
)  # fmt: skip
DELIVERY = (
    "id", "message", "n", "flow", "class", "kind", "site", "domain", "address", "state", "due_ms", "expires_ms",
    "notify", "original",
)  # fmt: skip


class Counters:
    """Metrics that remember."""

    def __init__(self) -> None:
        self.taken: list[tuple[TrafficClass, str, int]] = []
        self.refusals: list[tuple[str, str]] = []

    def accepted(self, traffic_class: TrafficClass, door: str, recipients: int) -> None:
        self.taken.append((traffic_class, door, recipients))

    def refused(self, door: str, reason: str) -> None:
        self.refusals.append((door, reason))


class Ready:
    """A dispatcher that remembers what it was told of."""

    def __init__(self) -> None:
        self.told: list[tuple[list[QueuedDelivery], int]] = []
        self.error: Exception | None = None

    def accepting(self, deliveries: Sequence[QueuedDelivery]) -> None:
        pass

    def refused(self, deliveries: Sequence[QueuedDelivery]) -> None:
        pass

    def accepted(self, deliveries: Sequence[QueuedDelivery], due_ms: int) -> None:
        if self.error is not None:
            raise self.error
        self.told.append((list(deliveries), due_ms))


class Suppressed:
    """Addresses nobody may write to."""

    def __init__(self) -> None:
        self.keys: set[str] = set()

    def reason(self, account_id: int, address: Address, klass: int) -> str:
        return "bounced" if address.key in self.keys else ""


class Lines:
    """A log in memory."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def write_many(self, lines: list[str]) -> None:
        self.lines += lines


class Stand:
    """An intake and all that surrounds it."""

    def __init__(
        self,
        store: SqliteStore,
        *,
        clock: ManualClock | None = None,
        adds_unsubscribe: bool = False,
        **options: Any,
    ) -> None:
        self.store = store
        self.clock = clock or ManualClock()
        self.ids = IdGenerator(clock_ns=lambda: self.clock.now_ms() * 1_000_000)
        self.directory = FlowDirectory()
        self.flows = FlowLookup(store, self.directory, self.ids, self.clock)
        self.counters = Counters()
        self.ready = Ready()
        self.suppressed = Suppressed()
        self.log = Lines()
        output = LogOutput(self.log, RENDERERS["json"], logging.INFO)  # type: ignore[arg-type]
        self.mail_log = MailLog(output, lambda _: None)
        self.intake = Intake(
            store=store,
            flows=self.flows,
            admission=Admission(
                ids=self.ids,
                trace=TraceWriter("relevo.example.org"),
                queue=Queue(),
                suppression=self.suppressed,
                site_of=lambda domain: 5 if domain == "known.example" else 0,
                reserve=store.reserve,
                adds_unsubscribe=adds_unsubscribe,
                is_foreign=lambda _, domain: domain == "other.example",
            ),
            listener=self.ready,
            clock=self.clock,
            max_hops=50,
            metrics=self.counters,
            mail_log=self.mail_log,
            **options,
        )

    async def send(self, content: bytes = CONTENT, *recipients: str, **changes: Any) -> Receipt:
        return await self.intake.submit(submission(content, *recipients, **changes))

    async def rows(self, statement: str, names: Sequence[str]) -> list[dict[str, Any]]:
        return [dict(zip(names, row, strict=True)) for row in await self.store.read(statement)]

    async def messages(self) -> list[dict[str, Any]]:
        return await self.rows("test_messages", MESSAGE)

    async def deliveries(self) -> list[dict[str, Any]]:
        return await self.rows("test_deliveries", DELIVERY)

    async def content(self) -> bytes:
        """What is stored of the last message."""
        row = (await self.messages())[-1]
        return await self.store.read_content(
            ContentRef(row["segment"], row["offset"], row["length"], row["checksum"])
        )


def submission(
    content: bytes = CONTENT,
    *recipients: str,
    identity: Identity = ME,
    sender: str | None = "app@example.org",
    origin: Origin = ORIGIN,
    key: str = "",
    **envelope: Any,
) -> Submission:
    """What a door hands over."""
    found = tuple(Recipient(parse_address(r)) for r in recipients or ("b@example.net",))
    base = Envelope(parse_address(sender) if sender else None, found)
    return Submission(identity, replace(base, **envelope), content, origin, key)


StandMaker = Callable[..., "Stand"]


@asynccontextmanager
async def open_stand(path: Path) -> AsyncIterator[StandMaker]:
    """Makes stands on one store in `path`."""
    store = await SqliteStore.open(path, [StatementPackage.of("mta.spool"), BAG])
    try:
        yield lambda **options: Stand(store, **options)
    finally:
        await store.close()


def with_fields(fields: str, content: bytes = CONTENT) -> bytes:
    """`content` with further header fields."""
    return fields.encode() + b"\r\n" + content


def code(receipt: Receipt) -> str:
    """Code and status of the reply."""
    return f"{receipt.reply.code} {receipt.reply.enhanced}"


async def nothing_is_kept(stand: Stand) -> bool:
    """Whether neither the store nor anybody else knows of a message."""
    counts = await stand.rows("test_counts", ("flow", "state", "n"))
    kept = (await stand.messages(), await stand.deliveries(), counts, stand.ready.told)
    return not any((*kept, stand.counters.taken))
