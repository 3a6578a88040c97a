"""SIGKILL of the whole relay under load, at every stage, again and again: nothing is lost.

Clients hand in without a pause, receiving servers are there all the time, and the process is killed
while it takes, commits, claims, sends, settles, checkpoints or starts. In the end `audit` compares
what was acknowledged with what was received. `make soak` kills 220 times. RELEVO_SEED repeats a run.
"""

import os
import random
import time
from collections.abc import Iterator

import pytest

from tests.crash.books import audit
from tests.crash.kill_points import CALLS, STARTS, STEPS, Stage
from tests.crash.proof import Proof, proof

POINTS = len(STEPS) + len(CALLS) + len(STARTS)
SOAK = 11  # times every point
SEED = int(os.environ.get("RELEVO_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 30)

pytestmark = [pytest.mark.debian, pytest.mark.timeout(600)]


@pytest.fixture(
    scope="module",
    params=[
        POINTS,
        pytest.param(
            SOAK * POINTS, marks=[pytest.mark.soak, pytest.mark.timeout(600 + 10 * SOAK * POINTS)]
        ),
    ],
    ids=["every-point-once", "soak"],
)
def killed(request: pytest.FixtureRequest) -> Iterator[Proof]:
    """A relay that was killed many times under load, and then drained its queue."""
    with proof(SEED) as made:
        began_s = time.monotonic()
        try:
            made.torture(request.param)
        finally:
            print(
                f"\nseed {SEED}: {len(made.kills)} kills in {time.monotonic() - began_s:.0f} s, "
                f"{len(made.load.acknowledged)} messages acknowledged\n{made.table()}"
            )
        made.cancel_some()
        yield made
        made.server.stop()


def test_nothing_is_lost_and_nothing_comes_twice_untold(killed: Proof) -> None:
    faults = audit(killed)
    copies = sum(n - 1 for sink in killed.sinks for n in sink.received.values())
    print(f"{copies} copies too many, {len(killed.uncertainties())} deliveries were uncertain")
    assert not faults, f"seed {SEED}: {len(faults)} faults: {faults[:5]}"


def test_every_stage_was_met(killed: Proof) -> None:
    assert {kill.stage for kill in killed.kills} == set(Stage)
    assert len(killed.load.acknowledged) > 10 * len(killed.kills)
    at_the_dot = [kill for kill in killed.kills if "has not answered" in kill.point]
    assert all(kill.uncertain for kill in at_the_dot), "the delivery on the wire is marked"
    handed = [kill for kill in killed.kills if "final dot" in kill.point]
    assert any(kill.unanswered for kill in handed)


def test_an_uncertain_delivery_is_told_in_its_history(killed: Proof) -> None:
    for delivery, times in killed.uncertainties().most_common(2):
        shown = killed.server.cli("queue", "show", str(delivery))
        told = [e for e in shown["history"] if e.get("delivery") == str(delivery)]
        uncertain = [e for e in told if "may have taken the mail" in str(e)]
        assert len(uncertain) == times
        assert {e["type"] for e in uncertain} <= {"message.deferred", "message.expired"}
