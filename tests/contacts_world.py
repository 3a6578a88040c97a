"""Contacts, uploads and audiences over a real store; files as people's programs write them."""

import io
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import xlsxwriter

from console.accounts.actor import Actor
from console.accounts.audit.chain import ChainKey
from console.accounts.audit.trail import AuditTrail
from console.contacts.audiences import AudienceService
from console.contacts.importing import Importer
from console.contacts.lists import ContactService
from console.contacts.optin.service import OptinService
from console.contacts.optin.tokens import OptinTokens
from console.contacts.removal import UploadRemoval
from console.contacts.segments.service import SegmentService
from console.contacts.uploads import Preview, UploadService
from console.contacts.values import ColumnMapping, Upload
from mta.model.clock import ManualClock
from mta.model.ids import IdGenerator
from mta.store.sqlite import SqliteStore
from mta.store.statements import StatementPackage

OPERATOR = Actor.command()
ACCOUNT = 7
PACKAGES = (
    "mta.spool", "console.accounts", "console.accounts.audit", "console.contacts",
    "console.contacts.optin", "console.contacts.segments", "console.tracking",
)  # fmt: skip


def workbook(*rows: Sequence[Any], hidden: Sequence[Sequence[Any]] = ()) -> bytes:
    """An XLSX file; `hidden` are rows of a hidden first sheet."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_urls": False})
    for name, cells in (("Oculta", hidden), ("Hoja1", rows)):
        if not cells:
            continue
        sheet = book.add_worksheet(name)
        for n, row in enumerate(cells):
            for m, cell in enumerate(row):
                sheet.write(n, m, cell)
        if name == "Oculta":
            sheet.hide()
    if hidden:
        book.get_worksheet_by_name("Hoja1").activate()
        book.get_worksheet_by_name("Hoja1").set_first_sheet()
    book.close()
    return out.getvalue()


def filtered(people: int, hidden: range) -> bytes:
    """A workbook as a filter leaves it."""
    out = io.BytesIO()
    made = xlsxwriter.Workbook(out, {"in_memory": True})
    sheet = made.add_worksheet()
    sheet.write_row(0, 0, ["correo", "nombre", "clave"])
    for n in range(1, people + 1):
        sheet.write_row(n, 0, [f"p{n}@example.org", f"Persona {n}", "x"])
    for n in hidden:
        sheet.set_row(n, None, None, {"hidden": True})
    sheet.set_column(2, 2, None, None, {"hidden": True})
    made.close()
    return out.getvalue()


class ContactWorld:
    """The services, and what stands behind them."""

    def __init__(self, store: SqliteStore, folder: Path) -> None:
        self.store = store
        self.clock = ManualClock()
        self.ids = IdGenerator(clock_ns=lambda: self.clock.now_ms() * 1_000_000)
        trail = AuditTrail(store, self.ids, self.clock, ChainKey(b"k" * 32))
        self.uploads = UploadService(store, self.ids, self.clock, trail, folder / "uploads")
        self.used: set[int] = set()  # audiences that a campaign needs

        async def is_used(_account: int, audience: int) -> bool:
            return audience in self.used

        self.removal = UploadRemoval(
            store, self.clock, trail, self.uploads, kept_s=90 * 86_400.0, is_used=is_used
        )
        self.suppressed: set[str] = set()
        self.segments = SegmentService(store, self.ids, self.clock, trail, ZoneInfo("America/Lima"))
        self.audiences = AudienceService(store, self.ids, self.clock, self.segments)
        self.contacts = ContactService(store, self.ids, self.clock, trail)
        self.optin = OptinService(
            store, self.ids, self.clock, trail, OptinTokens(b"o" * 32),
            lambda _account, address, _klass: "bounced" if address in self.suppressed else "",
        )  # fmt: skip
        self.restart()

    def restart(self) -> None:
        """What a new process has."""
        self.importer = Importer(
            self.store, self.ids, self.clock, self.uploads,
            lambda _account, address, _klass: "bounced" if address in self.suppressed else "",
        )  # fmt: skip

    async def receive(self, data: bytes, name: str = "lista.csv", size: int = 1000) -> Upload:
        """Upload it in pieces."""

        async def chunks() -> AsyncIterator[bytes]:
            for n in range(0, len(data), size):
                yield data[n : n + size]

        return await self.uploads.receive(OPERATOR, ACCOUNT, name, chunks())

    async def read(self, data: bytes, name: str = "lista.csv", **options: Any) -> Upload:
        """Upload it, take the guessed columns, and read it to its end."""
        upload = await self.receive(data, name)
        preview = await self.uploads.preview(OPERATOR, upload.id)
        await self.uploads.start(OPERATOR, upload.id, mapping_of(preview, **options))
        await self.importer.read_all()
        return await self.uploads.get(OPERATOR, upload.id)

    async def rows(self, audience: int) -> list[dict[str, Any]]:
        """The values of all rows."""
        found = await self.store.read("audience_rows", audience=audience, first=0, count=10_000)
        return [json.loads(row[2]) for row in found]


def mapping_of(preview: Preview, **options: Any) -> ColumnMapping:
    """The guessed columns."""
    email = next((c.place for c in preview.columns if c.is_email), -1)
    fields = {c.field: c.place for c in preview.columns if not c.is_email}
    return ColumnMapping(email, fields, preview.has_header, preview.sheet, **options)


@asynccontextmanager
async def open_contacts(folder: Path) -> AsyncIterator[ContactWorld]:
    """Open the store in `folder`."""
    store = await SqliteStore.open(folder, [StatementPackage.of(name) for name in PACKAGES])
    try:
        yield ContactWorld(store, folder)
    finally:
        await store.close()
