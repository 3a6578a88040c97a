"""The store and the clock of a relay under test: real ones, that can be made to fail, wait and move."""

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol

from mta.model.clock import SystemClock
from mta.store.base import Store
from mta.store.work import Content, ContentRef, Rows


class Beats(Protocol):
    def beat(self) -> None: ...


class SteeredClock(SystemClock):
    """The machine's clocks, moved on when told; intervals can be made to stand still."""

    def __init__(self) -> None:
        self._offset_s = 0.0
        self._set_by_s = 0.0
        self._frozen_s: float | None = None

    def now_ms(self) -> int:
        return super().now_ms() + round((self._offset_s + self._set_by_s) * 1000)

    def monotonic_s(self) -> float:
        if self._frozen_s is not None:
            return self._frozen_s
        return super().monotonic_s() + self._offset_s

    def advance(self, seconds: float) -> None:
        self._offset_s += seconds
        if self._frozen_s is not None:
            self._frozen_s += seconds

    def jump(self, seconds: float) -> None:
        """Set the wall clock, as an operator or a time server does; the monotonic one goes on."""
        self._set_by_s += seconds

    def freeze(self) -> None:
        """From now on the monotonic clock moves by `advance` only."""
        self._frozen_s = self.monotonic_s()


class WatchedStore:
    """A store that tells of its commits; single jobs and reads can be failed or kept waiting."""

    def __init__(self, store: Store, pulse: Beats) -> None:
        self._store = store
        self._pulse = pulse
        self._faults: dict[str, list[BaseException]] = {}
        self._gates: dict[str, asyncio.Event] = {}
        self._before: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.gated = 0  # jobs and answers that are kept waiting
        self.is_dead = False  # as after SIGKILL: nothing more gets in
        self.submitted: list[tuple[str, int]] = []  # (statement, rows), in order
        self.reads: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def fail(self, statement: str, error: BaseException, times: int = 1) -> None:
        """The next jobs with that statement, or reads of it, fail."""
        self._faults.setdefault(statement, []).extend([error] * times)

    def heal(self) -> None:
        """Nothing fails any more."""
        self._faults.clear()

    def gate(self, statement: str, *, before: bool = False) -> asyncio.Event:
        """Jobs with that statement wait, and reads keep their answer back, until the event is set.

        `before`: reads look at the disk after it is set.
        """
        self._gates[statement] = event = asyncio.Event()
        if before:
            self._before.add(statement)
        return event

    def submit(
        self, work: Sequence[Rows], contents: Sequence[Content] = (), *, bulk: bool = False
    ) -> "asyncio.Future[None]":
        names = [rows.statement for rows in work]
        error = next((e for name in names if (e := self._fault(name)) is not None), None)
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.is_dead:
            return answer  # never answered
        if error is not None:
            answer.set_exception(error)
            return answer
        self.submitted += [(rows.statement, len(rows.rows)) for rows in work]
        gate = next((g for name in names if (g := self._closed(name)) is not None), None)
        if gate is None:
            committed = self._store.submit(work, contents, bulk=bulk)
            committed.add_done_callback(self._tell)
            return committed
        self._later(self._submit_after(gate, answer, work, contents, bulk=bulk))
        return answer

    async def read(self, statement: str, /, **params: Any) -> list[tuple[Any, ...]]:
        self.reads.append(statement)
        error = self._fault(statement)
        if error is not None:
            raise error
        if statement in self._before:
            await self._pass(statement)
        rows = await self._store.read(statement, **params)
        await self._pass(statement)
        return rows

    async def read_content(self, ref: ContentRef) -> bytes:
        error = self._fault("read_content")
        if error is not None:
            raise error
        content = await self._store.read_content(ref)
        await self._pass("read_content")
        return content

    async def _submit_after(
        self,
        gate: asyncio.Event,
        answer: "asyncio.Future[None]",
        work: Sequence[Rows],
        contents: Sequence[Content],
        *,
        bulk: bool,
    ) -> None:
        await self._wait(gate)
        try:
            await self._store.submit(work, contents, bulk=bulk)
        except Exception as error:
            answer.set_exception(error)
        else:
            answer.set_result(None)
        self._pulse.beat()

    async def _pass(self, name: str) -> None:
        gate = self._closed(name)
        if gate is not None:
            await self._wait(gate)

    async def _wait(self, gate: asyncio.Event) -> None:
        self.gated += 1
        self._pulse.beat()
        await gate.wait()
        self.gated -= 1

    def _later(self, coroutine: Any) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _tell(self, _: "asyncio.Future[None]") -> None:
        asyncio.get_running_loop().call_soon(self._pulse.beat)

    def _fault(self, name: str) -> BaseException | None:
        waiting = self._faults.get(name)
        return waiting.pop(0) if waiting else None

    def _closed(self, name: str) -> asyncio.Event | None:
        gate = self._gates.get(name)
        return gate if gate is not None and not gate.is_set() else None
