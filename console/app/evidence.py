"""Makes the send-evidence report (T-v), beside everything else.

Reading and packing millions of rows takes minutes of CPU, so it is done by a process of its
own: `python -m console.app.evidence` reads an `EvidenceJob` as JSON from standard input, tells how far it
is on standard output, a line of JSON each, and ends with what was made.
"""

import asyncio
import hashlib
import importlib.metadata
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import orjson

from console.accounts.exporting.archive import require_new
from console.pages.evidence_document import evidence_document
from console.pages.pdf import make_pdf
from console.pages.texts import load_texts
from console.reports.evidence.gathering import Asked, Gatherer
from console.reports.evidence.sheets import write_sheets
from console.reports.evidence.values import Period
from mta.model.clock import SystemClock
from mta.model.errors import PermanentError
from mta.settings.loading import Loaded
from mta.store.snapshot import StoreSnapshot

Progress = Callable[[int, int], None]  # rows so far, about so many in all
Result = TypeVar("Result")
_TELL_S = 0.5
_PDF_S = 300.0  # for a year with 1,500 campaigns and days, on a busy machine


@dataclass(frozen=True, slots=True)
class EvidenceJob:
    """What to make; a path that is empty is not written."""

    data_dir: str
    account: int
    first: str  # days
    last: str
    zone: str  # for accounts that have none of their own
    made_ms: int
    hostname: str
    release: str
    language: str
    number: int  # of the report; 0: it has none
    pdf: str
    xlsx: str


@dataclass(frozen=True, slots=True)
class MadeEvidence:
    """What was made."""

    rows: int
    digest: str  # of the rows: the same in both files
    files: Mapping[str, str]  # path to SHA-256


def job_of(loaded: Loaded, account: int, days: tuple[str, str], language: str) -> EvidenceJob:
    """What to make of this installation, without files yet."""
    server = loaded.settings.server
    return EvidenceJob(
        str(server.data_dir), account, *days, server.timezone, SystemClock().now_ms(),
        server.hostname, importlib.metadata.version("relevo"), language, 0, "", "",
    )  # fmt: skip


def make_evidence(job: EvidenceJob, progress: Progress) -> MadeEvidence:
    """Write the files, each whole or not at all.

    Raises `PermanentError` when one exists or cannot be made, `StoreError`, `ConfigurationError`.
    """
    texts = load_texts()[job.language]
    pdf, xlsx = (Path(name) if name else None for name in (job.pdf, job.xlsx))
    for path in filter(None, (pdf, xlsx)):
        require_new(path)
    from console.app.services import PACKAGES  # which imports what makes this report

    packages = ("mta.spool", "mta.engine", *PACKAGES)
    with StoreSnapshot.open(Path(job.data_dir), packages) as store:
        store.prepare()
        gatherer = Gatherer(store, _asked(store, job))
        if xlsx is not None:
            evidence = _whole(xlsx, lambda path: write_sheets(path, gatherer, texts, progress))
        else:
            evidence = gatherer.gather(lambda _: None, progress)
    if pdf is not None:
        _whole(pdf, lambda path: _print(path, evidence_document(evidence, texts, job.number)))
    sums = {str(path): _sum_of(path) for path in (pdf, xlsx) if path is not None}
    return MadeEvidence(evidence.rows, evidence.digest, sums)


def _asked(store: StoreSnapshot, job: EvidenceJob) -> Asked:
    rows = store.rows("evidence_accounts", account=job.account)
    zone = ZoneInfo((rows[0][2] if rows else "") or job.zone)
    period = Period(date.fromisoformat(job.first), date.fromisoformat(job.last), zone)
    if period.last < period.first:
        raise PermanentError("the last day is before the first one")
    return Asked(job.account, period, job.made_ms, job.hostname, job.release)


def _whole(path: Path, write: Callable[[Path], Result]) -> Result:
    """Write next to the file, sync, then give it its name."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        result = write(partial)
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise PermanentError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)
    return result


def _print(path: Path, html: str) -> None:
    pdf = asyncio.run(make_pdf(html, _PDF_S))
    if pdf is None:
        raise PermanentError("a PDF cannot be made here: is libpango installed?")
    path.write_bytes(pdf)


def _sum_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main() -> None:
    """The worker."""
    job = EvidenceJob(**orjson.loads(sys.stdin.buffer.read()))
    next_s = 0.0

    def progress(done: int, total: int) -> None:
        nonlocal next_s
        if (now_s := time.monotonic()) >= next_s:
            next_s = now_s + _TELL_S
            _tell({"done": done, "total": total})

    try:
        _tell({"made": asdict(make_evidence(job, progress))})
    except PermanentError as error:
        _tell({"problem": str(error)})


def _tell(line: Mapping[str, Any]) -> None:
    sys.stdout.buffer.write(orjson.dumps(line) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
