"""A data directory has one user, and the second is told who the first is."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mta.model.errors import ConfigurationError
from mta.store.lock import LOCK_NAME, DataDirLock

HOLDER = """
import sys
from pathlib import Path
from mta.store.lock import DataDirLock
lock = DataDirLock(Path(sys.argv[1]))
lock.acquire()
print("held", flush=True)
sys.stdin.read()
"""


def test_the_second_user_is_told_the_process_of_the_first(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(ConfigurationError, match=f"in use by process {holder.pid}:"):
            DataDirLock(tmp_path).acquire()
        holder.kill()
        holder.wait()
    with DataDirLock(tmp_path) as lock:  # a killed holder leaves the file, not the lock
        assert lock.is_held
        assert (tmp_path / LOCK_NAME).read_text() == f"{os.getpid()}\n"


def test_a_released_directory_can_be_taken_again(tmp_path: Path) -> None:
    lock = DataDirLock(tmp_path)
    lock.acquire()
    with pytest.raises(ConfigurationError):
        DataDirLock(tmp_path).acquire()
    lock.release()
    lock.release()
    assert not lock.is_held
    lock.acquire()
    lock.release()


def test_a_missing_directory_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="must exist"):
        DataDirLock(tmp_path / "nothing").acquire()
