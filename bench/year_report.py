"""The report of consumption of a year that was kept: time and memory, in a process of its own.

    python -m bench.year_report DIR FROM TO

Gathers the data, writes the workbook and the PDF, and prints one line of JSON: seconds of each, the
size of both files, and the most memory that this process and the one of the PDF had (MiB).
"""

import asyncio
import json
import resource
import sys
import time
from datetime import date
from pathlib import Path

from bench.year_ground import open_services
from bench.year_plan import MAIN, at_ms
from console.accounts.arguments import OPERATOR
from console.app.usage_reports import PDF_DEADLINE_S
from console.pages.pdf import make_pdf
from console.pages.texts import load_texts
from console.pages.usage_document import document
from console.reports.usage.data import UsageReport
from console.reports.usage.gather import Asked
from console.reports.usage.sheets import workbook
from mta.model.clock import ManualClock


async def measure(folder: Path, first: date, last: date) -> dict[str, float]:
    """Make both files, in Spanish, and forget them."""
    async with open_services(folder, ManualClock(at_ms(last, 20))) as services:
        account = await services.accounts.get(OPERATOR, MAIN)
        began = time.perf_counter()
        report = await services.reports.reporter.gather(OPERATOR, Asked(account.id, first, last))
        found = {"gather_s": time.perf_counter() - began, "campaigns": len(report.campaigns)}
    return {**found, **await _written(report)}


async def _written(report: UsageReport) -> dict[str, float]:
    texts = load_texts()["es"]
    began = time.perf_counter()
    sheets = workbook(report, texts)
    found: dict[str, float] = {"xlsx_s": time.perf_counter() - began}
    began = time.perf_counter()
    pdf = await make_pdf(document(report, texts), PDF_DEADLINE_S)
    found["pdf_s"] = time.perf_counter() - began
    found |= {"xlsx_kib": len(sheets) / 1024, "pdf_kib": len(pdf or b"") / 1024}
    child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return {**found, "own_mib": _most_mib(), "pdf_mib": child}


def _most_mib() -> float:
    """The most memory of this program; `ru_maxrss` would be that of the one that started it."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def main() -> int:
    """Print it."""
    folder, first, last = sys.argv[1:4]
    found = asyncio.run(measure(Path(folder), date.fromisoformat(first), date.fromisoformat(last)))
    print(json.dumps({key: round(value, 2) for key, value in found.items()}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
