"""Puts hand-overs and evidence together: kept always, made where a server runs (T-v)."""

import asyncio
import base64
import hashlib
import importlib.metadata
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from console.accounts.actor import Actor
from console.accounts.arguments import OPERATOR
from console.accounts.audit import AuditTrail
from console.app.evidence import job_of
from console.pages.handover_document import handover_document, watermark_of
from console.pages.invitations import HandedOver
from console.pages.pdf import make_pdf
from console.pages.texts import load_texts
from console.reports.filed.book import FORMATS, Filed, FiledBook, FiledKind
from console.reports.filed.making import FiledMaker, Told, Written
from console.reports.handover.sections import sections
from console.reports.handover.service import HandoverService, NewManual
from console.reports.handover.values import ManualKind, SupportFacts
from console.reports.section_sheets import write_sections
from mta.engine.foundation import Foundation
from mta.model.errors import PermanentError

AccountFinder = Callable[[str | None], Awaitable[int]]
_ACTOR = Actor.system("reports")


class FiledParts:
    """What belongs to these documents in one process."""

    def __init__(
        self, foundation: Foundation, trail: AuditTrail, find_account: AccountFinder
    ) -> None:
        """`find_account`: an account's id by id or name."""
        self._find_account = find_account
        self._foundation = foundation
        settings = foundation.loaded.settings
        support = settings.support
        store, ids, clock = foundation.store, foundation.ids, foundation.clock
        self._zone = ZoneInfo(settings.server.timezone)
        self._texts = load_texts()
        self.handover = HandoverService(
            store, ids, clock, trail,
            SupportFacts(str(support.email or ""), support.phone, support.hours),
            str(settings.server.public_url).rstrip("/"),
        )  # fmt: skip
        self.book = FiledBook(store, ids, clock, trail, settings.server.data_dir)
        self.maker = FiledMaker(
            self.book,
            {FiledKind.EVIDENCE: self._write_evidence, FiledKind.HANDOVER: self._write_handover},
        )
        self._task: asyncio.Task[None] | None = None

    async def observe_ids(self) -> None:
        """Tell the id generator of the greatest ids on disk; once at start."""
        await self.handover.observe_ids()
        await self.book.observe_ids()

    def start(self) -> None:
        """Make what is asked for from now on, and what was not finished."""
        self._task = asyncio.get_running_loop().create_task(self.maker.run())

    async def close(self) -> None:
        """End; what is under way is made anew at the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @property
    def operations(self) -> Mapping[str, Callable[[Mapping[str, Any]], Awaitable[object]]]:
        """What commands can ask."""
        return {
            "handover.report": self.report_handover,
            "evidence.begin": self._begin_evidence,
            "evidence.make": self._make_evidence,
            "evidence.show": self._show_evidence,
            "evidence.take": self._take_evidence,
        }

    @property
    def manual_taken(self) -> HandedOver:
        """Somebody got a manual of this release: it stands in the hand-over of the account."""
        return self._manual_taken

    async def _manual_taken(
        self, actor: Actor, account: int, kind: str, language: str, data: bytes, recipient: str
    ) -> None:
        today = datetime.fromtimestamp(self._foundation.clock.now_ms() / 1000, self._zone).date()
        digest = hashlib.sha256(data).hexdigest()
        version = importlib.metadata.version("relevo")
        new = NewManual(ManualKind(kind), language, version, digest, recipient, today.isoformat())
        await self.handover.manual_taken(actor, account, new)

    async def report_handover(self, arguments: Mapping[str, Any]) -> object:
        """`account`, `format`, `language`: a numbered hand-over; gives its file as base64."""
        named, kind = arguments.get("account"), str(arguments.get("format"))
        account = await self._find_account(None if named is None else str(named))
        language = str(arguments.get("language") or "es")
        asked = await self.book.ask(OPERATOR, account, FiledKind.HANDOVER, "", "", language)
        made = await self.maker.make_now(asked)
        if made.error:
            raise PermanentError(made.error)
        path = await self.book.take(OPERATOR, made.id, kind)
        data = await asyncio.to_thread(path.read_bytes)
        return {
            "account": str(account), "number": made.number, "digest": made.digest,
            "data": base64.b64encode(data).decode(),
        }  # fmt: skip

    # -- inside --------------------------------------------------------------------------------

    async def _begin_evidence(self, arguments: Mapping[str, Any]) -> object:
        """`account`, `from`, `to`, `language`: ask for evidence of sends; gives its id and number."""
        named = arguments.get("account")
        account = await self._find_account(None if named is None else str(named))
        days = (str(arguments.get("from")), str(arguments.get("to")))
        language = str(arguments.get("language") or "es")
        asked = await self.book.ask(OPERATOR, account, FiledKind.EVIDENCE, *days, language)
        self.maker.wake()
        return {**_told(asked), "is_served": self._task is not None}

    async def _make_evidence(self, arguments: Mapping[str, Any]) -> object:
        """`report`: make it now, where no server runs."""
        report = await self.book.get(OPERATOR, int(arguments["report"]))
        return _told(await self.maker.make_now(report))

    async def _show_evidence(self, arguments: Mapping[str, Any]) -> object:
        """`report`: how far it is."""
        report = await self.book.get(OPERATOR, int(arguments["report"]))
        step = self.maker.step
        done, total = (step.done, step.total) if step and step.report == report.id else (0, 0)
        return {**_told(report), "rows_read": done, "rows_expected": total}

    async def _take_evidence(self, arguments: Mapping[str, Any]) -> object:
        """`report`, `format`: where the file lies on this machine, and its hash."""
        report, kind = int(arguments["report"]), str(arguments["format"])
        path = await self.book.take(OPERATOR, report, kind)
        files = await self.book.files(OPERATOR, [await self.book.get(OPERATOR, report)])
        (sha256,) = (one.sha256 for one in files[report] if one.format == kind)
        return {"kept": str(path), "sha256": sha256}

    async def _write_handover(self, report: Filed, _: Told) -> Written:
        handover = await self.handover.view(_ACTOR, report.account)
        texts, zone = self._texts[report.language], self._zone
        html = await asyncio.to_thread(handover_document, handover, texts, zone, report.number)
        pdf = await make_pdf(html)
        if pdf is None:
            raise PermanentError("a PDF cannot be made here: is libpango installed?")
        await asyncio.to_thread(self.book.path(report, "pdf").write_bytes, pdf)
        parts = sections(handover, texts, zone)
        path, mark = self.book.path(report, "xlsx"), watermark_of(handover, texts)
        await asyncio.to_thread(write_sections, path, parts, texts, zone, mark)
        return Written(handover.digest)

    async def _write_evidence(self, report: Filed, tell: Told) -> Written:
        """In a process of its own: it may take minutes of CPU."""
        pdf, xlsx = (self.book.path(report, name) for name in FORMATS)
        for path in (pdf, xlsx):
            path.unlink(missing_ok=True)  # of an attempt that was cut off
        days = (report.first, report.last)
        job = job_of(self._foundation.loaded, report.account, days, report.language)
        job = replace(job, number=report.number, pdf=str(pdf), xlsx=str(xlsx))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "console.app.evidence",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            return await _read(process, orjson.dumps(asdict(job)), tell)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


def _told(report: Filed) -> dict[str, Any]:
    """For commands."""
    return {
        "id": str(report.id), "account": str(report.account), "number": report.number,
        "state": report.state.value, "error": report.error, "digest": report.digest,
        "rows": report.lines,
    }  # fmt: skip


async def _read(process: asyncio.subprocess.Process, job: bytes, tell: Told) -> Written:
    """What the process tells, to its end."""
    assert process.stdin is not None, "it was piped"
    assert process.stdout is not None, "it was piped"
    process.stdin.write(job)
    process.stdin.close()
    written = None
    async for line in process.stdout:
        told = orjson.loads(line)
        if "made" in told:
            written = Written(told["made"]["digest"], told["made"]["rows"])
        elif "problem" in told:
            raise PermanentError(told["problem"])
        else:
            tell(told["done"], told["total"])
    await process.wait()
    if written is None:
        raise PermanentError("the process that reads the sends ended before its time")
    return written
