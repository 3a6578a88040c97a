"""Short tasks that belong to the dispatcher's group: a connection being opened, a look-up."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog


class Tasks:
    """Starts coroutines in a group, once there is one."""

    def __init__(self) -> None:
        self.group: asyncio.TaskGroup | None = None
        self._log = structlog.get_logger("mta.delivery")

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run it in the group; a failure is logged and ends nothing else."""
        if self.group is None:
            coroutine.close()
            return
        self.group.create_task(self._guarded(coroutine))

    async def _guarded(self, coroutine: Coroutine[Any, Any, None]) -> None:
        try:
            await coroutine
        except Exception:
            self._log.exception("delivery task failed")
