"""Power cuts of the whole relay under load: what was not synced is gone, what was acknowledged is not.

Its data directory is a file system of its own that is shut down without flushing at chosen moments of
the mail, while clients hand in and receivers answer, and the process goes with the power. Then the disk is mounted again and the relay is started, with no repair in between. In the end `audit`
compares what was acknowledged with what was received. `make soak` cuts the power 20 times.
"""

import os
import random
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from tests.crash.books import audit
from tests.crash.disk import Disk, powered_disk
from tests.crash.moments import Step
from tests.crash.proof import MORE, OPEN, Proof, proof
from tests.e2e.ground import DEADLINE_S, until

SEED = int(os.environ.get("RELEVO_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 30)
STEPS = (Step.HANDED, Step.ACKNOWLEDGED, Step.DOT, Step.TAKEN)
MOST = 200  # times the step happens before the cut
DRAIN_S = 120.0
SHORT, LONG = 2, 20  # cuts

pytestmark = pytest.mark.timeout(200)


@pytest.fixture(
    scope="module",
    params=[
        SHORT,
        pytest.param(LONG, marks=[pytest.mark.soak, pytest.mark.timeout(600)]),
    ],
    ids=["short", "soak"],
)
def cut(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proof]:
    """A relay whose power was cut many times under load, and which then drained its queue."""
    with powered_disk(tmp_path_factory.mktemp("power")) as disk:
        queue = disk.path / "queue"
        queue.mkdir()
        secret = str(queue / "secret.key")
        with proof(SEED, SERVER__DATA_DIR=str(queue), CONSOLE__SECRET_FILE=secret) as made:
            began_s = time.monotonic()
            try:
                cut_often(made, disk, request.param)
            finally:
                print(
                    f"\nseed {SEED}: {request.param} cuts in {time.monotonic() - began_s:.0f} s, "
                    f"{len(made.load.acknowledged)} messages acknowledged, "
                    f"{made.load.unanswered} without an answer"
                )
            yield made
            made.server.stop()


def cut_often(made: Proof, disk: Disk, count: int) -> None:
    """Cut and start again under load, then let the queue drain."""
    made.server.start()
    made.load.start()
    try:
        for _ in range(count):
            cut_power(made, disk, made.random.choice(STEPS))
        assert made.moments.wait(Step.ACKNOWLEDGED, MORE, DEADLINE_S), "it stands still"
    finally:
        made.load.stop()
    until(lambda: made.server.sql(OPEN) == [(0,)], "the queue is empty", DRAIN_S)


def cut_power(made: Proof, disk: Disk, step: Step) -> None:
    """Cut at a step of the mail, mount, start."""
    has_gone = threading.Event()
    pid = made.server.pid

    def go() -> None:
        disk.cut_power(pid)
        has_gone.set()

    made.moments.arm(step, made.random.randint(1, MOST), go)
    assert has_gone.wait(DEADLINE_S), f"never: {step}"
    assert made.server.wait_ended("the process goes with the power") == -signal.SIGKILL
    disk.power_up()
    made.server.spawn()
    made.server.wait_ready()


def test_a_power_cut_loses_nothing_and_nothing_comes_twice_untold(cut: Proof) -> None:
    faults = audit(cut)
    copies = sum(n - 1 for sink in cut.sinks for n in sink.received.values())
    print(f"{copies} copies too many, {len(cut.uncertainties())} deliveries were uncertain")
    assert not faults, f"seed {SEED}: {len(faults)} faults: {faults[:5]}"


def test_nothing_on_the_disk_is_damaged_by_a_power_cut(cut: Proof) -> None:
    report = cut.server.cli("verify")
    assert [f for f in report["findings"] if f["severity"] == "damage"] == []
    assert report["messages"] >= len(cut.load.acknowledged)
