"""A database of mail that went out, made row by row: what the evidence is gathered from."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from console.app.services import PACKAGES
from mta.store.snapshot import StoreSnapshot
from mta.store.sqlite import SqliteStore
from mta.store.statements import StatementPackage

EVERYTHING = ("mta.spool", "mta.engine", *PACKAGES)
MAIN, PRESS, TRAINING, OTHER = 11, 12, 13, 14
SENDER = "noticias@muni.gob.pe"
DELIVERED, BOUNCED, EXPIRED = (2, 10), (4, 11), (5, 12)  # event, state
REPLY = {2: "250 2.0.0 OK 7a.12 - gsmtp", 4: "550 5.1.1 No such user", 5: "451 4.7.1 Try later"}


def moment(text: str) -> int:
    """Milliseconds of an ISO moment in UTC."""
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@dataclass
class Mail:
    """Who wrote what to whom; `ends` are outcomes in turn."""

    account: int
    flow: int
    at_ms: int
    recipients: Sequence[str]
    ends: Sequence[tuple[int, int]] = (DELIVERED,)
    flags: int = 0
    sender: str = SENDER
    subject: str = "=?utf-8?q?Bolet=C3=ADn?="
    charged: bool = True


class EvidenceWorld:
    """A data directory whose rows are put in directly, and read as a command does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._db = sqlite3.connect(folder / "relevo.db")
        self._number = 0

    @classmethod
    async def open(cls, folder: Path) -> "EvidenceWorld":
        """Accounts: a main one with a sub-account and one for training, and somebody else's."""
        store = await SqliteStore.open(folder, [StatementPackage.of(name) for name in EVERYTHING])
        await store.close()
        world = cls(folder)
        for number, parent, name, kind in (
            (MAIN, None, "Municipalidad", "normal"), (PRESS, MAIN, "Prensa", "normal"),
            (TRAINING, MAIN, "Prácticas", "training"), (OTHER, None, "Otra", "normal"),
        ):  # fmt: skip
            world.put("account", id=number, parent=parent, name=name, kind=kind, state="active",
                      created_ms=0, timezone="America/Lima" if number == MAIN else "")  # fmt: skip
        world.put("quota_contract", id=1, account=MAIN, name="Contrato 7", size=100_000, days=365,
                  starts_on="2026-01-01", created_ms=0)  # fmt: skip
        world.put("quota_bag", id=2, contract=1, account=MAIN)
        world.entry(MAIN, "grant", available=100_000, at_ms=1)
        return world

    def put(self, table: str, **values: object) -> None:
        """One row."""
        names = ", ".join(f'"{name}"' for name in values)
        marks = ", ".join("?" * len(values))
        self._db.execute(
            f"INSERT INTO {table} ({names}) VALUES ({marks})",
            list(values.values()),
        )

    def entry(self, account: int, kind: str, *, at_ms: int, flow: int = 0, available: int = 0,
              reserved: int = 0, consumed: int = 0, reference: str = "") -> None:  # fmt: skip
        """A line of the ledger at its place in the chain."""
        self._number += 1
        self.put("quota_entry", at_ms=at_ms, bag=2, account=account, kind=kind,
                 available=available, reserved=reserved, consumed=consumed, flow=flow,
                 reference=reference, reason="", actor_kind="system", actor_id=0, actor_name="x",
                 seq=self._number, hash=f"{self._number:064x}")  # fmt: skip

    def campaign(self, flow: int, account: int, name: str, subject: str = "Boletín") -> None:
        """One that ended, with its flow."""
        self.flow(flow, account, name, "campaign")
        self.put("campaign", id=flow + 1, account=account, name=name, status="completed", etag=1,
                 content=json.dumps({"from_address": SENDER, "subject": subject}), audience="{}",
                 plan="{}", frozen=json.dumps({"flow": flow}), created_by_kind="user",
                 created_by=1, created_by_name="x", created_ms=0, changed_ms=0)  # fmt: skip

    def flow(self, number: int, account: int, name: str, kind: str = "application") -> None:
        """A stream."""
        self.put("flow", id=number, account=account, name=name, kind=kind, created_ms=0,
                 **{"class": 3})  # fmt: skip

    def send(self, mail: Mail) -> None:
        """A message, its deliveries, what became of them, and what they cost."""
        message = mail.at_ms * 1_000_000
        self.put("message", id=message, flow=mail.flow, account=mail.account, credential=0,
                 sender=mail.sender, segment=0, offset=0, length=9, checksum=0, flags=mail.flags,
                 ret="", envelope_id="", header_id=f"<{message}@x>", subject=mail.subject,
                 source="", tags="", metadata="")  # fmt: skip
        for n, address in enumerate(mail.recipients):
            event, state = mail.ends[n % len(mail.ends)]
            self.deliver(mail, message + 1 + n, n, address, event, state)
        count = len(mail.recipients)
        if mail.charged:
            self.put("quota_charge", message=message, bag=2, account=mail.account, n=count)
            self.entry(mail.account, "consume", at_ms=mail.at_ms, flow=mail.flow,
                       available=-count, consumed=count)  # fmt: skip

    def deliver(
        self, mail: Mail, number: int, n: int, address: str, event: int, state: int
    ) -> None:
        """One delivery and its event."""
        message, at_ms = mail.at_ms * 1_000_000, mail.at_ms + 1000 + n
        self.put("delivery", id=number, message=message, n=n, flow=mail.flow, kind=0, site=0,
                 domain=address.rpartition("@")[2], address=address, state=state, due_ms=0,
                 attempts=1, changed_ms=at_ms, last_reply=REPLY[event], last_host="mx1",
                 **{"class": 3})  # fmt: skip
        self.event(mail, number, event, at_ms)
        self._db.execute(
            "INSERT INTO flow_count VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET n = n + 1",
            (mail.flow, state),
        )

    def event(self, mail: Mail, delivery: int, event: int, at_ms: int, **data: object) -> None:
        """What happened."""
        told = {"reply": REPLY[event], "host": "mx1.example.com[192.0.2.1]", "tls": "TLSv1.3",
                "phase": "dot", **data}  # fmt: skip
        self.put("event", type=event, at_ms=at_ms, account=mail.account, flow=mail.flow,
                 message=mail.at_ms * 1_000_000, delivery=delivery, data=json.dumps(told))  # fmt: skip

    def run(self, sql: str, *values: object) -> None:
        """Any change."""
        self._db.execute(sql, values)

    def read(self) -> Iterator[StoreSnapshot]:
        """As a command reads it; a generator for fixtures."""
        self._db.commit()
        with StoreSnapshot.open(self.folder, EVERYTHING) as store:
            store.prepare()
            yield store

    def close(self) -> None:
        """End."""
        self._db.close()
