"""Exports of whole accounts, made one after the other beside the mail; a restart begins one anew."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import structlog

from console.accounts.actor import Actor, NotVisible
from console.accounts.audit import AuditTrail
from console.accounts.permissions import Permission
from console.privacy.closing.values import AccountExport, ExportProgress, ExportState
from mta.model.clock import Clock
from mta.model.errors import PermanentError, RelevoError
from mta.model.ids import IdGenerator
from mta.store.base import Store
from mta.store.work import Rows

MOST_OPEN = 3  # of one account
_SHOWN = 50

Progress = Callable[[str, int, int], None]
# Writes the archive of an account to a file that is not there yet; gives rows, bytes and SHA-256.
Write = Callable[[int, Path, Progress], Awaitable[Mapping[str, Any]]]


class AccountExports:
    """For who has `privacy.manage` in an account."""

    def __init__(
        self, store: Store, ids: IdGenerator, clock: Clock, trail: AuditTrail, folder: Path,
        *, kept_s: float,
    ) -> None:  # fmt: skip
        """`folder`: where the files lie; `kept_s`: for how long."""
        self._store = store
        self._ids = ids
        self._clock = clock
        self._trail = trail
        self._folder = folder
        self.kept_s = kept_s
        self._progress: dict[int, ExportProgress] = {}
        self._wake = asyncio.Event()
        self._again: set[int] = set()  # begun before an erasure
        self._task: asyncio.Task[None] | None = None
        self._log = structlog.get_logger("relevo.exports")

    def start(self, write: Write) -> None:
        """The server runs: make what waits, with `write`."""
        self._wake.set()
        self._task = asyncio.get_running_loop().create_task(self._run(write))

    async def close(self) -> None:
        """Stop; what is under way begins anew at the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def ask(self, actor: Actor, account: int) -> AccountExport:
        """Have everything of the account, and of those below it, written to a file."""
        actor.require(Permission.PRIVACY_MANAGE, account)
        rows = await self._store.read("closing_exports_open")
        if sum(row[1] == account for row in rows) >= MOST_OPEN:
            raise PermanentError("exports of the account are being made: wait for them")
        number, now_ms = self._ids.new(), self._clock.now_ms()
        row = (number, account, ExportState.WAITING.value, actor.name, now_ms)
        entry = self._trail.entry(actor, "account.exported", account, account)
        await self._store.submit([Rows("closing_export_insert", [row], expect=1), entry])
        self._wake.set()
        return await self.get(actor, number)

    async def all(self, actor: Actor) -> list[AccountExport]:
        """The latest ones that the actor may see, the newest first."""
        accounts = actor.accounts(Permission.PRIVACY_MANAGE)
        return await self._read(0, None if accounts is None else sorted(accounts))

    async def get(self, actor: Actor, number: int) -> AccountExport:
        """One of them. Raises `NotVisible`."""
        found = await self._read(number, None)
        if not found or not actor.may(Permission.PRIVACY_MANAGE, found[0].account):
            raise NotVisible(f"there is no export {number}")
        return found[0]

    def progress(self, number: int) -> ExportProgress | None:
        """How far the one is that is being made."""
        return self._progress.get(number)

    async def file(self, actor: Actor, number: int) -> Path:
        """The file, for a download that the audit trail tells of. Raises as `get`, `PermanentError`."""
        found = await self.get(actor, number)
        path = self._path(number)
        if found.state is not ExportState.DONE or not path.is_file():
            raise PermanentError(f"export {number} has no file")
        told = {"export": str(number), "sha256": found.sha256}
        await self._trail.note(
            actor, "account.downloaded", found.account, found.account, after=told
        )
        return path

    async def last_digest(self, account: int) -> str:
        """The SHA-256 of the last export of the account, "" if there was none."""
        found = await self._read(0, [account])
        return next((one.sha256 for one in found if one.sha256), "")

    async def tidy(self, accounts: Sequence[int] = ()) -> None:
        """Remove files whose time is over, and all those of `accounts`."""
        before = self._clock.now_ms() - round(self.kept_s * 1000)
        old = [row[0] for row in await self._store.read("closing_exports_old", before=before)]
        if accounts:
            own = await self._read(0, accounts)
            old += [one.id for one in own if one.state is ExportState.DONE]
        for number in old:
            await asyncio.to_thread(self._path(number).unlink, missing_ok=True)
        if old:
            rows = [(number, ExportState.REMOVED.value) for number in dict.fromkeys(old)]
            await self._store.submit([Rows("closing_export_state", rows)])

    async def drop(self, accounts: frozenset[int] | None) -> None:
        """Remove what has data of these accounts (None: of any); what is being made begins anew."""
        chosen = None if accounts is None else orjson.dumps(sorted(accounts)).decode()
        removed = []
        for number, state in await self._store.read("closing_exports_with", accounts=chosen):
            if state == ExportState.RUNNING:
                self._again.add(number)
            else:
                removed.append((number, ExportState.REMOVED.value))
                await asyncio.to_thread(self._path(number).unlink, missing_ok=True)
        if removed:
            await self._store.submit([Rows("closing_export_state", removed)])

    async def _run(self, write: Write) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            with contextlib.suppress(RelevoError):
                for number, account in await self._store.read("closing_exports_open"):
                    await self._make(write, number, account)

    async def _make(self, write: Write, number: int, account: int) -> None:
        await self._store.submit(
            [Rows("closing_export_state", [(number, ExportState.RUNNING.value)])]
        )
        path = self._path(number)

        def told(table: str, done: int, of: int) -> None:
            self._progress[number] = ExportProgress(table, done, of)

        try:
            made = await self._fresh(number, lambda: write(account, path, told))
            end = (ExportState.DONE.value, made["rows"], made["bytes"], made["sha256"], "")
        except RelevoError as error:
            self._log.warning("export failed", account=account, error=str(error))
            end = (ExportState.FAILED.value, 0, 0, "", str(error)[:500])
        state, *rest = end
        row = (number, state, self._clock.now_ms(), *rest)
        await self._store.submit([Rows("closing_export_end", [row], expect=1)])
        self._progress.pop(number, None)

    async def _fresh(
        self, number: int, write: Callable[[], Awaitable[Mapping[str, Any]]]
    ) -> Mapping[str, Any]:
        """What is written, anew if somebody was erased meanwhile."""
        while True:
            self._again.discard(number)
            await asyncio.to_thread(self._clean, self._path(number))
            made = await write()
            if number not in self._again:
                return made

    def _clean(self, path: Path) -> None:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        path.unlink(missing_ok=True)

    def _path(self, number: int) -> Path:
        return self._folder / f"{number}.zip"

    async def _read(self, number: int, accounts: Sequence[int] | None) -> list[AccountExport]:
        chosen = None if accounts is None else orjson.dumps(list(accounts)).decode()
        rows = await self._store.read("closing_exports", id=number, accounts=chosen, count=_SHOWN)
        return [AccountExport.of(row) for row in rows]
