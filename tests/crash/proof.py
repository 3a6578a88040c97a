"""A relay under load that is killed again and again, and what came of each kill.

Everything but the relay lives on through the kills: clients, receivers and the DNS.
"""

import contextlib
import os
import random
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

from mta.events.record import EVENT_CODES
from mta.model.traffic import EventType
from tests.crash.kill_points import (
    TRACER,
    AtCall,
    AtStart,
    AtStep,
    File,
    KillPoint,
    Stage,
    schedule,
)
from tests.crash.load import DOMAINS, PARKED, Load
from tests.crash.moments import Moments, Step
from tests.crash.sink import Sink
from tests.e2e.ground import DEADLINE_S, Ground, until
from tests.e2e.server import SENDER_DOMAIN, RelevoServer

DRAIN_S = 120.0
LOOK_S = 0.3  # between two messages to many: longer than the idle time before a checkpoint
MORE = 150  # acknowledgements after the last kill
OPEN = "SELECT count(*) FROM delivery WHERE state < 10 AND NOT address LIKE 'stay%'"
UNCERTAIN = "SELECT delivery FROM event WHERE type IN (?, ?) AND data LIKE '%\"uncertain\":true%'"


@dataclass(frozen=True, slots=True)
class Killed:
    """One kill and what it met."""

    stage: Stage
    point: str
    count: int  # the n of the point
    unanswered: int  # messages handed in whose answer was not heard
    uncertain: int  # deliveries that the next start found under way


class Proof:
    """The relay, its load and its receivers."""

    def __init__(self, ground: Ground, server: RelevoServer, seed: int) -> None:
        self.ground = ground
        self.server = server
        self.seed = seed
        self.random = random.Random(seed)
        self.moments = Moments()
        self.load = Load(server, self.moments, seed)
        self.sinks = [Sink(ground, number, self.moments) for number in (2, 3, 4)]
        for number, domain in enumerate((*DOMAINS, SENDER_DOMAIN)):
            ground.domain(domain, self.sinks[number % len(self.sinks)].host)
        self.sinks.append(Sink(ground, 5, self.moments, defers=True))
        ground.domain(PARKED, self.sinks[-1].host)
        self.kills: list[Killed] = []
        self.cancelled: set[int] = set()  # deliveries

    # -- the kills -----------------------------------------------------------------------------

    def torture(self, count: int) -> None:
        """Kill it so many times under load, let it go on for a while, then drain the queue."""
        self.server.start()
        self.load.start()
        try:
            for point in schedule(count, self.random):
                self._kill(point)
            assert self.moments.wait(Step.ACKNOWLEDGED, MORE, DEADLINE_S), "it stands still"
        finally:
            self.load.stop()
        self.drain()

    def drain(self) -> None:
        """Wait until nothing is in the queue but what has to stay there."""
        until(lambda: self.server.sql(OPEN) == [(0,)], "the queue is empty", DRAIN_S)

    def _kill(self, point: KillPoint) -> None:
        """Kill at this point, start again, and see what was under way."""
        unanswered, known = self.load.unanswered, uncertainties(self.server).total()
        match point:
            case AtStep():
                count = self._at_step(point)
            case AtCall():
                count = self._at_call(point)
            case AtStart():
                count = self._at_start(point)
        self.server.spawn()
        self.server.wait_ready()
        uncertain = uncertainties(self.server).total() - known
        unanswered = self.load.unanswered - unanswered
        self.kills.append(Killed(point.stage, str(point), count, unanswered, uncertain))

    def _at_step(self, point: AtStep) -> int:
        count = self.random.randint(1, point.most)
        pid = self.server.pid
        self.moments.arm(point.step, count, lambda: _kill_process(pid))
        self._wait_killed(f"{point} {count} times")
        return count

    def _at_call(self, point: AtCall) -> int:
        count = self.random.randint(point.least, point.most)
        if point.is_quiet:
            self.load.pause()
        with tracing(["-p", str(self.server.pid)], point.call, self._path(point.file), count):
            while point.is_quiet and self.server.is_running(LOOK_S):
                self.load.hand_in_to_many()
            self._wait_killed(f"{point} {count} times")
        self.load.resume()
        return count

    def _at_start(self, point: AtStart) -> int:
        self.server.kill()
        if not point.call:
            self.server.spawn()
            after_s = self.random.uniform(0, point.most_s)
            threading.Event().wait(after_s)
            self.server.kill()
            return int(after_s * 1000)
        count = self.random.randint(1, point.most)
        # -D: the tracer is not the parent of what it runs, so that its exit status is seen.
        self.server.spawn([*tracer(point.call, "", count), "-D"])
        self._wait_killed(f"{point} {count} times")
        return count

    def _path(self, file: File) -> str:
        return str(self.server.data_dir / file) if file else ""

    def _wait_killed(self, where: str) -> None:
        status = self.server.wait_ended(f"the kill at {where}")
        told = self.server.log_path.read_text()[-2_000:]
        assert status == -signal.SIGKILL, f"{where}: ended with {status}: {told}"

    # -- what came of it -----------------------------------------------------------------------

    def copies(self, load_id: str, recipient: str) -> int:
        """How often a recipient got a message."""
        return sum(sink.received[load_id, recipient] for sink in self.sinks)

    @property
    def notices(self) -> Counter[str]:
        """How often each message came back to its sender, by load id."""
        return sum((sink.notices for sink in self.sinks), Counter())

    def uncertainties(self) -> Counter[int]:
        """How often each delivery was uncertain, as its history says."""
        return uncertainties(self.server)

    def cancel_some(self) -> None:
        """Give up some of the mail that still waits."""
        rows = self.server.sql("SELECT id FROM delivery WHERE state < 10 ORDER BY id")
        for (delivery,) in rows[1:4]:
            cancel = partial(self.server.cli, "queue", "cancel", str(delivery))
            until(lambda c=cancel: c() == {"changed": 1}, "no attempt is under way just now")
            self.cancelled.add(delivery)

    def table(self) -> str:
        """The kills by point, for people."""
        lines = [f"{'stage':14}{'killed at':58}{'kills':>6}{'unanswered':>12}{'uncertain':>11}"]
        for stage, point in sorted({(k.stage, k.point) for k in self.kills}):
            met = [k for k in self.kills if (k.stage, k.point) == (stage, point)]
            unanswered, uncertain = sum(k.unanswered for k in met), sum(k.uncertain for k in met)
            lines.append(f"{stage:14}{point:58}{len(met):6}{unanswered:12}{uncertain:11}")
        return "\n".join(lines)


_UNFINISHED = (EVENT_CODES[EventType.DEFERRED], EVENT_CODES[EventType.EXPIRED])


def uncertainties(server: RelevoServer) -> Counter[int]:
    """How often each delivery was uncertain, as the history says."""
    return Counter(delivery for (delivery,) in server.sql(UNCERTAIN, *_UNFINISHED))


@contextmanager
def proof(seed: int, **environ: str) -> Iterator[Proof]:
    """A relay that is not running yet, with its receivers; `environ` adds settings."""
    with ExitStack() as stack:
        ground = stack.enter_context(Ground())
        server = stack.enter_context(impatient(ground, "mail.send,mail.urgent", **environ))
        made = Proof(ground, server, seed)
        for sink in made.sinks:
            sink.start()
            stack.callback(sink.stop)
        yield made


@contextmanager
def impatient(ground: Ground, scopes: str, **environ: str) -> Iterator[RelevoServer]:
    """A relay with a large bag and a key with these scopes, that tries everything again at once."""
    with RelevoServer(
        ground,
        SUBMISSION__ALLOW_PLAINTEXT_AUTH="true",
        SUBMISSION__TLS_CERTIFICATE="",
        SUBMISSION__TLS_KEY="",
        SUBMISSION__IMPLICIT_TLS_LISTEN="",
        QUEUE__RETRY="1s",
        QUEUE__RETRY_URGENT="1s",
        QUEUE__UNCERTAIN_RETRY="1s",
        QUEUE__EXPIRE__URGENT="5s",
        LOG__LEVEL="warning",
        scopes=scopes,
        bag=100_000_000,
        **environ,
    ) as server:
        yield server


@contextmanager
def tracing(target: list[str], call: str, path: str, count: int) -> Iterator[None]:
    """Kill the target on entering a system call for the n-th time."""
    with subprocess.Popen([*tracer(call, path, count), *target]) as process:
        try:
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()


def tracer(call: str, path: str, count: int) -> list[str]:
    """The command that kills what it runs on entering a system call for the n-th time."""
    which = ["-P", path] if path else []
    inject = ["-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:when={count}"]
    return [TRACER, "-f", "-qq", "-o", "/dev/null", *which, *inject]


def _kill_process(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
