"""A simulated year in a store, and how long each figure takes to read from it.

    python -m bench.year [--deliveries 4000000] [--campaigns 60] [--runs 5] [--dir DIR] [--keep | --ask DIR]

Builds 4,000,000 deliveries in 60 campaigns and in mail of applications, with their events, opens,
clicks, bounces, refunds, training and use of the doors, then reads the figures of the whole year, of
two months and of one account, what the pages of reports read, and makes the report of consumption.
Prints median and worst of the runs and their processor time in milliseconds; the goal is 300.
The database is removed at the end; one that was kept can be asked again.
"""

import argparse
import asyncio
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path

from bench.year_ground import lay_ground, open_services, put_back
from bench.year_plan import Year, at_ms, plan_year
from bench.year_questions import questions
from bench.year_store import Counts, YearWriter
from mta.model.clock import ManualClock

GOAL_MS = 300.0
ABOUT = "year.json"
LAST = date(2026, 10, 31)
BYTES_EACH = 1_500  # of the database, for each delivery; more is asked for than is needed


@dataclass(frozen=True, slots=True)
class Taken:
    """One question, asked several times; milliseconds."""

    name: str
    median: float
    worst: float
    cpu: float  # processor time of all threads, median


@dataclass(frozen=True, slots=True)
class Built:
    """A year in a folder, as it was asked for and as it became."""

    deliveries: int
    campaigns: int
    counts: Counts
    build_s: float
    size: int  # bytes of the database


@dataclass(frozen=True, slots=True)
class Result:
    """What the bench found."""

    built: Built
    taken: list[Taken]
    reports: dict[str, dict[str, float]]  # by period, as `bench.year_report` prints them


def build(folder: Path, deliveries: int, campaigns: int) -> None:
    """Make the year in an empty folder."""
    year = plan_year(deliveries, campaigns, LAST)
    began, clock = time.monotonic(), ManualClock()
    ground = asyncio.run(lay_ground(folder, clock, year))
    counts = YearWriter(folder, year, ground).write()
    asyncio.run(put_back(folder, clock, year))
    size = sum(file.stat().st_size for file in folder.glob("relevo.db*"))
    about = Built(deliveries, campaigns, counts, time.monotonic() - began, size)
    (folder / ABOUT).write_text(json.dumps(asdict(about)))


def ask(folder: Path, runs: int, *, with_reports: bool = True) -> Result:
    """Ask everything of a year that was built."""
    about = json.loads((folder / ABOUT).read_text())
    built = Built(**{**about, "counts": Counts(**about["counts"])})
    year = plan_year(built.deliveries, built.campaigns, LAST)
    taken = asyncio.run(_measure(folder, year, runs))
    periods = {"two months": year.last - timedelta(days=60), "year": year.first}
    reports = {
        name: _report(folder, first, year.last) for name, first in periods.items() if with_reports
    }
    return Result(built, taken, reports)


def _report(folder: Path, first: date, last: date) -> dict[str, float]:
    """In a process of its own, whose memory is the report's alone."""
    command = [sys.executable, "-m", "bench.year_report", str(folder), str(first), str(last)]
    made = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(made.stdout.splitlines()[-1])
    return found


async def _measure(folder: Path, year: Year, runs: int) -> list[Taken]:
    clock = ManualClock(at_ms(year.last, 12))
    async with open_services(folder, clock) as services:
        taken = []
        for name, ask in await questions(services, year):
            times, used = [], []
            for _ in range(runs):
                began, worked = time.perf_counter(), time.process_time()
                await ask()
                times.append((time.perf_counter() - began) * 1000)
                used.append((time.process_time() - worked) * 1000)
            median = statistics.median(times)
            taken.append(Taken(name, median, max(times), statistics.median(used)))
            print(f"{name:44} {median:8.1f} {max(times):8.1f}", file=sys.stderr)
        return taken


def render(result: Result) -> str:
    """The table of the documentation."""
    built, counts = result.built, result.built.counts
    lines = [
        (
            f"{counts.deliveries:,} deliveries, {counts.events:,} events, {counts.hits:,} opens and "
            f"clicks; built in {built.build_s:.0f} s, {built.size / 2**30:.1f} GiB"
        ),
        "",
        f"{'question':44} {'median':>8} {'worst':>8} {'cpu':>8}  ms",
    ]
    for one in result.taken:
        mark = "" if one.worst <= GOAL_MS else "  over"
        lines.append(f"{one.name:44} {one.median:8.1f} {one.worst:8.1f} {one.cpu:8.1f}{mark}")
    for name, one in result.reports.items():
        lines += [
            "",
            (
                f"report of consumption, {name}, {one['campaigns']:.0f} campaigns: "
                f"data {one['gather_s']:.1f} s, XLSX {one['xlsx_s']:.1f} s ({one['xlsx_kib']:.0f} KiB), "
                f"PDF {one['pdf_s']:.1f} s ({one['pdf_kib']:.0f} KiB); memory {one['own_mib']:.0f} MiB, "
                f"of the PDF's process {one['pdf_mib']:.0f} MiB"
            ),
        ]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """0: everything within the goal."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.year", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--deliveries", type=int, default=4_000_000, help="[%(default)s]")
    parser.add_argument("--campaigns", type=int, default=60, help="[%(default)s]")
    parser.add_argument("--runs", type=int, default=5, help="of each question [%(default)s]")
    parser.add_argument("--dir", type=Path, help="where the database is made")
    parser.add_argument("--keep", action="store_true", help="do not remove the database")
    parser.add_argument("--ask", type=Path, metavar="DIR", help="ask a year that was kept")
    options = parser.parse_args(arguments)
    if options.ask:
        result = ask(options.ask, options.runs)
    else:
        base = options.dir or Path(tempfile.gettempdir())
        if shutil.disk_usage(base).free < options.deliveries * BYTES_EACH:
            print(f"{base}: not enough space", file=sys.stderr)
            return 2
        result = _once(base, options)
    print(render(result))
    return int(any(one.worst > GOAL_MS for one in result.taken))


def _once(base: Path, options: argparse.Namespace) -> Result:
    folder = Path(tempfile.mkdtemp(prefix="relevo-year-", dir=base))
    try:
        build(folder, options.deliveries, options.campaigns)
        return ask(folder, options.runs)
    finally:
        if options.keep:
            print(folder, file=sys.stderr)
        else:
            shutil.rmtree(folder)


if __name__ == "__main__":
    raise SystemExit(main())
