"""Makes the documents that were asked for, one after the other, beside everything else."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import structlog

from console.accounts.actor import Actor
from console.reports.filed.book import Filed, FiledBook, FiledKind, FiledState
from mta.model.errors import RelevoError

ATTEMPTS = 3
IDLE_S = 60.0

_ACTOR = Actor.system("reports")
Told = Callable[[int, int], None]  # so many of so many are done
Writer = Callable[[Filed, Told], Awaitable["Written"]]


@dataclass(frozen=True, slots=True)
class Written:
    """Both files are where the book says."""

    digest: str
    lines: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """How far the document that is being made is."""

    report: int
    done: int
    total: int


class FiledMaker:
    """`run()` until it is cancelled."""

    def __init__(self, book: FiledBook, writers: Mapping[FiledKind, Writer]) -> None:
        self._book = book
        self._writers = MappingProxyType(dict(writers))
        self._wake = asyncio.Event()
        self._making = asyncio.Lock()
        self._log = structlog.get_logger("relevo.reports")
        self.step: Step | None = None

    def wake(self) -> None:
        """Something was asked for."""
        self._wake.set()

    async def run(self) -> None:
        """All that wait, the oldest first."""
        while True:
            self._wake.clear()
            try:
                while await self._one():
                    pass
            except RelevoError as error:
                self._log.warning("documents wait", error=str(error))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(IDLE_S):
                    await self._wake.wait()

    async def _one(self) -> bool:
        async with self._making:
            report = await self._book.next()
            if report is not None:
                await self.make(report)
            return report is not None

    async def make_now(self, report: Filed) -> Filed:
        """Make it unless somebody did already; gives how it is then. Raises `StoreError`."""
        async with self._making:
            found = await self._book.get(_ACTOR, report.id)
            if found.state in (FiledState.WAITING, FiledState.WORKING):
                await self.make(found)
            return await self._book.get(_ACTOR, report.id)

    async def make(self, report: Filed) -> None:
        """One of them, to its end or to the reason why not. Raises `StoreError`."""
        if report.attempts >= ATTEMPTS:  # the process ended in each of them
            await self._book.state(report, FiledState.FAILED, "every attempt was cut off")
            return
        await self._book.state(report, FiledState.WORKING)
        begun = replace(report, attempts=report.attempts + 1)
        self.step = Step(report.id, 0, 0)
        try:
            written = await self._writers[report.kind](begun, self._tell)
            await self._book.keep(_ACTOR, begun, written.digest, written.lines)
        except RelevoError as error:
            await self._failed(begun, str(error))
        except Exception:
            self._log.exception("document not made", report=report.id)
            await self._failed(begun, "internal error: the server's log has it")
        finally:
            self.step = None

    def _tell(self, done: int, total: int) -> None:
        if self.step is not None:
            self.step = Step(self.step.report, done, total)

    async def _failed(self, report: Filed, error: str) -> None:
        self._log.warning("document not made", report=report.id, error=error)
        await self._book.state(report, FiledState.FAILED, error)
