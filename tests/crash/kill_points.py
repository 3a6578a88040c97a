"""Where the relay is killed: stages of a mail's way, and for each the moments to choose from.

`STEPS` are seen by clients and receivers, which kill while the relay waits for them; `CALLS` are
system calls of the relay, killed by strace on entering the n-th, so that the call is not made;
`STARTS` come while it starts. Every point has a random n, so that no two kills are the same.
"""

import random
import shutil
from dataclasses import dataclass
from enum import StrEnum

from tests.crash.moments import Step


class Stage(StrEnum):
    """What the relay is doing with the mail that the kill is aimed at."""

    ACCEPTING = "accepting"  # nothing of it is on the disk for certain
    COMMITTING = "committing"  # between the first byte on the disk and the client's 250
    CLAIMING = "claiming"  # a delivery is being taken out of the queue
    SENDING = "sending"  # the body is on the wire
    SETTLING = "settling"  # the receiver has answered 250, the relay has not noted it
    CHECKPOINTING = "checkpointing"  # the log is copied into the database
    STARTING = "starting"
    ANY = "any"


class File(StrEnum):
    """Files of the data directory whose calls are counted alone."""

    ANY = ""
    DATABASE = "relevo.db"
    LOG = "relevo.db-wal"


@dataclass(frozen=True, slots=True)
class AtStep:
    """When a client or a receiver has seen a step `1…most` times more."""

    stage: Stage
    step: Step
    most: int

    def __str__(self) -> str:
        return str(self.step)


@dataclass(frozen=True, slots=True)
class AtCall:
    """On entering a system call for the `least…most`-th time in one thread.

    `is_quiet`: nobody hands mail in but for single messages to many recipients; then most of the
    log are claims and settlements, and the pauses between are when checkpoints run.
    """

    stage: Stage
    call: str
    file: File
    most: int
    least: int = 1
    is_quiet: bool = False

    def __str__(self) -> str:
        quiet = ", without new mail" if self.is_quiet else ""
        return f"{self.call} {self.file}".strip() + quiet


@dataclass(frozen=True, slots=True)
class AtStart:
    """While it starts: after a random time, or on entering the n-th system call."""

    stage: Stage = Stage.STARTING
    most_s: float = 0.0
    call: str = ""
    most: int = 0

    def __str__(self) -> str:
        return self.call or "a random time"


KillPoint = AtStep | AtCall | AtStart

STEPS: tuple[KillPoint, ...] = (
    AtStep(Stage.ACCEPTING, Step.HALF, 25),
    AtStep(Stage.COMMITTING, Step.HANDED, 25),
    AtStep(Stage.CLAIMING, Step.ENVELOPE, 60),
    AtStep(Stage.SENDING, Step.PART, 10),
    AtStep(Stage.SENDING, Step.DOT, 60),
    AtStep(Stage.SETTLING, Step.TAKEN, 60),
    AtStep(Stage.ANY, Step.ACKNOWLEDGED, 100),
)
CALLS: tuple[KillPoint, ...] = (
    AtCall(Stage.ACCEPTING, "read", File.ANY, 200),
    AtCall(Stage.ACCEPTING, "pwritev2", File.ANY, 30),  # writes and syncs contents, nothing else
    AtCall(Stage.COMMITTING, "pwrite64", File.LOG, 300),
    AtCall(Stage.COMMITTING, "fdatasync", File.LOG, 30),
    AtCall(Stage.COMMITTING, "write", File.ANY, 200),
    # The first sync is the acceptance's; the next ones are of claims, and then of settlements.
    AtCall(Stage.CLAIMING, "fdatasync", File.LOG, 3, least=2, is_quiet=True),
    AtCall(Stage.SETTLING, "pwrite64", File.LOG, 250, least=100, is_quiet=True),
    AtCall(Stage.SETTLING, "read", File.ANY, 150, is_quiet=True),  # of a receiver's 250
    AtCall(Stage.SENDING, "write", File.ANY, 100, is_quiet=True),
    AtCall(Stage.CHECKPOINTING, "pwrite64", File.DATABASE, 20, is_quiet=True),
    AtCall(Stage.CHECKPOINTING, "fdatasync", File.DATABASE, 1, is_quiet=True),
)
STARTS: tuple[KillPoint, ...] = (
    AtStart(most_s=1.5),  # about what a start takes
    AtStart(call="pwrite64", most=60),
)
TRACER = "strace"


def schedule(count: int, rng: random.Random) -> list[KillPoint]:
    """So many points in random order, each as often as the others (or once more)."""
    points = [*STEPS, *CALLS, *STARTS]
    if shutil.which(TRACER) is None:
        points = [p for p in points if not isinstance(p, AtCall) and not getattr(p, "call", "")]
    chosen: list[KillPoint] = []
    while len(chosen) < count:
        rng.shuffle(points)
        chosen += points
    return chosen[:count]
