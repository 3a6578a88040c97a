"""A data directory belongs to one process: an advisory lock that ends with its holder."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from mta.model.errors import ConfigurationError

LOCK_NAME = "relevo.lock"


class DataDirLock:
    """Exclusive use of a data directory, by flock(2) on `relevo.lock` in it.

    The kernel drops the lock when the process ends, however it ends: a stale file means nothing.
    A file of its own, because SQLite's locks on the database end when any descriptor of that
    file is closed in the process (fcntl(2), "Advisory record locking").
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._fd = -1

    @property
    def is_held(self) -> bool:
        """Whether this object holds the lock."""
        return self._fd >= 0

    def acquire(self) -> None:
        """Take the lock or raise `ConfigurationError` that names the process which has it."""
        path = self._data_dir / LOCK_NAME
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigurationError(
                f"{path}: cannot be opened ({error.strerror}): the data directory must exist and "
                "be writable by the user that runs Relevo"
            ) from error
        _give_to_owner(fd, self._data_dir)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(fd, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(fd)
            raise ConfigurationError(
                f"{self._data_dir}: in use by process {holder}: stop it first, or choose another "
                "data directory"
            ) from None
        self._fd = fd
        with suppress(OSError):  # a full disk: the number only helps people, the lock is held
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Give the directory back; does nothing when the lock is not held."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            with suppress(OSError):
                os.ftruncate(fd, 0)
            os.close(fd)

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()


def _give_to_owner(fd: int, data_dir: Path) -> None:
    """A lock file that root made would keep the server's own user out."""
    owner = data_dir.stat()
    if os.geteuid() == 0 and owner.st_uid != os.fstat(fd).st_uid:
        os.fchown(fd, owner.st_uid, owner.st_gid)
