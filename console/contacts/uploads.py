"""Files that people upload: received, looked at, confirmed, and what became of their rows."""

import asyncio
import hashlib
import json
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from console.accounts.actor import Actor, NotVisible
from console.accounts.audit.trail import AuditTrail
from console.accounts.permissions import Permission
from console.contacts.files import peek
from console.contacts.files.child import REJECTED
from console.contacts.files.columns import Column, guess, has_header
from console.contacts.files.sniffing import FileKind, UnreadableFile
from console.contacts.files.tables import Sheet
from console.contacts.values import ColumnMapping, Upload, UploadState
from mta.model.clock import Clock
from mta.model.errors import JobRefused, PermanentError
from mta.model.ids import IdGenerator
from mta.store.base import Store
from mta.store.work import Rows

MAX_BYTES = 200_000_000
FILE = "file"  # the name of every file, in a folder of its own
MAX_NAME = 200
MAX_FIELDS = 200
SHOWN_ROWS = 10
PIECE = 500  # rows of a download at a time
LAST = 2**62


class UnusableUpload(PermanentError):
    """The file or its mapping cannot be taken; `reason` is the key of what is told."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Preview:
    """The beginning of a file, as it would be read."""

    sheets: Sequence[Sheet]
    sheet: str
    has_header: bool
    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]  # without the header
    hidden_rows: int = 0  # of a workbook
    hidden_columns: Sequence[int] = ()  # places


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that is not in the audience."""

    row: int
    column: int
    value: str
    reason: str
    hint: str


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """The same with all cells of the row, as far as they are kept."""

    reject: Reject
    cells: Sequence[str]

    def shown(self, width: int) -> list[str]:
        """So many cells; where none are kept, at least the one that was wrong."""
        cells = [*self.cells, *[""] * width][:width]
        if not self.cells and self.reject.column <= width:
            cells[self.reject.column - 1] = self.reject.value
        return cells


class UploadService:
    """All uploads of all accounts."""

    def __init__(
        self, store: Store, ids: IdGenerator, clock: Clock, trail: AuditTrail, folder: Path
    ) -> None:
        """`folder`: where files are kept, in the data directory."""
        self._store = store
        self._ids = ids
        self._clock = clock
        self._trail = trail
        self._folder = folder
        self.on_start: Callable[[], None] = lambda: None  # something is to be read

    def folder_of(self, upload: int) -> Path:
        """Where the file of an upload and what was read of it lie."""
        return self._folder / str(upload)

    async def get(self, actor: Actor, upload: int) -> Upload:
        """One of them. Raises `NotVisible`."""
        found = await self._store.read("upload_by_id", upload=upload)
        if found and actor.may(Permission.CONTACT_VIEW, found[0][1]):
            return Upload.of(found[0])
        raise NotVisible(f"there is no upload {upload}")

    async def list(
        self, actor: Actor, account: int = 0, *, before: int = LAST, count: int = 25
    ) -> list[Upload]:
        """Those that the actor sees, of one account if given, the newest first, before an id."""
        if account:
            actor.require(Permission.CONTACT_VIEW, account)
        accounts = [account] if account else actor.accounts(Permission.CONTACT_VIEW)
        found = await self._store.read(
            "upload_page",
            before=before,
            count=count,
            accounts=None if accounts is None else json.dumps(sorted(accounts)),
        )
        return [Upload.of(row) for row in found]

    async def rejects(
        self, actor: Actor, upload: int, *, after: int = 0, count: int = 100
    ) -> Sequence[Reject]:
        """Rows that are not in the audience, in the order of the file."""
        await self.get(actor, upload)
        found = await self._store.read("upload_rejects", upload=upload, after=after, count=count)
        return [Reject(*row) for row in found]

    async def rejected(self, actor: Actor, upload: int) -> AsyncIterator[Sequence[RejectedRow]]:
        """Pieces of all rows that are not in the audience, with their cells, to be corrected."""
        found = await self.get(actor, upload)
        actor.require(Permission.CONTACT_EDIT, found.account)
        path = self.folder_of(upload) / REJECTED
        places = await asyncio.to_thread(_places, path)
        after = 0
        while page := await self.rejects(actor, upload, after=after, count=PIECE):
            rows = [one.row for one in page]
            cells = await asyncio.to_thread(_cells, path, [places.get(n, -1) for n in rows])
            yield [RejectedRow(one, shown) for one, shown in zip(page, cells, strict=True)]
            after = rows[-1]

    async def receive(
        self, actor: Actor, account: int, name: str, chunks: AsyncIterator[bytes]
    ) -> Upload:
        """Keep a file as it comes in. Raises `UnusableUpload` for what can be no list of people."""
        actor.require(Permission.CONTACT_EDIT, account)
        upload = self._ids.new()
        folder = self.folder_of(upload)
        await asyncio.to_thread(folder.mkdir, parents=True, mode=0o700)
        path = folder / FILE
        try:
            size, digest = await _write(path, chunks)
            kind, names = await peek.look(path)
        except UnreadableFile as error:
            await self._discard(upload)
            raise UnusableUpload(str(error)) from None
        except BaseException:
            await self._discard(upload)
            raise
        shown = _file_name(name)
        document = json.dumps({**asdict(kind), "sheets": [asdict(sheet) for sheet in names]})
        row = (
            upload, account, shown, size, digest, UploadState.RECEIVED.value, document,
            actor.name, self._clock.now_ms(),
        )  # fmt: skip
        told = {"name": shown, "size": size, "sha256": digest}
        entry = self._trail.entry(actor, "upload.received", account, upload, after=told)
        await self._store.submit([Rows("upload_insert", [row], expect=1), entry])
        return await self.get(actor, upload)

    async def preview(
        self, actor: Actor, upload: int, *, sheet: str = "", header: bool | None = None
    ) -> Preview:
        """The first rows with the guessed columns. Raises `UnusableUpload`."""
        found = await self.get(actor, upload)
        kind = kind_of(found)
        names = [Sheet(**one) for one in found.kind["sheets"]]
        chosen = sheet or next((one.name for one in names if not one.is_hidden), "")
        if kind.is_workbook and chosen not in {one.name for one in names}:
            raise UnusableUpload("no_sheet")
        path = self.folder_of(upload) / FILE
        try:
            seen = await peek.first_rows(path, kind, chosen, 2 * SHOWN_ROWS + 1)
        except UnreadableFile as error:
            raise UnusableUpload(str(error)) from None
        first = seen.rows
        head, others = (first[0], first[1:]) if first else ([], [])
        is_headed = has_header(head, others) if header is None else header
        columns = guess(head, others, header=is_headed)
        shown = others[:SHOWN_ROWS] if is_headed else first[:SHOWN_ROWS]
        return Preview(
            names, chosen, is_headed, columns, shown, seen.hidden_rows, seen.hidden_columns
        )

    async def start(self, actor: Actor, upload: int, mapping: ColumnMapping) -> Upload:
        """Read it with these columns, in the background. Raises `UnusableUpload`."""
        found = await self.get(actor, upload)
        actor.require(Permission.CONTACT_EDIT, found.account)
        if found.state is not UploadState.RECEIVED and not found.is_over:
            raise UnusableUpload("under_way")
        if mapping.email < 0 or mapping.keep not in ("first", "last"):
            raise UnusableUpload("no_email")
        if len(mapping.fields) > MAX_FIELDS or not all(
            0 < len(name) <= 100 and name.isprintable() for name in mapping.fields
        ):
            raise UnusableUpload("bad_fields")
        if mapping.save_as_list:
            lists = await self._store.read("list_by_id", list=mapping.save_as_list)
            if not lists or lists[0][1] != found.account:
                raise UnusableUpload("no_list")
        if mapping.continues:
            before = await self.get(actor, mapping.continues)
            is_other = before.account == found.account and before.id != found.id
            if not is_other or before.state is not UploadState.READY:
                raise UnusableUpload("no_base")
        await self._move(found, UploadState.READING, options=asdict(mapping))
        self.on_start()
        return await self.get(actor, upload)

    async def _move(self, upload: Upload, state: UploadState, *, options: dict[str, Any]) -> None:
        row = (
            upload.id, upload.state.value, state.value, "", json.dumps(options), "{}", "[]", 0,
            self._clock.now_ms(),
        )  # fmt: skip
        try:
            await self._store.submit([Rows("upload_state", [row], expect=1)])
        except JobRefused:
            raise UnusableUpload("under_way") from None

    async def _discard(self, upload: int) -> None:
        folder = self.folder_of(upload)

        def remove() -> None:
            for path in folder.glob("*"):
                path.unlink(missing_ok=True)
            folder.rmdir()

        await asyncio.to_thread(remove)


def headers_of(upload: Upload) -> list[str]:
    """What the columns of rejected rows are called: those that were read, by their place."""
    options: Mapping[str, Any] = upload.options
    places = {place: name for name, place in options.get("fields", {}).items()}
    places[int(options.get("email", 0))] = "email"
    return [places.get(n, f"columna_{n + 1}") for n in range(max(places) + 1)]


def kind_of(upload: Upload) -> FileKind:
    """How its file is read."""
    kind = upload.kind
    return FileKind(kind["is_workbook"], kind["encoding"], kind["separator"])


async def _write(path: Path, chunks: AsyncIterator[bytes]) -> tuple[int, str]:
    """Size and SHA-256 of what was written and synced."""
    size, digest = 0, hashlib.sha256()
    file = await asyncio.to_thread(path.open, "xb")
    try:
        async for chunk in chunks:
            size += len(chunk)
            if size > MAX_BYTES:
                raise UnusableUpload("too_big")
            digest.update(chunk)
            await asyncio.to_thread(file.write, chunk)
        await asyncio.to_thread(_sync, file)
    finally:
        await asyncio.to_thread(file.close)
    return size, digest.hexdigest()


def _sync(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())


def _places(path: Path) -> dict[int, int]:
    """Where the line of each row begins; lines are in any order."""
    found, place = {}, 0
    if path.exists():
        with path.open("rb") as file:
            for line in file:
                found[int(line[1 : line.index(b",")])] = place
                place += len(line)
    return found


def _cells(path: Path, places: Sequence[int]) -> list[Sequence[str]]:
    """The cells of some lines; none for a place below 0."""
    if not path.exists():
        return [()] * len(places)
    with path.open("rb") as file:
        found: list[Sequence[str]] = []
        for place in places:
            if place < 0:
                found.append(())
                continue
            file.seek(place)
            found.append(orjson.loads(file.readline())[5])
        return found


def _file_name(name: str) -> str:
    """The last part of a name that came from outside, readable and short."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(c for c in last if c.isprintable()).strip()[:MAX_NAME] or "archivo"
