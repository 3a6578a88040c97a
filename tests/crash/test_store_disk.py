"""A disk that is full heals; a disk that fails ends the process, and is not synced again."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from mta.store.sqlite import SqliteStore
from tests.contract.conftest import LEDGER

CHILD = [sys.executable, "-m", "tests.crash.store_child"]


def run(*command: str) -> list[str]:
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=60, text=True)
    return done.stdout.splitlines()


async def stored(directory: Path) -> set[int]:
    store = await SqliteStore.open(directory, [LEDGER])
    rows = await store.read("entries")
    await store.close()
    return {row[0] for row in rows}


def acknowledged(lines: Sequence[str]) -> set[int]:
    return {int(line.split()[1]) for line in lines if line.startswith("ok ")}


@pytest.mark.parametrize("mode", ["limit", "limit-bare"])
async def test_without_room_jobs_fail_and_later_ones_succeed(tmp_path: Path, mode: str) -> None:
    lines = run(*CHILD, str(tmp_path), mode)
    middle = lines.index("room again")
    assert lines[middle - 1] == "StoreError"
    assert "StoreFailed" not in lines
    assert [line[:2] for line in lines[middle + 1 :]] == ["ok"] * 5 + ["cl"]
    assert await stored(tmp_path) == acknowledged(lines)


def run_on_small_disk(directory: Path, mode: str) -> list[str]:
    """The child's lines, on a tmpfs of 3 MB with a ballast of 1 MB."""
    script = (
        'mount -t tmpfs -o size=3m none "$1" || exit 77; '
        'dd if=/dev/zero of="$1/ballast" bs=1M count=1 status=none; '
        'shift; exec "$@"'
    )
    command = ["unshare", "--mount", "sh", "-c", script, "sh", str(directory), *CHILD]
    done = subprocess.run(
        [*command, str(directory), mode],
        check=False,
        capture_output=True,
        timeout=60,
        text=True,
    )
    if done.returncode == 77 or "unshare failed" in done.stderr:
        pytest.skip("this root may not mount")
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system takes root")
def test_a_full_file_system_heals_when_there_is_room(tmp_path: Path) -> None:
    lines = run_on_small_disk(tmp_path, "full")
    middle = lines.index("room again")
    assert lines[middle - 1] == "StoreError"
    assert [line[:2] for line in lines[middle + 1 :]] == ["ok"] * 5 + ["cl"]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system takes root")
def test_the_log_never_fills_the_disk_that_it_is_to_be_copied_to(tmp_path: Path) -> None:
    assert run_on_small_disk(tmp_path, "tight")[-2:] == ["changed", "closed"]


# Where syncs happen: SQLite syncs the log at a commit, the content thread its segment before.
@pytest.mark.debian
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace makes the disk fail")
@pytest.mark.parametrize("mode", ["sync", "sync-bare"])
@pytest.mark.parametrize("when", [12, 13, 14])
async def test_a_failed_sync_fails_every_waiter_and_is_not_repeated(
    tmp_path: Path, mode: str, when: int
) -> None:
    trace = tmp_path / "trace"
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    inject = f"inject=fsync,fdatasync:error=EIO:when={when}+"
    strace = ["strace", "-f", "-qq", "-o", str(trace), "-y"]
    strace += ["-e", "trace=fsync,fdatasync", "-e", inject]
    lines = run(*strace, *CHILD, str(data_dir), mode)
    first = next(n for n, line in enumerate(lines) if not line.startswith("ok "))
    assert set(lines[first:-2]) == {"StoreFailed"}
    assert lines[-2:] == ["failed 1", "closed"]
    failures = re.findall(r"sync\(\d+<([^>]*)>\) += -1 EIO", trace.read_text())
    assert len(failures) == len(set(failures)) >= 1  # no file is synced again after a failure
    assert acknowledged(lines) <= await stored(data_dir)
