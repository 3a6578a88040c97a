"""Reads uploads in the background: a process judges the rows, jobs of pages store them meanwhile.

A reading that was interrupted begins again: what it stored belongs to an audience that was never
ready, and is erased first. The loop only passes pages on; it looks at addresses a slice at a time.
"""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson
import structlog

from console.contacts.files.child import Job
from console.contacts.files.judging import Reason
from console.contacts.files.pages import Page, read_pages
from console.contacts.uploads import FILE, UploadService, kind_of
from console.contacts.values import AudienceColumn, ColumnMapping, ContactList, Upload, UploadState
from mta.events.record import event_row
from mta.model.clock import Clock
from mta.model.errors import InternalError, JobRefused, RelevoError, StoreError
from mta.model.ids import IdGenerator
from mta.model.traffic import EventType, TrafficClass
from mta.store.base import MAX_JOB_ROWS, Store
from mta.store.standing import StandingTask
from mta.store.work import Rows

PAGE = MAX_JOB_ROWS - 50  # rows of one job
SLICE = 200  # addresses that are looked up before others have the loop
KNOWN = "known"  # keys of the audience that an upload goes on with
PIPE = 1 << 18  # octets of pages that wait
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
                upload = await self._of(number)
                try:
                    await self._read(upload)
                except StoreError:
                    raise
                except (RelevoError, OSError, ValueError):
                    self._log.exception("import_failed", upload=number)
                    await self._fail(number, "internal")

    async def _read(self, upload: Upload) -> None:
        if upload.state is UploadState.STORING:
            await self._clear(upload)
        await self._clear_rejects(upload.id)
        upload = await self._begin(upload)
        if before := upload.options.get("continues"):
            upload = await self._copy(await self._of(before), upload)
        ended = await self._judge(upload)
        upload = await self._of(upload.id)
        if "counts" in ended:
            await self._finish(upload, ended)
            return
        await self._clear(upload)
        await self._fail(upload.id, ended.get("unreadable", "reader_ended"))

    async def _of(self, number: int) -> Upload:
        return Upload.of((await self._store.read("upload_by_id", upload=number))[0])

    async def _begin(self, upload: Upload) -> Upload:
        """An audience for its rows."""
        audience, now_ms = self._ids.new(), self._clock.now_ms()
        source = json.dumps({"upload": str(upload.id)})
        await self._store.submit(
            [
                Rows("upload_begin", [(upload.id, upload.state.value, audience, now_ms)], expect=1),
                Rows(
                    "audience_insert",
                    [(audience, upload.account, upload.name, "building", source, now_ms)],
                ),
            ]
        )
        return await self._of(upload.id)

    async def _copy(self, before: Upload, upload: Upload) -> Upload:
        """Begin with the rows of another upload, whose rejected rows this one corrects.

        Their keys go to a file: what comes a second time is left out.
        """
        known = self._uploads.folder_of(upload.id) / KNOWN
        await asyncio.to_thread(known.write_text, "", "utf-8")
        for first in range(0, before.stored, PAGE):
            rows = await self._store.read(
                "audience_keys", audience=before.audience, first=first, count=PAGE
            )
            await asyncio.to_thread(_append, known, [key for _, key in rows])
            copy = (upload.audience, before.audience, first, first + PAGE)
            stored = (upload.id, upload.audience, first, first + len(rows))
            await self._store.submit(
                [
                    Rows("audience_copy", [copy], expect=len(rows)),
                    Rows("upload_stored", [stored], expect=1),
                ],
                bulk=True,
            )
        return await self._of(upload.id)

    async def _clear(self, upload: Upload) -> None:
        """Erase what an interrupted reading stored."""
        await self._store.submit([Rows("audience_erase", [(upload.audience,)])])
        for first in range(0, upload.stored, PAGE):
            row = (upload.audience, first, first + PAGE)
            await self._store.submit([Rows("audience_rows_erase", [row])], bulk=True)

    async def _clear_rejects(self, upload: int) -> None:
        """Erase what an earlier reading left out: other columns may be chosen this time."""
        while rows := await self._store.read("upload_rejects", upload=upload, after=0, count=PAGE):
            last = (upload, rows[-1][0])
            await self._store.submit([Rows("upload_reject_erase", [last])], bulk=True)

    # -- judging -------------------------------------------------------------------------------

    async def _judge(self, upload: Upload) -> Mapping[str, Any]:
        """Store what the process finds; what it says at its end."""
        folder = self._uploads.folder_of(upload.id)
        order = folder / "job.json"
        mapping = ColumnMapping(**upload.options)
        document = json.dumps(asdict(_job(upload, mapping, folder)))
        await asyncio.to_thread(order.write_text, document, "utf-8")
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "console.contacts.files.child", str(order),
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE, limit=PIPE,
        )  # fmt: skip
        try:
            async with asyncio.timeout(READ_DEADLINE_S):
                return await self._listen(upload, mapping, process)
        except TimeoutError:
            return {"unreadable": "too_slow"}
        finally:
            self.rows_read.pop(upload.id, None)
            if process.returncode is None:
                process.kill()
                await process.wait()
            await asyncio.to_thread(_remove, folder, (order.name, KNOWN))

    async def _listen(
        self, upload: Upload, mapping: ColumnMapping, process: asyncio.subprocess.Process
    ) -> Mapping[str, Any]:
        assert process.stdout is not None
        assert process.stderr is not None
        ended: dict[str, Any] = {}
        async with aclosing(read_pages(process.stdout, ended)) as pages:
            await self._store_pages(upload, mapping, pages)
        complaint = await process.stderr.read(4_000)
        status = await process.wait()
        if (status == 0 and "counts" in ended) or "unreadable" in ended:
            return ended
        self._log.error("reader_ended", upload=upload.id, status=status, said=complaint.decode())
        return {}

    # -- storing -------------------------------------------------------------------------------

    async def _store_pages(
        self, upload: Upload, mapping: ColumnMapping, pages: AsyncGenerator[Page]
    ) -> None:
        """Each page is a job; the next one is prepared while one is committed."""
        status = await self._status(mapping.save_as_list)
        stored = upload.stored
        commit: asyncio.Future[None] | None = None
        try:
            async for page in pages:
                self.rows_read[upload.id] = page.rows
                kept, work = await self._work(upload, mapping, page, stored, status)
                if commit is not None:
                    await commit
                commit = self._store.submit(work, bulk=True)
                stored += kept
        finally:
            if commit is not None:
                await commit

    async def _status(self, number: int) -> str:
        """How those are on a list who come from a file: who has to confirm has not done so."""
        rows = await self._store.read("list_by_id", list=number)
        return "unconfirmed" if rows and ContactList(*rows[0]).optin == "double" else "confirmed"

    async def _work(
        self, upload: Upload, mapping: ColumnMapping, page: Page, stored: int, status: str
    ) -> tuple[int, list[Rows]]:
        """How many rows of a page are kept, and the job that stores it."""
        stopped = await self._stopped(upload.account, page.addresses)
        good, kept = page.good, len(page.addresses) - len(stopped)
        work = [
            Rows("upload_stored", [(upload.id, upload.audience, stored, stored + kept)], expect=1)
        ]
        if page.bad != "[]":
            work.append(Rows("upload_reject_insert", [(upload.id, page.bad)]))
        if stopped or mapping.save_as_list:
            lines = orjson.loads(good)
            if stopped:
                told = [_told(lines[n], mapping.email + 1, why) for n, why in stopped.items()]
                work.append(
                    Rows("upload_reject_insert", [(upload.id, orjson.dumps(told).decode())])
                )
                lines = [line for n, line in enumerate(lines) if n not in stopped]
                good = orjson.dumps(lines).decode()
            if mapping.save_as_list and lines:
                work += self._contacts(upload, mapping.save_as_list, lines, status)
        if kept:
            work.append(
                Rows("audience_page_insert", [(upload.audience, stored, good)], expect=kept)
            )
        return kept, work

    async def _stopped(self, account: int, addresses: Sequence[str]) -> Mapping[int, str]:
        """Which of them get no mail, and why."""
        found: dict[int, str] = {}
        for first in range(0, len(addresses), SLICE):
            for n, address in enumerate(addresses[first : first + SLICE], start=first):
                if why := self._suppressed(account, address, TrafficClass.CAMPAIGN):
                    found[n] = why
            await asyncio.sleep(0)
        return found

    def _contacts(
        self, upload: Upload, on_list: int, lines: Sequence[Sequence[Any]], status: str
    ) -> list[Rows]:
        """The same rows as contacts and members of a list."""
        now_ms, source = self._clock.now_ms(), f"upload {upload.id}"
        first = self._ids.block(len(lines))[0]
        contacts = [
            (first + n, upload.account, address, key, _attrs(merge), source, now_ms)
            for n, (_, address, key, merge) in enumerate(lines)
        ]
        members = [(on_list, upload.account, key, status, now_ms) for _, _, key, _ in lines]
        return [Rows("contact_put", contacts), Rows("list_member_put_by_key", members)]

    async def _finish(self, upload: Upload, ended: Mapping[str, Any]) -> None:
        refused = dict(await self._store.read("upload_reject_counts", upload=upload.id))
        counts = json.dumps({**ended["counts"], "accepted": upload.stored, **refused})
        columns = json.dumps(ended["columns"])
        if before := upload.options.get("continues"):
            columns = json.dumps(_joined((await self._of(before)).columns, ended["columns"]))
        state = (
            upload.id, UploadState.STORING.value, UploadState.READY.value, "",
            json.dumps(dict(upload.options)), counts, columns, upload.audience,
            self._clock.now_ms(),
        )  # fmt: skip
        ready = (upload.audience, upload.stored, counts, columns)
        await self._store.submit(
            [
                Rows("upload_state", [state], expect=1),
                Rows("audience_ready", [ready], expect=1),
                self._event(
                    upload,
                    UploadState.READY,
                    audience=str(upload.audience),
                    accepted=upload.stored,
                    rejected=sum(refused.values()),
                ),
            ]
        )

    def _event(self, upload: Upload, state: UploadState, **more: object) -> Rows:
        """What webhooks are told of."""
        data = {"import": str(upload.id), "name": upload.name, "state": state.value, **more}
        row = event_row(
            0, EventType.IMPORT_FINISHED, self._clock.now_ms(), upload.account, 0, 0, 0, data
        )
        return Rows("event_insert", [row[1:]])

    async def _fail(self, number: int, problem: str) -> None:
        upload = await self._of(number)
        row = (
            number, upload.state.value, UploadState.FAILED.value, problem,
            json.dumps(dict(upload.options)), "{}", "[]", 0,
            self._clock.now_ms(),
        )  # fmt: skip
        try:
            event = self._event(upload, UploadState.FAILED, problem=problem)
            await self._store.submit([Rows("upload_state", [row], expect=1), event])
        except JobRefused:
            raise InternalError(f"upload {number} changed while it was read") from None


def _job(upload: Upload, mapping: ColumnMapping, folder: Path) -> Job:
    """What the process is told."""
    kind = kind_of(upload)
    return Job(
        path=str(folder / FILE), out=str(folder),
        page=PAGE_WITH_LIST if mapping.save_as_list else PAGE,
        is_workbook=kind.is_workbook, encoding=kind.encoding, separator=kind.separator,
        sheet=mapping.sheet, has_header=mapping.has_header, email=mapping.email,
        fields=dict(mapping.fields), keep=mapping.keep, skip_roles=mapping.skip_roles,
        skip_typos=mapping.skip_typos, skip_hidden=mapping.skip_hidden,
        known=str(folder / KNOWN) if mapping.continues else "",
    )  # fmt: skip


def _joined(
    first: Sequence[AudienceColumn], second: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """The columns of both; what has the same name is filled in the rows of both."""
    found: dict[str, dict[str, Any]] = {one.name: asdict(one) for one in first}
    for one in second:
        known = found.setdefault(one["name"], {**one, "filled": 0})
        known["filled"] += one["filled"]
    return list(found.values())


def _append(path: Path, lines: Sequence[str]) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)


def _remove(folder: Path, names: Sequence[str]) -> None:
    for name in names:
        (folder / name).unlink(missing_ok=True)


def _told(line: Sequence[Any], column: int, why: str) -> tuple[int, int, str, str, str]:
    """A good row whose address gets no mail, as one that is left out."""
    reason = Reason.UNSUBSCRIBED if why == UNSUBSCRIBE else Reason.SUPPRESSED
    return line[0], column, line[1], reason.value, ""


def _attrs(merge: str) -> str:
    values = orjson.loads(merge)
    values.pop("email", None)
    return orjson.dumps(values).decode()
