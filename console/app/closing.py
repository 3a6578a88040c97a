"""Puts the end of accounts together: exports made by a process of their own, erasure, certificates."""

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from console.accounts.approvals import ApprovalService
from console.accounts.audit import AuditTrail
from console.accounts.sending.service import SendingDomains
from console.app.contacts import FOLDER as UPLOADS
from console.privacy.closing.erasures import AccountErasures, Cancel, Close
from console.privacy.closing.exports import AccountExports, Progress
from console.privacy.closing.forgetting import Forgetter
from console.privacy.persons import PersonService
from mta.engine.foundation import Foundation
from mta.model.errors import PermanentError

FOLDER = "exports"  # in the data directory
WORKER = "console.app.export_worker"


class ClosingParts:
    """Its services, over one store."""

    def __init__(
        self,
        foundation: Foundation,
        trail: AuditTrail,
        approvals: ApprovalService,
        persons: PersonService,
        domains: SendingDomains,
    ) -> None:
        store, ids, clock = foundation.store, foundation.ids, foundation.clock
        settings = foundation.loaded.settings
        self._data_dir = settings.server.data_dir
        self._store = store
        self._ids = ids
        self.exports = AccountExports(
            store, ids, clock, trail, self._data_dir / FOLDER, kept_s=settings.retention.exports
        )
        forgetter = Forgetter(
            store, persons, foundation.suppression.digest.of_key, self._data_dir / UPLOADS,
            domains.remove_keys,
        )  # fmt: skip
        self.erasures = AccountErasures(
            store, ids, clock, trail, forgetter, self.exports,
            wait_s=settings.retention.erasure_wait,
        )  # fmt: skip
        self.erasures.approved_by(approvals)

    async def observe_ids(self) -> None:
        """Tell the id generator of the greatest id on disk; once at start."""
        ((last,),) = await self._store.read("closing_last_id")
        self._ids.observe(last)

    def start(self) -> None:
        """The server runs: make exports."""
        self.exports.start(self._write)

    async def close(self) -> None:
        """End what runs."""
        await self.exports.close()

    async def run(self, close: Close, cancel: Cancel) -> None:
        """Once a minute. Raises `StoreError`."""
        await self.exports.tidy()
        await self.erasures.run(close, cancel)

    async def _write(self, account: int, target: Path, progress: Progress) -> Mapping[str, Any]:
        """In a process of its own, so that mail does not wait for it."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", WORKER,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        assert process.stdin is not None  # it was asked for
        assert process.stdout is not None
        order = {"data_dir": str(self._data_dir), "account": account, "target": str(target)}
        try:
            process.stdin.write(orjson.dumps(order))
            process.stdin.close()
            async for line in process.stdout:
                told = orjson.loads(line)
                if "table" in told:
                    progress(told["table"], told["done"], told["of"])
                elif "problem" in told:
                    raise PermanentError(told["problem"])
                else:
                    return told  # type: ignore[no-any-return]  # a JSON object
            raise PermanentError("the process that writes the export ended early")
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
