"""Processes that the benchmark starts, and ends again: only these, by their ids."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

STOP_S = 30.0  # what Relevo promises for a graceful stop


class SubjectError(RuntimeError):
    """A program under test or beside it did not do what the run needs; the text says what."""


class Child:
    """One process in a session of its own, its output in a log file."""

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        *,
        environment: Mapping[str, str] | None = None,
        directory: Path | None = None,
    ) -> None:
        self.log = log
        self._name = Path(command[0]).name
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=directory,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Its id, also the root of the tree of processes it starts."""
        return self.process.pid

    def check(self) -> None:
        """Raise `SubjectError` with the end of its log if it has ended."""
        status = self.process.poll()
        if status is not None:
            raise SubjectError(f"{self._name} ended with status {status}\n{self.tail()}")

    def tail(self, octets: int = 2000) -> str:
        """The end of its log."""
        return self.log.read_bytes()[-octets:].decode("utf-8", "replace")

    def stop(self, deadline_s: float = STOP_S) -> str:
        """End it by SIGTERM, after the deadline by SIGKILL with all it started; what was wrong, if anything."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            status = self.process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            os.killpg(self.pid, signal.SIGKILL)
            self.process.wait()
            return f"{self._name} did not end within {deadline_s:.0f} s of SIGTERM"
        return f"{self._name} ended with status {status}" if status not in (0, -15) else ""


def wait_for(what: str, is_so: Callable[[], bool], child: Child, deadline_s: float = 30.0) -> float:
    """Wait until `is_so()`; the seconds it took. Raises `SubjectError` when it takes too long."""
    start_s = time.monotonic()
    while not is_so():
        child.check()
        if time.monotonic() - start_s > deadline_s:
            raise SubjectError(f"{what}: not within {deadline_s:.0f} s\n{child.tail()}")
        time.sleep(0.02)
    return time.monotonic() - start_s
