"""How long a workbook takes until its audience is ready, and how late the event loop is meanwhile.

    python -m bench.imports [--rows 300000] [--columns 6] [--folder .]

Makes the file first (not counted), then: receive it in pieces, look at it, confirm the guessed
columns, read and store. A probe sleeps 5 ms at a time and tells how much longer it slept, and how
much the loop's own thread worked meanwhile: that does not depend on what else the machine does.
"""

import argparse
import asyncio
import json
import resource
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from zoneinfo import ZoneInfo

import uvloop
import xlsxwriter

from console.accounts.actor import Actor
from console.accounts.audit.chain import ChainKey
from console.accounts.audit.trail import AuditTrail
from console.contacts.audiences import AudienceService
from console.contacts.importing import Importer
from console.contacts.segments.service import SegmentService
from console.contacts.uploads import UploadService
from console.contacts.values import ColumnMapping
from mta.engine.engine import SWITCH_INTERVAL_S
from mta.model.clock import SystemClock
from mta.model.ids import IdGenerator
from mta.store.sqlite import SqliteStore
from mta.store.statements import StatementPackage

PACKAGES = (
    "mta.spool",
    "console.accounts",
    "console.accounts.audit",
    "console.contacts",
    "console.contacts.segments",
)
PROBE_S = 0.005
IDLE_S = 5.0
CHUNK = 256 * 1024
ACCOUNT = 1
EVERY = 1_000  # one row in so many is no address, and one comes twice


def make(path: Path, rows: int, columns: int) -> None:
    """Write the workbook."""
    book = xlsxwriter.Workbook(str(path), {"constant_memory": True, "strings_to_urls": False})
    sheet = book.add_worksheet("Proveedores")
    names = ["Correo", "Nombres", "Apellidos", "Cargo", "Razón social", "RUC"]
    names += [f"Dato {n}" for n in range(len(names), columns)]
    sheet.write_row(0, 0, names[:columns])
    for n in range(rows):
        person = n - (n % EVERY == 3)
        address = "nada" if n % EVERY == 1 else f"persona{person}@empresa{person % 997}.pe"
        more = [f"valor {n}"] * (columns - 6)
        row = [address, f"Nombre {n}", f"Apellido {n}", "Jefe", f"Empresa {n % 997} SAC"]
        sheet.write_row(n + 1, 0, [*row, 20_000_000_000 + n, *more][:columns])
    book.close()


async def pieces(path: Path) -> AsyncIterator[bytes]:
    """The file as a browser sends it."""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk
            await asyncio.sleep(0)


async def probe(late: list[float], worked: list[float]) -> None:
    """Tell how late the loop is and how much its thread worked, in milliseconds."""
    while True:
        before, cpu_s = time.perf_counter(), time.thread_time()
        await asyncio.sleep(PROBE_S)
        late.append((time.perf_counter() - before - PROBE_S) * 1000)
        worked.append((time.thread_time() - cpu_s) * 1000)


async def measure(file: Path, folder: Path) -> dict[str, float]:
    """Seconds of each step, lag in milliseconds, megabytes."""
    store = await SqliteStore.open(folder, [StatementPackage.of(name) for name in PACKAGES])
    clock, ids = SystemClock(), IdGenerator()
    trail = AuditTrail(store, ids, clock, ChainKey(bytes(32)))
    uploads = UploadService(store, ids, clock, trail, folder / "uploads")
    importer = Importer(store, ids, clock, uploads, lambda *_: "")
    actor, late, worked = Actor.command(), list[float](), list[float]()
    watching = asyncio.create_task(probe(late, worked))
    await asyncio.sleep(IDLE_S)  # what others do to this machine
    idle, late[:], worked[:] = sorted(late), [], []
    own_s = _cpu_s(resource.RUSAGE_SELF)
    begun = time.perf_counter()
    upload = await uploads.receive(actor, ACCOUNT, file.name, pieces(file))
    received = time.perf_counter()
    preview = await uploads.preview(actor, upload.id)
    shown = time.perf_counter()
    email = next(c.place for c in preview.columns if c.is_email)
    fields = {c.field: c.place for c in preview.columns if not c.is_email}
    mapping = ColumnMapping(email, fields, preview.has_header, preview.sheet)
    await uploads.start(actor, upload.id, mapping)
    await importer.read_all()
    ended = time.perf_counter()
    watching.cancel()
    upload = await uploads.get(actor, upload.id)
    segments = SegmentService(store, ids, clock, trail, ZoneInfo("UTC"))
    audiences = AudienceService(store, ids, clock, segments)
    audience = await audiences.get(actor, upload.audience)
    await store.close()
    late.sort()
    return {
        "rows": upload.counts["rows"],
        "accepted": audience.total,
        "receive_s": received - begun,
        "preview_s": shown - received,
        "ready_s": ended - shown,
        "idle_lag_p99_ms": idle[len(idle) * 99 // 100],
        "idle_lag_max_ms": idle[-1],
        "lag_p50_ms": late[len(late) // 2],
        "lag_p99_ms": late[len(late) * 99 // 100],
        "lag_max_ms": late[-1],
        "loop_cpu_max_ms": max(worked),
        "cpu_s": _cpu_s(resource.RUSAGE_SELF) - own_s,
        "child_cpu_s": _cpu_s(resource.RUSAGE_CHILDREN),  # the preview's and the reader's
        "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "child_rss_mb": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024,
    }


def _cpu_s(who: int) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """One line of JSON on standard output."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--columns", type=int, default=6)
    parser.add_argument("--folder", type=Path, default=Path())
    chosen = parser.parse_args()
    sys.setswitchinterval(SWITCH_INTERVAL_S)  # as the server does
    with tempfile.TemporaryDirectory(dir=chosen.folder) as name:
        file, data = Path(name) / "lista.xlsx", Path(name) / "data"
        make(file, chosen.rows, max(chosen.columns, 1))
        data.mkdir(mode=0o700)
        found = uvloop.run(measure(file, data))
    print(json.dumps({key: round(value, 3) for key, value in found.items()}))


if __name__ == "__main__":
    main()
