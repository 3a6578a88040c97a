"""Reads uploads in the background: a process judges the rows, jobs of rows store them.

What is stored and how far is one transaction, so a restart goes on behind the last page; a file
that was being judged is judged again, which gives the same.
"""

import asyncio
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import orjson
import structlog

from console.contacts.files.child import ACCEPTED, REJECTED, Job
from console.contacts.files.judging import Reason
from console.contacts.uploads import UploadService, kind_of
from console.contacts.values import ColumnMapping, ContactList, Upload, UploadState
from mta.model.clock import Clock
from mta.model.errors import InternalError, JobRefused, RelevoError, StoreError
from mta.model.ids import IdGenerator
from mta.model.traffic import TrafficClass
from mta.store.base import MAX_JOB_ROWS, Store
from mta.store.standing import StandingTask
from mta.store.work import Rows

PAGE = MAX_JOB_ROWS - 50  # lines of one job
PAGE_WITH_LIST = 600  # where a good row is a contact and a membership, too
READ_DEADLINE_S = 900.0
UNSUBSCRIBE = "unsubscribe"  # what the lists call it
Suppressed = Callable[[int, str, int], str]  # account, address, class → reason or ""


class Importer:
    """One task of the running server; uploads are read one after the other."""

    def __init__(
        self,
        store: Store,
        ids: IdGenerator,
        clock: Clock,
        uploads: UploadService,
        suppressed: Suppressed,
    ) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock
        self._uploads = uploads
        self._suppressed = suppressed
        self._log = structlog.get_logger("relevo.contacts")
        self._task = StandingTask("imports", self.read_all, self._log)
        self.rows_read: dict[int, int] = {}  # by upload that is being read, for its page

    def start(self) -> None:
        """Begin; call once."""
        self._uploads.on_start = self._task.wake
        self._task.start()

    async def stop(self) -> None:
        """End; what is under way goes on at the next start."""
        await self._task.stop()

    async def read_all(self) -> None:
        """Read whatever was confirmed. Raises `StoreError`."""
        while opened := await self._store.read("uploads_open"):
            for (number,) in opened:
                upload = Upload.of((await self._store.read("upload_by_id", upload=number))[0])
                try:
                    await self._read(upload)
                except StoreError:
                    raise
                except (RelevoError, OSError, ValueError):
                    self._log.exception("import_failed", upload=number)
                    await self._fail(number, "internal")

    async def _read(self, upload: Upload) -> None:
        if upload.state is UploadState.READING:
            found = await self._judge(upload)
            if "unreadable" in found:
                await self._fail(upload.id, found["unreadable"])
                return
            await self._begin_storing(upload, found)
        await self._store_rows(
            Upload.of((await self._store.read("upload_by_id", upload=upload.id))[0])
        )
        await self._finish(upload.id)

    # -- judging -------------------------------------------------------------------------------

    async def _judge(self, upload: Upload) -> Mapping[str, Any]:
        """What the process says at its end."""
        folder, mapping = self._uploads.folder_of(upload.id), ColumnMapping(**upload.options)
        kind = kind_of(upload)
        job = Job(
            path=str(folder / "file"), out=str(folder), is_workbook=kind.is_workbook,
            encoding=kind.encoding, separator=kind.separator, sheet=mapping.sheet,
            has_header=mapping.has_header, email=mapping.email, fields=dict(mapping.fields),
            keep=mapping.keep, skip_roles=mapping.skip_roles, skip_typos=mapping.skip_typos,
        )  # fmt: skip
        order = folder / "job.json"
        await asyncio.to_thread(order.write_text, json.dumps(asdict(job)), "utf-8")
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "console.contacts.files.child", str(order),
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            async with asyncio.timeout(READ_DEADLINE_S):
                return await self._listen(upload.id, process)
        except TimeoutError:
            return {"unreadable": "too_slow"}
        finally:
            self.rows_read.pop(upload.id, None)
            if process.returncode is None:
                process.kill()
                await process.wait()

    async def _listen(self, upload: int, process: asyncio.subprocess.Process) -> Mapping[str, Any]:
        assert process.stdout is not None
        assert process.stderr is not None
        last: Mapping[str, Any] = {}
        async for line in process.stdout:
            last = json.loads(line)
            self.rows_read[upload] = last.get("rows", 0)
        complaint = await process.stderr.read(4_000)
        status = await process.wait()
        if status == 0 and "counts" in last:
            return last
        if "unreadable" in last:
            return last
        self._log.error("reader_ended", upload=upload, status=status, said=complaint.decode())
        return {"unreadable": "reader_ended"}

    async def _begin_storing(self, upload: Upload, found: Mapping[str, Any]) -> None:
        audience, now_ms = self._ids.new(), self._clock.now_ms()
        source = json.dumps({"upload": str(upload.id)})
        row = (
            upload.id, UploadState.READING.value, UploadState.STORING.value, "",
            json.dumps(dict(upload.options)), json.dumps(found["counts"]),
            json.dumps(found["columns"]), audience, now_ms,
        )  # fmt: skip
        await self._store.submit(
            [
                Rows("upload_state", [row], expect=1),
                Rows(
                    "audience_insert",
                    [(audience, upload.account, upload.name, "building", source, now_ms)],
                ),
            ]
        )

    # -- storing -------------------------------------------------------------------------------

    async def _store_rows(self, upload: Upload) -> None:
        """All pages that are not stored yet; the next one is read while one is committed."""
        mapping = ColumnMapping(**upload.options)
        status = await self._status(mapping.save_as_list)
        folder = self._uploads.folder_of(upload.id)
        count = PAGE_WITH_LIST if mapping.save_as_list else PAGE
        page = await asyncio.to_thread(_page, folder, upload.place, upload.bad_place, count)
        while page.good or page.bad:
            stored, work = self._work(upload, mapping, page, status)
            commit = self._store.submit(work, bulk=True)
            following = await asyncio.to_thread(_page, folder, page.place, page.bad_place, count)
            await commit
            upload = replace(upload, place=page.place, bad_place=page.bad_place, stored=stored)
            page = following

    async def _status(self, number: int) -> str:
        """How those are on a list who come from a file: who has to confirm has not done so."""
        rows = await self._store.read("list_by_id", list=number)
        return "unconfirmed" if rows and ContactList(*rows[0]).optin == "double" else "confirmed"

    def _work(
        self, upload: Upload, mapping: ColumnMapping, page: "_Page", status: str
    ) -> tuple[int, list[Rows]]:
        """How many rows are stored after this page, and the job that stores it."""
        rejects = [(upload.id, *line[:5]) for line in page.bad]
        kept = []
        for row, address, key, merge in page.good:
            if why := self._suppressed(upload.account, address, TrafficClass.CAMPAIGN):
                reason = Reason.UNSUBSCRIBED if why == UNSUBSCRIBE else Reason.SUPPRESSED
                rejects.append((upload.id, row, mapping.email + 1, address, reason.value, ""))
            else:
                kept.append((address, key, merge))
        work = self._page_rows(upload, mapping, kept, status)
        if rejects:
            work.append(Rows("upload_reject_insert", rejects))
        stored = upload.stored + len(kept)
        cursor = (
            upload.id, upload.place, upload.bad_place, page.place, page.bad_place, stored
        )  # fmt: skip
        work.append(Rows("upload_place", [cursor], expect=1))
        return stored, work

    def _page_rows(
        self,
        upload: Upload,
        mapping: ColumnMapping,
        kept: Sequence[tuple[str, str, str]],
        status: str,
    ) -> list[Rows]:
        now_ms = self._clock.now_ms()
        work = []
        if kept:
            rows = [
                (upload.audience, upload.stored + n, address, key, merge, None)
                for n, (address, key, merge) in enumerate(kept)
            ]
            work.append(Rows("audience_row_insert", rows, expect=len(rows)))
        if kept and mapping.save_as_list:
            first = self._ids.block(len(kept))[0]
            source = f"upload {upload.id}"
            contacts = [
                (first + n, upload.account, address, key, _attrs(merge), source, now_ms)
                for n, (address, key, merge) in enumerate(kept)
            ]
            members = [
                (mapping.save_as_list, upload.account, key, status, now_ms) for _, key, _ in kept
            ]
            work.append(Rows("contact_put", contacts))
            work.append(Rows("list_member_put_by_key", members))
        return work

    async def _finish(self, number: int) -> None:
        upload = Upload.of((await self._store.read("upload_by_id", upload=number))[0])
        refused = dict(await self._store.read("upload_reject_counts", upload=number))
        counts = {**upload.counts, "accepted": upload.stored, **refused}
        columns = json.dumps([asdict(column) for column in upload.columns])
        state = (
            number, UploadState.STORING.value, UploadState.READY.value, "",
            json.dumps(dict(upload.options)), json.dumps(counts), columns, upload.audience,
            self._clock.now_ms(),
        )  # fmt: skip
        ready = (upload.audience, upload.stored, json.dumps(counts), columns)
        await self._store.submit(
            [
                Rows("upload_state", [state], expect=1),
                Rows("audience_ready", [ready], expect=1),
            ]
        )
        folder = self._uploads.folder_of(number)
        await asyncio.to_thread(_remove, folder, (ACCEPTED, "job.json"))

    async def _fail(self, number: int, problem: str) -> None:
        upload = Upload.of((await self._store.read("upload_by_id", upload=number))[0])
        row = (
            number, upload.state.value, UploadState.FAILED.value, problem,
            json.dumps(dict(upload.options)), "{}", "[]", 0,
            self._clock.now_ms(),
        )  # fmt: skip
        try:
            await self._store.submit([Rows("upload_state", [row], expect=1)])
        except JobRefused:
            raise InternalError(f"upload {number} changed while it was read") from None


@dataclass(frozen=True, slots=True)
class _Page:
    """Lines of both files, and the octets behind them."""

    good: Sequence[Any]
    place: int
    bad: Sequence[Any]
    bad_place: int


def _page(folder: Path, place: int, bad_place: int, count: int) -> _Page:
    """Up to `count` lines in all: good ones first, at least a few of the others."""
    good, place = _lines(folder / ACCEPTED, place, count - count // 10)
    bad, bad_place = _lines(folder / REJECTED, bad_place, count - len(good))
    return _Page(good, place, bad, bad_place)


def _lines(path: Path, place: int, count: int) -> tuple[list[Any], int]:
    """Up to `count` lines from an octet on, and the octet behind them."""
    found: list[Any] = []
    with path.open("rb") as file:
        file.seek(place)
        while len(found) < count and (line := file.readline()):
            found.append(orjson.loads(line))
        return found, file.tell()


def _attrs(merge: str) -> str:
    values = orjson.loads(merge)
    values.pop("email", None)
    return orjson.dumps(values).decode()


def _remove(folder: Path, names: Sequence[str]) -> None:
    for name in names:
        (folder / name).unlink(missing_ok=True)
