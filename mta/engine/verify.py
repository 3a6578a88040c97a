"""Looks for damage: is everything there that the database says, and is it what was stored?

Runs beside a working server or on a stopped one, in a process of its own, and changes nothing.
Rows and counters are compared inside one moment of the database; contents are read piece by piece
with short looks at it, so that a long check does not make the writer's log grow. What the server
changes meanwhile (it moves contents, it removes old segments) is looked at again before it is
called damage.
"""

import os
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from mta.model.errors import ConfigurationError, ContentDamaged, StoreError
from mta.spool.rows import MessageFlag
from mta.store.content import read_place
from mta.store.database import DATABASE_NAME
from mta.store.snapshot import StoreSnapshot
from mta.store.work import ContentRef

PAGE = 2_000  # messages between two looks at the database
SHOWN = 100  # findings of one kind; damage that is everywhere need not be told a million times

Progress = Callable[[str, int, int], None]  # what is looked at, how much is done, of how much


class Severity(StrEnum):
    """Whether something has to be done."""

    DAMAGE = "damage"  # mail or its bookkeeping is not as it was stored
    WARNING = "warning"  # works, but should not be so


class Subject(StrEnum):
    """What a finding is about."""

    DATABASE = "database"
    CONTENT = "content"
    SEGMENT = "segment"
    COUNTER = "counter"
    ROW = "row"
    PERMISSION = "permission"
    CHAIN = "chain"  # rows that a keyed chain of hashes protects


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be."""

    severity: Severity
    subject: Subject
    text: str
    remedy: str = ""
    message: int | None = None
    segment: int | None = None


@dataclass(slots=True)
class Verification:
    """What was looked at and what was found."""

    findings: list[Finding] = field(default_factory=list)
    messages: int = 0  # contents compared with their checksums
    content_bytes: int = 0
    deliveries: int = 0
    segments: int = 0
    database_bytes: int = 0
    seconds: float = 0.0

    @property
    def is_sound(self) -> bool:
        """No damage; there may be warnings."""
        return not any(f.severity is Severity.DAMAGE for f in self.findings)


class _Use(NamedTuple):
    segment: int
    sealed: int
    end: int


RESTORE = "restore a backup (`relevo restore`), or go on without it"
REBUILD = (
    "stop the server and restore a backup; without one, `sqlite3 relevo.db .recover` saves what can "
    "be read (docs/howto/backup.md)"
)
RECOUNT = "tell the authors: a counter is changed in the same transaction as what it counts"


def verify(data_dir: Path, packages: Sequence[str], progress: Progress) -> Verification:
    """Look at everything. Raises `ConfigurationError` when there is no store of this release."""
    return _Verifier(data_dir, packages, progress).run()


class _Verifier:
    def __init__(self, data_dir: Path, packages: Sequence[str], progress: Progress) -> None:
        self._data_dir = data_dir
        self._packages = packages
        self._progress = progress
        self._report = Verification()
        self._shown: dict[Subject, int] = {}

    def run(self) -> Verification:
        began_s = time.monotonic()
        self._permissions()
        with StoreSnapshot.open(self._data_dir, self._packages) as store:
            try:
                store.prepare()
            except StoreError as error:
                self._add(Subject.DATABASE, str(error), REBUILD)
            else:
                self._database(store)
                self._guarded(self._books, store)
                self._guarded(self._contents, store)
        self._report.seconds = time.monotonic() - began_s
        for subject, count in self._shown.items():
            if count > SHOWN:
                self._report.findings.append(
                    Finding(Severity.DAMAGE, subject, f"{count - SHOWN} more of this kind")
                )
        return self._report

    def _guarded(self, look: Callable[[StoreSnapshot], None], store: StoreSnapshot) -> None:
        try:
            look(store)
        except StoreError as error:  # a page is damaged where the question led
            self._add(Subject.DATABASE, f"cannot be read to the end: {error}", REBUILD)

    def _add(
        self,
        subject: Subject,
        text: str,
        remedy: str = "",
        *,
        severity: Severity = Severity.DAMAGE,
        message: int | None = None,
        segment: int | None = None,
    ) -> None:
        self._shown[subject] = self._shown.get(subject, 0) + 1
        if self._shown[subject] <= SHOWN:
            finding = Finding(severity, subject, text, remedy, message, segment)
            self._report.findings.append(finding)

    # -- files ---------------------------------------------------------------------------------

    def _permissions(self) -> None:
        try:
            owner = self._data_dir.stat().st_uid
        except OSError as error:
            raise ConfigurationError(f"{self._data_dir}: {error.strerror}") from None
        for path in self._files():
            try:
                status = path.stat()
            except FileNotFoundError:
                continue  # removed by the server in this moment
            self._permission(path, status, owner)

    def _files(self) -> Iterator[Path]:
        yield self._data_dir
        for suffix in ("", "-wal", "-shm"):
            yield self._data_dir / f"{DATABASE_NAME}{suffix}"
        content = self._data_dir / "content"
        if content.is_dir():
            yield content
            yield from sorted(content.glob("*.seg"))

    def _permission(self, path: Path, status: os.stat_result, owner: int) -> None:
        needed = stat.S_IRWXU if stat.S_ISDIR(status.st_mode) else stat.S_IRUSR | stat.S_IWUSR
        mode = f"{stat.S_IMODE(status.st_mode):04o}"
        if status.st_uid != owner:
            text = f"{path}: belongs to user {status.st_uid}, the data directory to user {owner}"
            self._add(Subject.PERMISSION, text, f"chown {owner} {path}")
        if status.st_mode & needed != needed:
            text = f"{path}: mode {mode} keeps the server out"
            self._add(Subject.PERMISSION, text, f"chmod {needed:o} {path}")
        elif status.st_mode & 0o077:
            self._add(
                Subject.PERMISSION,
                f"{path}: mode {mode} lets others in",
                f"chmod {needed:o} {path}",
                severity=Severity.WARNING,
            )

    # -- the database --------------------------------------------------------------------------

    def _database(self, store: StoreSnapshot) -> None:
        size = (self._data_dir / DATABASE_NAME).stat().st_size
        self._report.database_bytes = size
        self._progress("database", 0, size)
        for problem in store.integrity():
            self._add(Subject.DATABASE, f"{DATABASE_NAME}: {problem}", REBUILD)
        self._progress("database", size, size)

    def _books(self, store: StoreSnapshot) -> None:
        questions = (self._counters, self._live, self._lone, self._places)
        self._progress("counters", 0, len(questions))
        with store.moment():
            ((_, self._report.deliveries, _),) = store.rows("verify_sizes")
            for number, ask in enumerate(questions, 1):
                ask(store)
                self._progress("counters", number, len(questions))

    def _counters(self, store: StoreSnapshot) -> None:
        for flow, state, counted, found in store.rows("verify_counters"):
            text = f"flow {flow}, state {state}: {counted} deliveries counted, {found} are there"
            self._add(Subject.COUNTER, text, RECOUNT)

    def _live(self, store: StoreSnapshot) -> None:
        for segment, counted, found in store.rows("verify_live"):
            text = f"segment {segment}: {counted} deliveries counted as open, {found} are there"
            self._add(Subject.COUNTER, text, RECOUNT, segment=segment)

    def _lone(self, store: StoreSnapshot) -> None:
        for delivery, message in store.rows("verify_lone_deliveries", count=SHOWN):
            self._add(Subject.ROW, f"delivery {delivery}: its message {message} is gone", RESTORE)
        for (message,) in store.rows(
            "verify_lone_messages", template=int(MessageFlag.TEMPLATE), count=SHOWN
        ):
            text = f"message {message} has no deliveries"
            self._add(Subject.ROW, text, RESTORE, message=message)
        for (flow,) in store.rows("verify_lone_flows", count=SHOWN):
            self._add(Subject.ROW, f"flow {flow} is gone, its deliveries are there", RESTORE)

    def _places(self, store: StoreSnapshot) -> None:
        for message, segment in store.rows("verify_foreign_segments", count=SHOWN):
            text = f"message {message}: its segment {segment} is unknown"
            self._add(Subject.ROW, text, RESTORE, message=message, segment=segment)
        for delivery, message, segment in store.rows("verify_removed_segments", count=SHOWN):
            text = f"delivery {delivery} is open, but its content (segment {segment}) was removed"
            self._add(Subject.ROW, text, RESTORE, message=message, segment=segment)

    # -- contents ------------------------------------------------------------------------------

    def _contents(self, store: StoreSnapshot) -> None:
        uses = [_Use(*row) for row in store.rows("segment_uses")]
        total, done = sum(use.end for use in uses), 0
        for use in uses:
            self._progress("contents", done, total)
            self._segment(store, use)
            done += use.end
            self._report.segments += 1
        self._progress("contents", total, total)

    def _segment(self, store: StoreSnapshot, use: _Use) -> None:
        try:
            fd = os.open(store.segment(use.segment), os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            self._unreadable(store, use, error)
            return
        try:
            after = 0
            while rows := store.rows(
                "verify_contents", segment=use.segment, after=after, count=PAGE
            ):
                after = rows[-1][0]
                for message, offset, length, checksum in rows:
                    if not _is_whole(fd, offset, length, checksum):
                        self._look_again(store, message)
                    self._report.messages += 1
                    self._report.content_bytes += length
            self._tail(store, use, os.fstat(fd).st_size)
        finally:
            os.close(fd)

    def _unreadable(self, store: StoreSnapshot, use: _Use, error: OSError) -> None:
        rows = store.rows("segment_use", segment=use.segment)
        if not use.end or (rows and rows[0][1]):  # begun without a content, or just removed
            return
        path = store.segment(use.segment)
        self._add(
            Subject.SEGMENT, f"{path}: {error.strerror}; {use.end} bytes of contents are in it",
            RESTORE, segment=use.segment,
        )  # fmt: skip

    def _look_again(self, store: StoreSnapshot, message: int) -> None:
        """The server may have moved or dropped the content since its row was read."""
        rows = store.rows("verify_message", message=message)
        if not rows:
            return
        ((sender, subject, recipients, still_open, *place, removed_ms),) = rows
        ref = ContentRef(*place)
        if removed_ms and not still_open:
            return
        try:
            read_place(store.content_dir, ref)
        except (ContentDamaged, StoreError) as error:
            text = (
                f"message {message} from <{sender}> ({subject!r}), {recipients} recipients, "
                f"{still_open} of them open: {error}"
            )
            remedy = f"`relevo queue cancel {message}` ends it; or {RESTORE}"
            self._add(
                Subject.CONTENT, text, remedy if still_open else RESTORE,
                message=message, segment=ref.segment,
            )  # fmt: skip

    def _tail(self, store: StoreSnapshot, use: _Use, size: int) -> None:
        """Bytes that no row knows, in a segment to which nothing is added any more."""
        if use.sealed and size > use.end:
            text = (
                f"{store.segment(use.segment)}: the last {size - use.end} bytes belong to no "
                "message. After a crash that is mail whose answer nobody heard; after damage to "
                f"{DATABASE_NAME}-wal it may be acknowledged mail"
            )
            self._add(
                Subject.SEGMENT, text, severity=Severity.WARNING, segment=use.segment
            )  # fmt: skip


def _is_whole(fd: int, offset: int, length: int, checksum: int) -> bool:
    try:
        data = os.pread(fd, length, offset)
    except OSError:
        return False
    return len(data) == length and crc32(data) == checksum
