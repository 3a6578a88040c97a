"""The bytes of contents on the disk: writing them durably, and reading back.

The contents of a batch are written before its rows are committed, neighbours in one system call
that returns when they are on the disk: what a row points at is there before the row is.
"""

import errno
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from zlib import crc32

from mta.model.errors import ContentDamaged, StoreError, StoreFailed
from mta.store.database import sync_directory
from mta.store.failures import write_error
from mta.store.work import Content, ContentRef, Job

MAX_OPEN_FILES = 16  # segments kept open for writing; a few kinds are in use at any time
MAX_VECTORS = 1024  # IOV_MAX of Linux


def segment_path(directory: Path, number: int) -> Path:
    """Where a segment lies."""
    return directory / f"{number:06d}.seg"


class ContentWriter:
    """Owns the files being written; used by the writer thread."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._files: dict[int, int] = {}
        self._flags = os.RWF_DSYNC

    def close(self) -> None:
        """Close the files."""
        for fd in self._files.values():
            os.close(fd)
        self._files.clear()

    def write(self, jobs: Sequence[Job]) -> None:
        """Write the contents of the jobs and sync them; raises `StoreError`, also `StoreFailed`."""
        contents = [(content, job.is_erasure) for job in jobs for content in job.contents]
        contents.sort(key=_place)
        for number, offset, vectors, is_erasure in runs(contents):
            try:
                fd = self._open(number, must_exist=is_erasure)
                if fd is None:
                    continue  # the file is gone, and the bytes with it
                self._write_all(fd, vectors, offset)
            except OSError as error:
                raise write_error(error, segment_path(self._directory, number)) from error
        self._close_surplus()

    def _write_all(self, fd: int, pieces: list[bytes], offset: int) -> None:
        """Write until everything is on the disk: pwritev2(2) may stop early at any byte."""
        written = self._write_synced(fd, pieces, offset)
        while written < sum(len(piece) for piece in pieces):
            offset += written
            while written >= len(pieces[0]):
                written -= len(pieces.pop(0))
            pieces[0] = pieces[0][written:]
            written = self._write_synced(fd, pieces, offset)

    def _write_synced(self, fd: int, pieces: list[bytes], offset: int) -> int:
        """One call for both; some file systems (FUSE) know no RWF_DSYNC."""
        if self._flags:
            try:
                return os.pwritev(fd, pieces, offset, self._flags)
            except OSError as error:
                if error.errno not in (errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL):
                    raise
                self._flags = 0
        written = os.pwritev(fd, pieces, offset)
        try:
            os.fdatasync(fd)
        except OSError as error:
            raise StoreFailed(f"fdatasync of a segment: {error.strerror}") from error
        return written

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
