"""The report as text: the machine, one line per case and subject, ratios, what was wrong."""

from collections.abc import Iterator, Sequence
from typing import Any

_THROUGHPUT = (
    ("case", 7),
    ("subject", 8),
    ("messages", 8),
    ("accepted/s", 21),
    ("delivered/s", 21),
    ("CPU s/1000", 19),
    ("MiB anon", 8),
    ("KiB written", 11),
    ("syncs", 6),
)
_LATENCY = (
    ("case", 7),
    ("subject", 8),
    ("accept p50 ms", 13),
    ("p99", 8),
    ("delivery p50 ms", 15),
    ("p99", 8),
    ("lost", 4),
    ("twice", 5),
    ("damaged", 7),
    ("load CPU s/1000", 15),
    ("other cores", 11),
)


def render(report: dict[str, Any]) -> str:
    """The whole report, ready to print."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: dict[str, Any]) -> Iterator[str]:
    rows = report["summary"]
    yield from _machine(report["machine"])
    yield ""
    for case, title in {row["case"]: row["title"] for row in rows}.items():
        yield f"  {case}: {title}"
    yield ""
    yield "Median (least–most) of the runs; per message: CPU of all processes, KiB written, syncs."
    yield from _table(_THROUGHPUT, [_throughput(row) for row in rows])
    yield ""
    yield from _table(_LATENCY, [_latency(row) for row in rows])
    yield ""
    yield from _store(rows)
    for ratio in report["ratios"]:
        yield (
            f"  {ratio['case']}: Relevo delivers {ratio['delivered_s']:.2f} times as many a second as "
            f"{ratio['against']}, whose CPU per message is {ratio['cpu']:.2f} times Relevo's"
        )
    yield from _remarks(report)


def _machine(facts: dict[str, Any]) -> Iterator[str]:
    sync = facts["sync_ms"]
    yield (
        f"{facts['cpu']}, {facts['cores']} cores, {facts['memory_mib']:,} MiB, "
        f"Linux {facts['kernel']}, Python {facts['python']}, SQLite {facts['sqlite']}"
    )
    yield (
        f"data on {facts['file_system']} ({facts['data_dir']}), fdatasync of 4 KiB: median "
        f"{sync['median']} ms, p99 {sync['p99']} ms; load average {facts['load_average'][0]}; "
        f"version {facts['version']}"
    )


def _table(columns: Sequence[tuple[str, int]], rows: list[tuple[str, ...]]) -> Iterator[str]:
    for cells in (tuple(name for name, _ in columns), *rows):
        texts = []
        for number, ((_, width), cell) in enumerate(zip(columns, cells, strict=True)):
            texts.append(cell.ljust(width) if number < 2 else cell.rjust(width))
        yield "  ".join(texts).rstrip()


def _spread(value: dict[str, float], digits: int) -> str:
    median, least, most = (f"{value[key]:,.{digits}f}" for key in ("median", "min", "max"))
    return median if least == most else f"{median} ({least}–{most})"


def _throughput(row: dict[str, Any]) -> tuple[str, ...]:
    return (
        row["case"],
        row["subject"],
        f"{row['messages']:,}",
        _spread(row["accepted_s"], 0),
        _spread(row["delivered_s"], 0),
        _spread(row["cpu_s_per_1000"], 2),
        f"{row['anonymous_mib']:,.0f}",
        f"{row['written_kib']:.1f}",
        f"{row['syncs']:.2f}",
    )


def _latency(row: dict[str, Any]) -> tuple[str, ...]:
    return (
        row["case"],
        row["subject"],
        f"{row['acceptance_ms']['p50']:,.1f}",
        f"{row['acceptance_ms']['p99']:,.1f}",
        f"{row['delivery_ms']['p50']:,.0f}",
        f"{row['delivery_ms']['p99']:,.0f}",
        str(row["lost"]),
        str(row["duplicates"]),
        str(row["damaged"]),
        f"{row['generator_cpu_s_per_1000']:.3f}",
        f"{row['other_cores'] + row['stolen_cores']:.2f}",
    )


def _store(rows: list[dict[str, Any]]) -> Iterator[str]:
    for row in rows:
        if row["commits"]:
            yield (
                f"  {row['case']}: {row['commits']:.3f} group commits per message, each "
                f"{row['commit_ms']:.2f} ms and {row['commit_jobs']:.1f} jobs on average; the event "
                f"loop's share of the CPU is {row['loop_cpu_s_per_1000']:.2f} s/1000"
            )
        if row["backlog"]:
            yield (
                f"  {row['case']}: {row['backlog']:,} deliveries queued at "
                f"{row['backlog_accepted_s']:,.0f}/s, {row['disk_mib']:,.0f} MiB on disk, "
                f"ready {row['ready_s']:.2f} s after start"
            )


def _remarks(report: dict[str, Any]) -> Iterator[str]:
    yield (
        "  Limits per site are lifted and domains not rolled up (bench/shaping.toml), except in case "
        "`shipped`."
    )
    rows = report["summary"]
    yield from _named(
        [row for row in rows if row["other_cores"] + row["stolen_cores"] > 0.2],
        "others used the machine at the same time, so compare only within this report:",
    )
    yield from _named(
        [
            row
            for row in rows
            if row["generator_cpu_s_per_1000"] > 0.1 * row["cpu_s_per_1000"]["median"]
        ],
        "the load generator cost more than a tenth of what it measured:",
    )
    for row in rows:
        for note in row["notes"]:
            yield f"  {_name(row)}: {note}"
        for problem in row["problems"]:
            yield f"  {_name(row)}: WRONG: {problem}"
    for left in report["left_out"]:
        yield f"  {left['case']} {left['subject']}: left out, {left['why']}"


def _named(rows: list[dict[str, Any]], remark: str) -> Iterator[str]:
    if rows:
        yield f"  {remark} {', '.join(_name(row) for row in rows)}"


def _name(row: dict[str, Any]) -> str:
    return f"{row['case']} {row['subject']}"
