"""A task of the running server that works whenever there is something to do, and does not give up.

What it does stands in the store: what could not be done, or was not done when it was stopped, is
found again the next time.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

import structlog

from mta.model.errors import StoreFailed, TransientError
from mta.store.base import Store

BACKOFF_S = (1.0, 60.0)


class StandingTask:
    """`start()`, `wake()` when there is something to do, `stop()`; may be started once.

    `work` is called at the start, after each `wake()` and when the time has passed that it gave
    (seconds; None: not before it is woken). When it raises it is called again after a pause, 1 s,
    doubled up to 60 s. After `StoreFailed` it is not: the process ends.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[], Awaitable[float | None]],
        log: structlog.typing.FilteringBoundLogger,
        *,
        rest_s: float = 0.0,
        backoff_s: tuple[float, float] = BACKOFF_S,
    ) -> None:
        """`name` is the task's; `rest_s`: how long it rests after each time, woken or not."""
        self._name = name
        self._work = work
        self._log = log
        self._rest_s = rest_s
        self._backoff_s = backoff_s
        self._woken = asyncio.Event()
        self._unwatch: list[Callable[[], None]] = []
        self._task: asyncio.Task[None] | None = None

    @property
    def is_running(self) -> bool:
        """Whether it was started and not stopped."""
        return self._task is not None

    def start(self, store: Store | None = None, waking: Iterable[str] = ()) -> None:
        """Begin; commits in which one of the statements `waking` ran wake it."""
        if store is not None:
            self._unwatch = [store.watch(statement, self.wake) for statement in waking]
        self._task = asyncio.get_running_loop().create_task(self._run(), name=self._name)

    async def stop(self) -> None:
        """End at once, wherever it is; nothing happens when it does not run."""
        for unwatch in self._unwatch:
            unwatch()
        self._unwatch = []
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def wake(self) -> None:
        """There may be something to do; cheap, and from the loop only."""
        self._woken.set()

    async def _run(self) -> None:
        pause_s, most_s = self._backoff_s
        while True:
            self._woken.clear()
            try:
                wait_s = await self._work()
            except StoreFailed:
                return  # the process ends
            except Exception as error:
                is_expected = isinstance(error, TransientError)
                tell = self._log.warning if is_expected else self._log.exception
                tell("tried again", task=self._name, error=str(error), again_in_s=pause_s)
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, most_s)
                continue
            pause_s = self._backoff_s[0]
            await asyncio.sleep(self._rest_s)
            await self._wait(wait_s)

    async def _wait(self, wait_s: float | None) -> None:
        try:
            async with asyncio.timeout(wait_s):
                await self._woken.wait()
        except TimeoutError:
            pass
