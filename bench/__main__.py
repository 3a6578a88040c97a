"""Throughput and latency of the whole relay, side by side with others: `make bench`.

    python -m bench [--cases a,c] [--messages 60000] [--repeat 1] [--subjects relevo,postfix]

Each run starts the subject with an empty queue on a real disk, loads it over loopback, and ends it.
The table goes to standard output, progress to standard error, everything to `bench/results/`.
"""

import argparse
import datetime as dt
import json
import signal
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench import machine
from bench.cases import BENCH, CASES, SUBJECTS, Case, cases_of
from bench.children import SubjectError
from bench.ground import Ground
from bench.programs import PROGRAMS, CannotBuildError, program
from bench.subject import Subject
from bench.subject_naive import NaiveSubject
from bench.subject_postfix import PostfixSubject
from bench.subject_relevo import RelevoSubject
from bench.summary import ratios, summarise
from bench.table import render
from bench.trial import Run, Trial

RESULTS = BENCH / "results"


def read_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=(__doc__ or "").partition("\n")[0],
        epilog="\n".join(f"{case.key:8} {case.title}" for case in CASES),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--cases", default="a,c", help="which, by key [default: %(default)s]")
    parser.add_argument("--messages", type=int, default=60_000, help="in a run [%(default)s]")
    parser.add_argument("--repeat", type=int, default=1, help="runs of each [%(default)s]")
    parser.add_argument("--subjects", default=",".join(SUBJECTS), help="[default: %(default)s]")
    parser.add_argument(
        "--with-postfix",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="compare with Postfix where it is installed",
    )
    parser.add_argument("--timeout", type=float, default=900.0, help="of a run, s [%(default)s]")
    parser.add_argument("--dir", type=Path, help="where the data lies; must be on a disk")
    parser.add_argument(
        "--hotspots", action="store_true", help="also list where Relevo spends its time (py-spy)"
    )
    parser.add_argument("--keep", action="store_true", help="do not remove the common directory")
    options = parser.parse_args(arguments)
    try:
        options.cases = cases_of(options.cases)
    except ValueError as error:
        parser.error(str(error))
    options.subjects = [name for name in options.subjects.split(",") if name]
    if unknown := set(options.subjects) - set(SUBJECTS):
        parser.error(f"--subjects: expected some of {','.join(SUBJECTS)}, not {','.join(unknown)}")
    if not options.with_postfix:
        options.subjects = [name for name in options.subjects if name != "postfix"]
    return options


def tell(text: str) -> None:
    """Progress, for people."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def run_all(options: argparse.Namespace) -> dict[str, Any]:
    """Everything that was asked for, as a report."""
    for name in PROGRAMS:
        program(name)
    with Ground(options.dir, keep=options.keep) as ground:
        made: list[Subject] = [RelevoSubject(ground), PostfixSubject(ground), NaiveSubject(ground)]
        subjects = [subject for subject in made if subject.name in options.subjects]
        report: dict[str, Any] = {
            "started": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            "machine": machine.facts(ground.directory),
            "left_out": [],
            "runs": [],
        }
        hotspots = print if options.hotspots else None
        trial = Trial(ground, options.timeout, tell, hotspots=hotspots)
        rows = [
            row for case in options.cases for row in _case(options, trial, subjects, case, report)
        ]
    report["summary"] = rows
    report["ratios"] = ratios(rows)
    return report


def _case(
    options: argparse.Namespace,
    trial: Trial,
    subjects: list[Subject],
    case: Case,
    report: dict[str, Any],
) -> list[dict[str, Any]]:
    """All runs of one case: the subjects take turns, so that they meet the same machine."""
    runs: dict[str, list[Run]] = {}
    for turn in range(1, options.repeat + 1):
        for subject in subjects:
            why = subject.obstacle(case) if subject.name in case.subjects else "not of this case"
            if why:
                if turn == 1 and why != "not of this case":
                    report["left_out"].append(
                        {"case": case.key, "subject": subject.name, "why": why}
                    )
                continue
            tell(f"{case.key} {subject.name}, run {turn} of {options.repeat}: {case.title}")
            run = trial.run(subject, case, options.messages)
            tell(
                f"  {run.delivered_s:,.0f} delivered/s, {run.cpu_s_per_1000} CPU s/1000, "
                f"lost {run.lost}, twice {run.duplicates}" + "".join(f"; {p}" for p in run.problems)
            )
            runs.setdefault(subject.name, []).append(run)
            report["runs"].append(asdict(run))
    return [summarise(case, name, found) for name, found in runs.items()]


def main() -> int:
    """Measure, print, keep. Status 1 when a run lost, doubled or damaged mail, or failed."""
    options = read_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        report = run_all(options)
    except (SubjectError, CannotBuildError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{dt.datetime.now(dt.UTC):%Y%m%d-%H%M%S}.json"
    path.write_text(json.dumps(report, indent=1) + "\n")
    print(render(report))
    print(f"All figures: {path}")
    return 0 if all(row["is_sound"] for row in report["summary"]) else 1


if __name__ == "__main__":
    sys.exit(main())
