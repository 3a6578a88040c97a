"""What the comparison needs of a mail server: start it, kill all of its processes, look at its queue."""

import os
import select
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tests.e2e.ground import DEADLINE_S, accepts, free_port, until

LINGER_S = 0.05


class Peer:
    """A server of others; subclasses configure it."""

    name = ""
    calls: tuple[str, ...] = ()  # system calls that are stages of its work

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.host, self.port = "127.0.0.1", free_port()
        self.username = self.password = ""
        self.environment: Mapping[str, str] | None = None  # None: ours
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        """What starts it in the foreground."""
        raise NotImplementedError

    def queued(self) -> int:
        """Messages in its queue, as files."""
        raise NotImplementedError

    def told(self) -> Counter[tuple[str, str]]:
        """How often its records say of (load id, recipient) that it may have been taken already."""
        return Counter()

    def start(self) -> None:
        """Start it; return when it takes connections."""
        log = (self.directory / "log").open("ab")
        with log:
            self._process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                env=self.environment,
                start_new_session=True,
            )
        until(lambda: accepts(self.host, self.port), f"{self.name} listens", DEADLINE_S)

    @property
    def pids(self) -> list[int]:
        """All of its processes, the first one first."""
        assert self._process is not None
        found = [self._process.pid]
        for pid in found:  # grows on the way
            with suppress(OSError):
                for task in Path(f"/proc/{pid}/task").iterdir():
                    found += map(int, (task / "children").read_text().split())
        return found

    def kill(self) -> None:
        """SIGKILL to all of its processes at once: none may start another meanwhile."""
        assert self._process is not None
        with suppress(ProcessLookupError):
            os.kill(self._process.pid, signal.SIGSTOP)
        for pid in self.pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait(DEADLINE_S)
        until(lambda: not accepts(self.host, self.port), f"{self.name} is gone", DEADLINE_S)
        self._process = None

    def wait_for_a_death(self, deadline_s: float) -> bool:
        """Wait until one of its processes has ended; False when none does."""
        with_pidfds = []
        for pid in self.pids:
            with suppress(ProcessLookupError):
                with_pidfds.append(os.pidfd_open(pid))
        poll = select.poll()
        for fd in with_pidfds:
            poll.register(fd, select.POLLIN)
        try:
            return bool(poll.poll(deadline_s * 1000))
        finally:
            for fd in with_pidfds:
                os.close(fd)

    def wait_until_empty(self, deadline_s: float) -> int:
        """Wait for an empty queue; how many messages are left at the deadline."""
        end_s = time.monotonic() + deadline_s
        while (left := self.queued()) and time.monotonic() < end_s:
            time.sleep(LINGER_S)
        return left
