"""SIGKILL of a server that imports, prepares and sends campaigns: nobody is lost or billed twice.

In the end what the receivers got, what the campaigns say of themselves, the bag and the automation's
steps have to agree. RELEVO_SEED repeats a run.
"""

import os
import random
import time
from collections.abc import Iterator

import pytest

from console.automations.values import EnrolmentState
from tests.crash.books import disk_faults, quota_faults
from tests.crash.mailing import (
    BY_FILE,
    BY_LIST,
    FILE_ROWS,
    LIST_ROWS,
    LIST_STEP,
    STEPS,
    Mailing,
    mailing,
)
from tests.crash.moments import Step
from tests.crash.proof import uncertainties

SEED = int(os.environ.get("RELEVO_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 30)

pytestmark = [pytest.mark.debian, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def killed() -> Iterator[Mailing]:
    """Everything is over, after many kills."""
    with mailing(SEED) as made:
        began_s = time.monotonic()
        try:
            made.kill_at_write(1, 150)  # files are read
            made.kill_at_write(20, 200)  # who is on the list enters the automation
            made.kill_at(Step.DOT, 300)
            made.finish_mail()
            made.kill_while_preparing(60)
            made.kill_while_preparing(300)
            made.kill_at_write(50, 500)  # campaigns are sent
            made.kill_at(Step.TAKEN, 250)
            made.finish()
        finally:
            kills = "\n".join(made.told)
            print(f"\nseed {SEED}, {time.monotonic() - began_s:.0f} s:\n{kills}\n{made.state()}")
        yield made
        made.server.stop()


def test_each_recipient_gets_each_mail_once_and_twice_only_where_it_is_told(
    killed: Mailing,
) -> None:
    received = killed.received
    assert set(received) == killed.expected
    ids = {
        (subject, address): delivery
        for delivery, subject, address in killed.server.sql(
            "SELECT d.id, m.subject, d.address FROM delivery AS d JOIN message AS m "
            "ON m.id = d.message"
        )
    }
    assert set(ids) == killed.expected
    told = uncertainties(killed.server)
    too_many = {key: n - 1 for key, n in received.items() if n - 1 > told[ids[key]]}
    print(f"{received.total() - len(received)} copies too many, {told.total()} were uncertain")
    assert not too_many


def test_the_figures_of_a_campaign_are_those_of_the_receivers(killed: Mailing) -> None:
    for subject, total in ((BY_FILE, FILE_ROWS), (BY_LIST, LIST_ROWS)):
        number = killed.made.campaigns[subject]
        progress = killed.api.ask("GET", f"/api/v1/campaigns/{number}/progress").json
        figures = [progress[key] for key in ("status", "total", "delivered", "percent")]
        assert figures == ["finished", total, total, 100.0]
        assert sum(1 for found, _ in killed.received if found == subject) == total
        history = "SELECT became FROM campaign_history WHERE campaign = ? ORDER BY id"
        became = [status for (status,) in killed.server.sql(history, number)]
        assert became == ["draft", "preparing", "running", "finished"]


def test_the_bag_paid_once_for_each_and_nothing_stays_reserved(killed: Mailing) -> None:
    assert quota_faults(killed.server) == []
    mails = len(killed.expected)
    assert killed.count("SELECT consumed FROM quota_bag") == mails
    assert killed.count("SELECT reserved FROM quota_bag") == 0
    assert killed.server.sql("SELECT size, rest FROM quota_reservation ORDER BY size DESC") == [
        (FILE_ROWS, 0), (LIST_ROWS, 0)
    ]  # fmt: skip


def test_nobody_missed_a_step_of_the_automation_or_took_one_twice(killed: Mailing) -> None:
    sql = killed.server.sql
    assert sql("SELECT state, count(*) FROM enrolment GROUP BY 1") == [
        (EnrolmentState.DONE, LIST_ROWS)
    ]
    counted = sql("SELECT step, what, n FROM automation_count WHERE step <> '' ORDER BY step")
    assert counted == [(step, "done", LIST_ROWS) for step in sorted((*STEPS, LIST_STEP))]


def test_the_disk_is_in_order(killed: Mailing) -> None:
    assert disk_faults(killed.server) == []
