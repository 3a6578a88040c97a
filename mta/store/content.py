"""The bytes of contents on the disk: the content thread, and reading back.

The thread takes all jobs that wait, writes their bytes (neighbours in one pwritev), syncs the
segments, and only then hands the jobs to the writer thread: what a row points at is on the disk
before the row is. While it syncs, the writer commits the batch before.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from zlib import crc32

from mta.model.errors import ContentDamaged, StoreError, StoreFailed
from mta.store.answers import Answers
from mta.store.database import sync_directory
from mta.store.failures import write_error
from mta.store.inbox import Inbox
from mta.store.merge import Batch
from mta.store.work import Content, ContentRef, Job

MAX_OPEN_FILES = 16  # segments kept open for writing; a few kinds are in use at any time
MAX_VECTORS = 1024  # IOV_MAX of Linux


def segment_path(directory: Path, number: int) -> Path:
    """Where a segment lies."""
    return directory / f"{number:06d}.seg"


class ContentWriter:
    """Owns the files being written; `run` is the body of its thread."""

    def __init__(self, directory: Path, inbox: Inbox, onward: Inbox, answers: Answers) -> None:
        self._directory = directory
        self._inbox = inbox
        self._onward = onward
        self._answers = answers
        self._files: dict[int, int] = {}

    def run(self) -> None:
        """Serve the inbox until it is closed and empty."""
        while not self._inbox.is_finished:
            batch = self._inbox.take()
            if batch is not None:
                self._take_in(batch)
                # What comes while the writer is busy shares the next sync: one for each commit.
                self._onward.wait_taken()
            else:
                self._inbox.wait(None)
        for fd in self._files.values():
            os.close(fd)

    def _take_in(self, batch: Batch) -> None:
        jobs = batch.jobs
        failure = self._answers.failure
        if failure is not None:
            self._answers.refused(jobs, failure)
            return
        try:
            self._write(jobs)
        except Exception as error:
            broken = StoreFailed(f"the content thread broke: {error!r}")
            self._answers.refused(jobs, error if isinstance(error, StoreError) else broken)
        else:
            self._onward.hand_on(batch)

    def _write(self, jobs: Sequence[Job]) -> None:
        contents = [(content, job.is_erasure) for job in jobs for content in job.contents]
        contents.sort(key=_place)
        touched: list[int] = []
        for number, offset, vectors, is_erasure in runs(contents):
            try:
                fd = self._open(number, must_exist=is_erasure)
                if fd is None:
                    continue  # the file is gone, and the bytes with it
                _write_all(fd, vectors, offset)
            except OSError as error:
                raise write_error(error, segment_path(self._directory, number)) from error
            if not touched or touched[-1] != number:
                touched.append(number)
        for number in touched:
            try:
                os.fdatasync(self._files[number])
            except OSError as error:
                path = segment_path(self._directory, number)
                raise StoreFailed(f"{path}: fdatasync: {error.strerror}") from error
        self._close_surplus()

    def _open(self, number: int, *, must_exist: bool) -> int | None:
        fd = self._files.get(number)
        if fd is not None:
            return fd
        path = segment_path(self._directory, number)
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            if must_exist:
                return None
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            self._sync_name(path)
        self._files[number] = fd
        return fd

    def _sync_name(self, path: Path) -> None:
        try:
            sync_directory(self._directory)
        except OSError as error:
            raise StoreFailed(f"{path}: fsync of its directory: {error.strerror}") from error

    def _close_surplus(self) -> None:
        while len(self._files) > MAX_OPEN_FILES:
            oldest = min(self._files)
            os.close(self._files.pop(oldest))


def _place(item: tuple[Content, bool]) -> tuple[int, int]:
    ref = item[0].ref
    return (ref.segment, ref.offset)


def runs(
    contents: Sequence[tuple[Content, bool]],
) -> Iterator[tuple[int, int, list[bytes], bool]]:
    """Join neighbours of sorted contents: (segment, offset, pieces, is erasure)."""
    number = offset = end = -1
    pieces: list[bytes] = []
    was_erasure = False
    for (ref, data), is_erasure in contents:
        if (
            ref.segment != number
            or ref.offset != end
            or is_erasure != was_erasure
            or len(pieces) == MAX_VECTORS
        ):
            if pieces:
                yield number, offset, pieces, was_erasure
            number, offset, end = ref.segment, ref.offset, ref.offset
            pieces, was_erasure = [], is_erasure
        pieces.append(data)
        end += ref.length
    if pieces:
        yield number, offset, pieces, was_erasure


def _write_all(fd: int, pieces: list[bytes], offset: int) -> None:
    """pwritev(2) until everything is written: it may stop early at any byte."""
    written = os.pwritev(fd, pieces, offset)
    while written < sum(len(piece) for piece in pieces):
        offset += written
        while written >= len(pieces[0]):
            written -= len(pieces.pop(0))
        pieces[0] = pieces[0][written:]
        written = os.pwritev(fd, pieces, offset)


def read_place(directory: Path, ref: ContentRef) -> bytes:
    """The bytes at `ref`; blocks. Raises `ContentDamaged`, or `StoreError` without descriptors."""
    path = segment_path(directory, ref.segment)
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise ContentDamaged(f"{path}: the file is gone") from None
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}") from error
    try:
        data = os.pread(fd, ref.length, ref.offset)
    except OSError as error:
        raise ContentDamaged(f"{path}: reading failed: {error.strerror}") from error
    finally:
        os.close(fd)
    if len(data) != ref.length or crc32(data) != ref.checksum:
        raise ContentDamaged(
            f"{path}: the {ref.length} bytes at {ref.offset} are not those that were stored"
        )
    return data
