"""Files of people go away again: by hand, and by themselves after `retention.uploads`.

Those that nobody confirmed go after a week. With a file go its rows, what was left out of it, and
the audience made of it, unless a campaign that is not over still needs that. Each step can be repeated: the upload itself goes last.
"""

import asyncio
import shutil
from collections.abc import Awaitable, Callable

import structlog

from console.accounts.actor import Actor
from console.accounts.audit.trail import AuditTrail
from console.accounts.permissions import Permission
from console.contacts.uploads import UnusableUpload, UploadService
from console.contacts.values import Upload
from mta.model.clock import Clock
from mta.store.base import MAX_JOB_ROWS, Store
from mta.store.standing import StandingTask
from mta.store.work import Rows

PAGE = 100  # uploads of one look
PART = MAX_JOB_ROWS - 50  # rows of one job
UNCONFIRMED_MS = 7 * 86_400_000  # a file whose columns nobody confirmed is kept so long
REST_S = 3_600.0  # between two looks
IsUsed = Callable[[int, int], Awaitable[bool]]  # account, audience → a campaign needs it


class UploadRemoval:
    """Removes uploads; one task of the running server removes old ones."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        trail: AuditTrail,
        uploads: UploadService,
        *,
        kept_s: float,
        is_used: IsUsed,
    ) -> None:
        """`kept_s`: how long uploads are kept; 0: until somebody removes them."""
        self._store = store
        self._clock = clock
        self._trail = trail
        self._uploads = uploads
        self._kept_s = kept_s
        self._is_used = is_used
        self._task = StandingTask(
            "uploads-removal", self.run, structlog.get_logger("relevo.contacts")
        )

    def start(self) -> None:
        """Begin; call once."""
        self._task.start()

    async def stop(self) -> None:
        """End; what is under way is finished after the next start."""
        await self._task.stop()

    async def remove(self, actor: Actor, upload: int) -> None:
        """It is gone for good. Raises `UnusableUpload` while it is read or a campaign needs it."""
        found = await self._uploads.get(actor, upload)
        actor.require(Permission.CONTACT_EDIT, found.account)
        if found.is_open:
            raise UnusableUpload("under_way")
        if found.audience and await self._is_used(found.account, found.audience):
            raise UnusableUpload("in_use")
        await self._erase(actor, found)

    async def run(self) -> float:
        """Remove what is too old; gives seconds until the next look. Raises `StoreError`."""
        if not self._kept_s:
            return REST_S
        now_ms, after = self._clock.now_ms(), 0
        before_ms = now_ms - round(self._kept_s * 1000)
        unconfirmed_ms = max(before_ms, now_ms - UNCONFIRMED_MS)
        while rows := await self._store.read(
            "uploads_old", before_ms=before_ms, unconfirmed_ms=unconfirmed_ms, after=after,
            count=PAGE,
        ):  # fmt: skip
            for row in rows:
                found = Upload.of(row)
                if not await self._is_used(found.account, found.audience):
                    await self._erase(Actor.system("retention"), found)
            after = rows[-1][0]
        return REST_S

    async def _erase(self, actor: Actor, upload: Upload) -> None:
        if upload.audience:
            await self._store.submit([Rows("audience_erase", [(upload.audience,)])])
            for first in range(0, upload.stored, PART):
                row = (upload.audience, first, first + PART)
                await self._store.submit([Rows("audience_rows_erase", [row])], bulk=True)
        while rows := await self._store.read(
            "upload_rejects", upload=upload.id, after=0, count=PART
        ):
            last = (upload.id, rows[-1][0])
            await self._store.submit([Rows("upload_reject_erase", [last])], bulk=True)
        folder = self._uploads.folder_of(upload.id)
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        told = {"name": upload.name, "sha256": upload.sha256}
        entry = self._trail.entry(actor, "upload.removed", upload.account, upload.id, before=told)
        await self._store.submit([Rows("upload_erase", [(upload.id,)]), entry])
