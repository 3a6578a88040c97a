"""What is measured: a mail relay as processes, seen from outside."""

from pathlib import Path
from typing import Protocol

from bench.cases import Case
from bench.generator import Release, Stream
from bench.meter import SyncCounter


class Subject(Protocol):
    """One relay; started anew, with an empty queue, for every run."""

    name: str
    roots: tuple[int, ...]  # its processes, with all their descendants
    target: str  # HOST:PORT that takes mail
    credentials: str  # base64 for AUTH PLAIN; empty: takes mail without
    notes: list[str]  # how its set-up differs from the case's words

    def obstacle(self, case: Case) -> str:
        """Why the case cannot be run with it here; empty when it can."""
        ...

    def start(self, case: Case, directory: Path, syncs: SyncCounter) -> float:
        """Start it with its data below `directory`; seconds until it was ready. Raises `SubjectError`."""
        ...

    def restart(self) -> float:
        """Stop and start it with what is in its queue; seconds until it was ready again."""
        ...

    def put_template(self, stream: Stream) -> dict[str, float]:
        """Have one message with a row for each copy in its queue, on hold; what that cost."""
        ...

    def release(self, expanded: dict[str, float]) -> Release:
        """Let that message go; given what `put_template` told."""
        ...

    def counters(self) -> dict[str, float]:
        """Its own figures at this moment, if it has any."""
        ...

    def stop(self) -> list[str]:
        """End it; what went wrong in doing so."""
        ...
