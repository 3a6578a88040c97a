"""A disk that is full, slow or broken under the whole relay, while mail comes in and goes out.

One relay goes through all of it: a disk that is low and then quite full and then has room again, syncs
that take long, syncs of the log and of a segment that fail. Room is given back without a restart;
after a failed sync the process ends by itself and is started again. In the end `audit` compares what
was acknowledged with what was received. The data directory is a small tmpfs; strace makes the syncs
slow or fail.
"""

import contextlib
import os
import random
import re
import smtplib
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mta.engine.engine import DISK_FAILED
from tests.crash.books import audit
from tests.crash.disk import quietly
from tests.crash.load import DOMAINS
from tests.crash.moments import Step
from tests.crash.proof import MORE, OPEN, Proof, proof
from tests.e2e.ground import DEADLINE_S, until
from tests.e2e.server import RELEVO, SENDER

SEED = int(os.environ.get("RELEVO_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 30)
SIZE = "96m"
RESERVE = 16 << 20  # [store] min_free_bytes here
DELAY_US = 300_000
SYNCS = 5  # good ones before the first that fails
BUSY = 20  # acknowledgements after a start: then it shows which of the new segments is used most
DRAIN_S = 120.0

pytestmark = [pytest.mark.debian, pytest.mark.timeout(240)]


@dataclass
class Seen:
    """What was seen on the way."""

    made: Proof
    pids: set[int] = field(default_factory=set)  # of the process before, in and after a full disk
    answers: dict[str, list[str]] = field(default_factory=dict)  # refusals heard, by phase
    ready: dict[str, tuple[int, str]] = field(default_factory=dict)  # /readyz, by phase
    statuses: dict[str, int] = field(default_factory=dict)  # exit status after a failed sync
    traces: dict[str, list[str]] = field(default_factory=dict)  # syncs of the file that failed
    answered_meanwhile: int = 0  # NOOPs while one message waited for slow syncs

    def heard(self, phase: str) -> None:
        """Put the refusals since the last call under a name."""
        refusals = self.made.load.refusals
        self.answers[phase] = refusals[:]
        del refusals[: len(self.answers[phase])]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    """Everything done to one relay, and what was seen of it."""
    folder = tmp_path_factory.mktemp("small")
    if os.geteuid() != 0 or not quietly(
        "mount", "-t", "tmpfs", "-o", f"size={SIZE}", "none", folder
    ):
        pytest.skip("a small file system takes root and the right to mount")
    try:
        queue = folder / "queue"
        settings = {"SERVER__DATA_DIR": str(queue), "CONSOLE__SECRET_FILE": str(queue / "secret")}
        with proof(SEED, STORE__MIN_FREE_BYTES=str(RESERVE), **settings) as made:
            found = Seen(made)
            made.server.start()
            made.load.start()
            try:
                fill(found, folder)
                slow_down(found, folder)
                for name in ("log", "segment"):
                    fail(found, folder, name)
                assert made.moments.wait(Step.ACKNOWLEDGED, MORE, DEADLINE_S), "it stands still"
            finally:
                made.load.stop()
            drain(made)
            yield found
            made.server.stop()
    finally:
        quietly("umount", "--lazy", folder)


def drain(made: Proof) -> None:
    until(lambda: made.server.sql(OPEN) == [(0,)], "the queue is empty", DRAIN_S)


def take_room(folder: Path, leave: int) -> Path:
    """Make a file that leaves so many bytes free, or so few that nobody can write any more."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):  # no room left
        while (facts := os.statvfs(folder)).f_bavail * facts.f_frsize > leave:
            file.write(bytes(1 << 20 if leave else facts.f_frsize))
    return ballast


def fill(seen: Seen, folder: Path) -> None:
    """Low, then empty of room, then enough again; always the same process."""
    made = seen.made
    assert made.moments.wait(Step.ACKNOWLEDGED, MORE, DEADLINE_S)
    seen.pids.add(made.server.pid)
    ballast = take_room(folder, RESERVE // 2)
    until(lambda: made.load.refusals, "mail is refused while the disk is low")
    until(lambda: made.server.http("/readyz")[0] == 503, "not ready")
    seen.ready["low"] = made.server.http("/readyz")
    made.load.pause()
    drain(made)  # of everything, while the disk is still low
    made.load.resume()
    ballast.unlink()
    until(made.server.is_ready, "ready again")
    assert made.moments.wait(Step.ACKNOWLEDGED, MORE, DEADLINE_S)
    seen.heard("low")  # not before: some were refused before, and hear it now

    ballast = take_room(folder, 0)
    until(lambda: any("452" in answer for answer in made.load.refusals), "told that it is full")
    seen.ready["full"] = made.server.http("/readyz")
    ballast.unlink()
    until(made.server.is_ready, "ready again")
    assert made.moments.wait(Step.ACKNOWLEDGED, MORE, DEADLINE_S)
    seen.heard("full")
    seen.pids.add(made.server.pid)
    seen.ready["after"] = made.server.http("/readyz")


def slow_down(seen: Seen, folder: Path) -> None:
    """While a message waits for slow syncs, count what else the loop answers."""
    server = seen.made.server
    with tracing(server.pid, f"pwritev2,fdatasync:delay_enter={DELAY_US}", folder / "unused"):
        done = threading.Event()

        def hand_in() -> None:
            with smtplib.SMTP(server.host, server.port, timeout=DEADLINE_S) as client:
                client.login(server.username, server.password)
                content = f"From: {SENDER}\r\nSubject: slow-1\r\nX-Load-Id: slow-1\r\n\r\nslow\r\n"
                client.sendmail(SENDER, [f"take-slow@{DOMAINS[0]}"], content)
            done.set()

        with smtplib.SMTP(server.host, server.port, timeout=DEADLINE_S) as other:
            other.ehlo()
            thread = threading.Thread(target=hand_in)
            thread.start()
            while not done.is_set():
                assert other.noop()[0] == 250
                seen.answered_meanwhile += 1
            thread.join()
    seen.heard("slow")


def fail(seen: Seen, folder: Path, name: str) -> None:
    """From some sync of this file on, none succeeds."""
    made, trace = seen.made, folder / f"trace-{name}"
    assert made.moments.wait(Step.ACKNOWLEDGED, BUSY, DEADLINE_S), "it stands still"
    ((busiest,),) = made.server.sql(
        "SELECT id FROM segment WHERE sealed = 0 ORDER BY bytes DESC LIMIT 1"
    )
    file = f"content/{busiest:06d}.seg" if name == "segment" else "relevo.db-wal"
    path = made.server.data_dir / file
    log = made.server.log_path
    known = log.stat().st_size
    # A segment is written and synced by one call, pwritev2 with RWF_DSYNC.
    calls = "pwritev2,fdatasync,fsync" if name == "segment" else "fdatasync,fsync"
    what = f"{calls}:error=EIO:when={SYNCS + 1}+"
    with tracing(made.server.pid, what, trace, "-P", str(path)):
        seen.statuses[name] = made.server.wait_ended(f"the sync of {path} fails")
    answers = re.findall(r"\w+\(.*= (-?\d+)", trace.read_text())
    seen.traces[name] = ["failed" if answer == "-1" else "good" for answer in answers]
    os.truncate(log, known)  # the failure is told there as critical
    made.server.spawn()
    made.server.wait_ready()
    seen.heard(name)


@contextlib.contextmanager
def tracing(pid: int, inject: str, trace: Path, *options: str) -> Iterator[None]:
    """Do something to the syncs of a process, and note them."""
    call = inject.partition(":")[0]
    command = ["strace", "-f", "-qq", "-o", str(trace), "-e", f"trace={call}", *options]
    with subprocess.Popen([*command, "-e", f"inject={inject}", "-p", str(pid)]) as tracer:
        try:
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                tracer.terminate()


def test_a_full_disk_is_refused_cleanly_and_heals_without_a_restart(seen: Seen) -> None:
    assert seen.answers["low"]
    assert all("(452, b'4.3.1 " in answer for answer in seen.answers["low"])
    assert any("(452, b'4.3.1 " in answer for answer in seen.answers["full"])
    assert all(re.search(r"\((451|452), b'4\.3\.[01] ", a) for a in seen.answers["full"])
    assert [seen.ready[phase][0] for phase in ("low", "full", "after")] == [503, 503, 200]
    assert "disk space is low" in seen.ready["low"][1]
    assert len(seen.pids) == 1


def test_while_syncs_are_slow_everybody_else_is_answered(seen: Seen) -> None:
    assert seen.answered_meanwhile > 5  # one that waited with the syncs would answer once or twice
    assert seen.answers["slow"] == []


@pytest.mark.parametrize("name", ["log", "segment"])
def test_after_a_failed_sync_waiters_are_told_and_nothing_is_synced_again(
    seen: Seen, name: str
) -> None:
    assert seen.traces[name] == ["good"] * SYNCS + ["failed"]
    assert seen.statuses[name] == DISK_FAILED
    assert any("(451, b'4.3.0 " in answer for answer in seen.answers[name])
    assert all("(451, b'4.3.0 " in answer for answer in seen.answers[name])


def test_nothing_is_lost_whatever_the_disk_does(seen: Seen) -> None:
    faults = audit(seen.made)
    assert not faults, f"seed {SEED}: {len(faults)} faults: {faults[:5]}"
    report = seen.made.server.cli("verify")
    assert [f for f in report["findings"] if f["severity"] == "damage"] == []


def test_a_disk_that_is_read_only_is_told_at_the_start(tmp_path: Path) -> None:
    if os.geteuid() != 0 or not quietly("mount", "-t", "tmpfs", "none", tmp_path):
        pytest.skip("a file system of its own takes root and the right to mount")
    try:
        for command in (
            ("init", "--dir", tmp_path),
            ("account", "add", "Shop", "--config", config_of(tmp_path)),
        ):
            subprocess.run([RELEVO, *command], check=True, stdout=subprocess.DEVNULL)
        assert quietly("mount", "-o", "remount,ro", tmp_path)
        done = subprocess.run(
            [RELEVO, "serve", "--config", config_of(tmp_path)],
            check=False, capture_output=True, text=True, timeout=DEADLINE_S,
        )  # fmt: skip
    finally:
        quietly("umount", "--lazy", tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith(
        f"relevo: {tmp_path}/queue/relevo.lock: cannot be opened (Read-only"
    )
    assert len(done.stderr.splitlines()) == 1


def config_of(folder: Path) -> Path:
    return folder / "config" / "relevo.toml"
