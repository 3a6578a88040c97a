"""From runs to statements: medians with their spread, and how many times one is the other."""

import statistics
from collections.abc import Iterable
from typing import Any

from bench.cases import Case
from bench.trial import Run

SPREAD = ("accepted_s", "delivered_s", "cpu_s_per_1000")
MEDIAN = (
    "anonymous_mib",
    "resident_mib",
    "written_kib",
    "syncs",
    "commits",
    "commit_ms",
    "commit_jobs",
    "loop_cpu_s_per_1000",
    "generator_cpu_s_per_1000",
    "other_cores",
    "stolen_cores",
    "cores",
    "ready_s",
    "disk_mib",
    "backlog_accepted_s",
)
COUNTED = ("lost", "duplicates", "damaged", "deferred", "refused", "resent")


def summarise(case: Case, subject: str, runs: list[Run]) -> dict[str, Any]:
    """One row: median, minimum and maximum over the runs of a case with a subject."""
    row: dict[str, Any] = {
        "case": case.key,
        "title": case.title,
        "subject": subject,
        "runs": len(runs),
        "messages": runs[0].messages,
        "backlog": runs[0].backlog,
        "is_sound": all(run.is_sound for run in runs),
        "notes": sorted({note for run in runs for note in run.notes}),
        "problems": [problem for run in runs for problem in run.problems],
    }
    for name in SPREAD:
        values = [getattr(run, name) for run in runs]
        row[name] = {
            "median": round(statistics.median(values), 3),
            "min": min(values),
            "max": max(values),
        }
    for name in MEDIAN:
        row[name] = round(statistics.median(getattr(run, name) for run in runs), 3)
    for name in COUNTED:
        row[name] = sum(getattr(run, name) for run in runs)
    for name in ("acceptance_ms", "delivery_ms"):
        row[name] = {
            quantile: round(
                statistics.median(getattr(run, name).get(quantile, 0.0) for run in runs), 2
            )
            for quantile in ("p50", "p99")
        }
    return row


def ratios(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Relevo against each other subject of the same case: deliveries a second, CPU per message."""
    kept = [row for row in rows if row["delivered_s"]["median"] > 0]
    ours = {row["case"]: row for row in kept if row["subject"] == "relevo"}
    found = []
    for row in kept:
        own = ours.get(row["case"])
        if own is None or own is row:
            continue
        cpu = own["cpu_s_per_1000"]["median"]
        found.append(
            {
                "case": row["case"],
                "against": row["subject"],
                "delivered_s": round(
                    own["delivered_s"]["median"] / row["delivered_s"]["median"], 2
                ),
                "cpu": round(row["cpu_s_per_1000"]["median"] / cpu, 2) if cpu else 0.0,
            }
        )
    return found
