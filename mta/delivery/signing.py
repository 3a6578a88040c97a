"""Signs outgoing mail on a few threads, in batches, urgent mail first; templates are rendered there.

Threads that share the interpreter with a busy loop lose time at every hand-over, so whatever
waits is handed over as one batch when a thread is free.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor

from mta.delivery.attempt import Attempt
from mta.delivery.rendering import Keys, Rendering
from mta.dkim.keys import DkimKey
from mta.spool.rows import MessageFlag

MAX_BATCH = 32  # about 15 ms of RSA-2048: what urgent mail may have to wait for
_PERSONAL = int(MessageFlag.TEMPLATE | MessageFlag.UNSUBSCRIBE | MessageFlag.MARKED)

SignBatch = Callable[[list[tuple[bytes, Sequence[DkimKey], int]]], Sequence[bytes | Exception]]

# None: made for each recipient, and signed by its author
_Waiting = tuple[Attempt, bytes, Keys | None]


class SigningPool:
    """Hands contents to threads and tells when they come back signed."""

    def __init__(
        self,
        *,
        executor: Executor,
        threads: int,
        keys: Callable[[bytes], Keys],
        sign_batch: SignBatch,
        rendering: Rendering,
        now_ms: Callable[[], int],
        signed: Callable[[Attempt], None],
        failed: Callable[[Attempt, BaseException], None],
    ) -> None:
        """`keys(content)` gives the keys for a message, empty when nothing signs it."""
        self._executor = executor
        self._idle = threads
        self._keys = keys
        self._sign_batch = sign_batch
        self._rendering = rendering
        self._now_ms = now_ms
        self._signed = signed
        self._failed = failed
        self._waiting: list[_Waiting] = []
        self._running: set[asyncio.Task[None]] = set()

    def sign(self, attempt: Attempt) -> bool:
        """True when the message is ready as it is; otherwise `signed` is called later."""
        message = attempt.message
        if message.signed is not None:
            return True
        content = message.content
        assert content is not None
        if message.flags & _PERSONAL:
            self._waiting.append((attempt, content, None))
            return False
        keys = self._keys(content)
        if not keys:
            message.signed = content
            return True
        self._waiting.append((attempt, content, keys))
        return False

    def flush(self) -> None:
        """Hand what waits to the threads that are free; called once a turn of the loop."""
        while self._waiting and self._idle:
            if len(self._waiting) > 1:
                self._waiting.sort(key=lambda item: item[0].stream.klass)
            size = max(1, min(MAX_BATCH, -(-len(self._waiting) // self._idle)))
            batch, self._waiting = self._waiting[:size], self._waiting[size:]
            self._idle -= 1
            task = asyncio.get_running_loop().create_task(self._run(batch))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _run(self, batch: list[_Waiting]) -> None:
        loop = asyncio.get_running_loop()
        results: Sequence[bytes | Exception]
        try:
            results = await loop.run_in_executor(self._executor, self._make, batch, self._now_ms())
        except Exception as error:  # a broken pool must not strand what waits for it
            results = [error] * len(batch)
        finally:
            self._idle += 1
        for (attempt, _, keys), result in zip(batch, results, strict=True):
            if isinstance(result, BaseException):
                self._failed(attempt, result)
                continue
            if keys is None:
                attempt.content = result
            else:
                attempt.message.signed = result
            self._signed(attempt)
        self.flush()

    def _make(self, batch: list[_Waiting], now_ms: int) -> list[bytes | Exception]:
        """In a thread: render what each recipient gets of their own, then sign everything."""
        items: list[tuple[bytes, Sequence[DkimKey], int]] = []
        failures: dict[int, Exception] = {}
        for number, (attempt, content, keys) in enumerate(batch):
            chosen: Keys = keys or ()
            if keys is None:
                try:
                    content, chosen = self._rendering.render(attempt, content, now_ms)
                except Exception as error:
                    failures[number] = error
            items.append((content, chosen, now_ms // 1000))
        headers = self._sign_batch(items)
        return [
            failures.get(number) or (header if isinstance(header, Exception) else header + content)
            for number, ((content, _, _), header) in enumerate(zip(items, headers, strict=True))
        ]
