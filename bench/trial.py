"""One run: one subject, one case, measured from the first connection to the last copy's arrival."""

import itertools
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import meter
from bench.cases import Case
from bench.children import SubjectError
from bench.generator import Release, Sink, Source, Stream, new_stream
from bench.ground import Ground
from bench.hotspots import Recorder
from bench.meter import PeakSampler, Snapshot, SyncCounter
from bench.programs import program
from bench.subject import Subject

POLL_S = 0.1
STALL_S = 20.0  # without any arrival a run is over
SETTLE_S = 4.0  # for work that is still due after the last arrival
MIB = 2**20

Progress = Callable[[str], None]


@dataclass(slots=True)
class Run:
    """The figures of one run; "per message" means per copy that arrived."""

    case: str
    subject: str
    messages: int
    accepted: int = 0
    delivered: int = 0
    lost: int = 0
    duplicates: int = 0
    damaged: int = 0  # altered, foreign, or sent to somebody else's recipient
    deferred: int = 0
    refused: int = 0
    resent: int = 0
    seconds: float = 0.0
    accepted_s: float = 0.0
    delivered_s: float = 0.0
    cpu_s_per_1000: float = 0.0
    loop_cpu_s_per_1000: float = 0.0  # the first thread's: of Relevo, the event loop's
    cores: float = 0.0
    resident_mib: float = 0.0
    anonymous_mib: float = 0.0
    processes: int = 0
    written_kib: float = 0.0
    syncs: float = 0.0
    acceptance_ms: dict[str, float] = field(default_factory=dict)
    delivery_ms: dict[str, float] = field(default_factory=dict)
    generator_cpu_s_per_1000: float = 0.0
    other_cores: float = 0.0
    stolen_cores: float = 0.0
    ready_s: float = 0.0
    backlog: int = 0
    backlog_accepted_s: float = 0.0
    disk_mib: float = 0.0
    connections_peak: int = 0
    commits: float = 0.0
    commit_ms: float = 0.0
    commit_jobs: float = 0.0
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        """Everything was taken and arrived once and whole."""
        wrong = self.lost or self.duplicates or self.damaged or self.problems
        return not wrong and self.accepted == self.messages > 0


class Trial:
    """Runs cases on a common ground."""

    def __init__(
        self,
        ground: Ground,
        deadline_s: float,
        progress: Progress,
        *,
        hotspots: Callable[[str], None] | None = None,
    ) -> None:
        self._ground = ground
        self._deadline_s = deadline_s
        self._progress = progress
        self._hotspots = hotspots  # gets the listing of functions of each run of Relevo
        self._numbers = itertools.count(1)

    def run(self, subject: Subject, case: Case, messages: int) -> Run:
        """Measure one case with a subject that is started for it and ended after it."""
        stream = new_stream(case.load_for(subject.name, messages), self._numbers)
        streams = [stream]
        if case.backlog is not None:
            streams.append(new_stream(case.backlog, self._numbers))
        run = Run(case.key, subject.name, stream.load.messages)
        directory = self._ground.directory / f"{subject.name}-{stream.run}"
        directory.mkdir(mode=0o755)
        try:
            with Sink(self._ground, case.receivers, streams) as sink:
                self._measure(run, subject, case, streams, sink, directory)
        except SubjectError as error:
            run.problems.append(str(error))
        finally:
            shutil.rmtree(directory, ignore_errors=True)
        return run

    def _measure(
        self,
        run: Run,
        subject: Subject,
        case: Case,
        streams: list[Stream],
        sink: Sink,
        directory: Path,
    ) -> None:
        syncs = SyncCounter(directory / "syncs", program("syncs.so"))
        try:
            run.ready_s = subject.start(case, directory, syncs)
            if case.backlog is not None:
                self._fill(run, subject, streams[1], directory)
            if case.is_restarted:
                run.ready_s = subject.restart()
            if case.backlog is not None:
                os.sync()  # a queue at rest: what the filling left to be written is not the load's
            expanded = None
            if case.is_template:
                self._progress(f"writing {streams[0].copies:,} recipients of a template")
                expanded = subject.put_template(streams[0])
            self._load(run, subject, case, streams[0], sink, syncs, expanded)
        finally:
            run.notes += subject.notes
            run.problems += subject.stop()

    def _fill(self, run: Run, subject: Subject, stream: Stream, directory: Path) -> None:
        self._progress(f"filling the queue with {stream.copies:,} deliveries")
        source = Source(stream, subject.target, 10 * self._deadline_s, subject.credentials)
        try:
            while not source.has_ended:
                time.sleep(POLL_S)
            taken = source.result()
        finally:
            source.close()
        run.backlog = taken["accepted"] * stream.load.recipients
        run.backlog_accepted_s = round(taken["accepted_s"] * stream.load.recipients, 1)
        run.disk_mib = round(_disk_bytes(directory) / MIB, 1)

    def _load(
        self,
        run: Run,
        subject: Subject,
        case: Case,
        stream: Stream,
        sink: Sink,
        syncs: SyncCounter,
        expanded: dict[str, float] | None,
    ) -> None:
        roots = subject.roots
        counters, arrived, synced = subject.counters(), sink.ask(), syncs.count
        dns, own = meter.cpu_s(self._ground.dns_roots), sum(os.times()[:2])
        with PeakSampler(roots) as sampler:
            before = Snapshot.of(roots)
            source = (
                Source(stream, subject.target, self._deadline_s, subject.credentials)
                if expanded is None
                else subject.release(expanded)
            )
            recorder = self._record(subject)
            try:
                self._watch(stream, source, sink)
                sent = source.result()
            finally:
                source.close()
                if recorder is not None and self._hotspots is not None:
                    self._hotspots(recorder.stop())
            if case.backlog is None:
                meter.wait_until_idle(roots, SETTLE_S)
            after = Snapshot.of(roots)
        got = sink.ask()
        load_cpu = sent["cpu_s"] + got["cpu_s"] - arrived["cpu_s"]
        helpers = load_cpu + meter.cpu_s(self._ground.dns_roots) - dns + sum(os.times()[:2]) - own
        _fill_counts(run, stream, sent, got)
        _fill_costs(run, before, after, load_cpu, helpers)
        copies = max(1, run.delivered)
        run.syncs = round((syncs.count - synced) / copies, 3)
        run.resident_mib = round(sampler.peak.resident / MIB, 1)
        run.anonymous_mib = round(sampler.peak.anonymous / MIB, 1)
        run.processes = sampler.peak.processes
        _fill_commits(run, counters, subject.counters())
        if case.is_signed and got["signed"] < got["received"]:
            run.problems.append(f"only {got['signed']} of {got['received']} were signed")
        if case.receivers.tls and got["encrypted"] < got["received"]:
            run.problems.append(f"only {got['encrypted']} of {got['received']} came by TLS")

    def _record(self, subject: Subject) -> Recorder | None:
        if self._hotspots is None or subject.name != "relevo":
            return None
        return Recorder(subject.roots[0], self._ground.directory / f"samples-{next(self._numbers)}")

    def _watch(self, stream: Stream, source: Source | Release, sink: Sink) -> None:
        """Wait until the sender is through and all copies have arrived, or nothing moves any more."""
        start_s = moved_s = time.monotonic()
        seen, told_s = -1, start_s
        while True:
            time.sleep(POLL_S)
            now_s = time.monotonic()
            unique = sink.ask()["streams"][0]["unique"]
            if unique != seen:
                seen, moved_s = unique, now_s
            if source.has_ended and unique >= stream.copies:
                return
            if now_s - moved_s > STALL_S or now_s - start_s > self._deadline_s:
                return
            if now_s - told_s > 5.0:
                self._progress(f"{unique:,} of {stream.copies:,} arrived")
                told_s = now_s


def _fill_counts(run: Run, stream: Stream, sent: dict[str, Any], got: dict[str, Any]) -> None:
    arrived = got["streams"][0]
    run.accepted, run.deferred = sent["accepted"], sent["deferred"]
    run.refused, run.resent = sent["refused"], sent["resent"]
    run.delivered, run.duplicates = arrived["unique"], arrived["duplicates"]
    run.lost = max(0, run.accepted * stream.load.recipients - run.delivered)
    run.damaged = got["corrupt"] + got["foreign"] + got["strays"]
    run.accepted_s = sent["accepted_s"]
    start_ns = sent["start_ns"] or arrived["first_ns"]
    run.seconds = round(max(0, arrived["last_ns"] - start_ns) / 1e9, 3)
    run.delivered_s = round(run.delivered / run.seconds, 1) if run.seconds else 0.0
    run.acceptance_ms, run.delivery_ms = sent["acceptance_ms"], arrived["delivery_ms"]
    run.connections_peak = got["connections_peak"]


def _fill_costs(
    run: Run, before: Snapshot, after: Snapshot, load_cpu: float, helpers: float
) -> None:
    thousands = max(1, run.delivered) / 1000
    cpu_s, span_s = after.cpu_s - before.cpu_s, after.at_s - before.at_s
    run.cpu_s_per_1000 = round(cpu_s / thousands, 3)
    run.loop_cpu_s_per_1000 = round((after.loop_s - before.loop_s) / thousands, 3)
    run.cores = round(cpu_s / run.seconds, 2) if run.seconds else 0.0
    run.written_kib = round((after.written_bytes - before.written_bytes) / thousands / 1024_000, 2)
    run.generator_cpu_s_per_1000 = round(load_cpu / thousands, 3)
    run.other_cores = round((after.busy_s - before.busy_s - cpu_s - helpers) / span_s, 2)
    run.stolen_cores = round((after.stolen_s - before.stolen_s) / span_s, 2)


def _fill_commits(run: Run, before: dict[str, float], after: dict[str, float]) -> None:
    """Relevo's own count of its group commits; the last seconds of the run included."""
    count, seconds, jobs = (
        after.get(name, 0.0) - before.get(name, 0.0)
        for name in ("commit_seconds_count", "commit_seconds_sum", "commit_jobs_sum")
    )
    if count > 0:
        run.commits = round(count / max(1, run.delivered), 4)
        run.commit_ms = round(1000 * seconds / count, 2)
        run.commit_jobs = round(jobs / count, 1)


def _disk_bytes(directory: Path) -> int:
    return sum(path.lstat().st_blocks * 512 for path in directory.rglob("*") if path.is_file())
