"""Short tasks that belong to the dispatcher's group: a connection being opened, a look-up."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog


class Tasks:
    """Starts coroutines in a group: those that come before there is one, when it begins."""

    def __init__(self) -> None:
        self._group: asyncio.TaskGroup | None = None
        self._early: list[Coroutine[Any, Any, None]] = []
        self._log = structlog.get_logger("mta.delivery")

    def begin(self, group: asyncio.TaskGroup) -> None:
        """Run everything in that group from now on."""
        self._group = group
        early, self._early = self._early, []
        for coroutine in early:
            self.spawn(coroutine)

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run it in the group; a failure is logged and ends nothing else."""
        if self._group is None:
            self._early.append(coroutine)
            return
        guarded = self._guarded(coroutine)
        try:
            self._group.create_task(guarded)
        except RuntimeError:  # the group has ended: the process stops
            guarded.close()
            coroutine.close()

    async def _guarded(self, coroutine: Coroutine[Any, Any, None]) -> None:
        try:
            await coroutine
        except Exception:
            self._log.exception("delivery task failed")
