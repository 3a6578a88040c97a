"""The simulated year is what Relevo would have written: its own counting and reading agree with it."""

import asyncio
import sqlite3
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from bench.year import LAST, ask, build
from bench.year_ground import open_services
from bench.year_plan import MAIN, TRAINING, plan_year
from console.accounts.arguments import OPERATOR
from console.reports.counting import BATCH, FOLLOWED, FigureCounting
from console.reports.period import PeriodQuery
from console.tracking.folding import fold
from console.tracking.hits import Hit
from mta.model.clock import ManualClock
from mta.spool.follower import EventFollower

DELIVERIES, CAMPAIGNS = 20_000, 20
TABLES = ("figure_hour", "figure_flow_day", "figure_person")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("year")
    build(folder, DELIVERIES, CAMPAIGNS)
    return folder, ask(folder, 1, with_reports=False)


def _rows(folder: Path, sql: str) -> list[tuple]:
    base = sqlite3.connect(folder / "relevo.db")
    try:
        return base.execute(sql).fetchall()
    finally:
        base.close()


def test_every_question_of_the_bench_has_an_answer(built):
    _, result = built
    assert result.built.counts.deliveries == plan_year(DELIVERIES, CAMPAIGNS, LAST).deliveries
    assert len(result.taken) > 30
    assert all(0 < one.median <= one.worst for one in result.taken)


def test_T_r_relevo_s_own_counting_makes_the_same_roll_ups_of_its_events(built):
    folder, _ = built
    before = {name: _rows(folder, f"SELECT * FROM {name} ORDER BY 1, 2, 3, 4") for name in TABLES}
    base = sqlite3.connect(folder / "relevo.db")
    for name in TABLES:
        base.execute(f"DELETE FROM {name}")
    base.commit()
    base.close()
    asyncio.run(_count(folder))
    for name in TABLES:
        assert sorted(_rows(folder, f"SELECT * FROM {name}")) == sorted(before[name]), name


async def _count(folder: Path) -> None:
    clock = ManualClock()
    async with open_services(folder, clock) as services:
        store = services.foundation.store
        follower = EventFollower(
            store, "again", FOLLOWED, FigureCounting(store).handle,
            clock=clock, batch=BATCH, from_beginning=True,
        )  # fmt: skip
        await follower._find_cursor()
        await follower.catch_up()


def test_T_i_its_hits_fold_to_its_hours(built):
    folder, _ = built
    hits = defaultdict(list)
    for delivery, *hit in _rows(folder, "SELECT * FROM hit"):
        hits[delivery].append(Hit(*hit))
    flows = dict(_rows(folder, "SELECT delivery, flow FROM engagement"))
    again = Counter()
    for delivery, those in hits.items():
        for (hour, kind, klass), (n, *_) in fold(those).hours.items():
            again[flows[delivery], hour, kind, klass] += n
    sums = _rows(
        folder, "SELECT flow, hour, kind, class, sum(n) FROM engagement_hour GROUP BY 1, 2, 3, 4"
    )
    assert {tuple(row[:4]): row[4] for row in sums} == again


def test_T_p_training_is_in_no_figure_of_the_contract_and_has_its_own(built):
    folder, _ = built
    year = plan_year(DELIVERIES, CAMPAIGNS, LAST)
    trained = sum(one.size for one in year.mailings if one.account == TRAINING)
    contract, training = asyncio.run(_totals(folder, year))
    assert trained > 0
    assert contract.audience == year.deliveries - trained
    assert training.audience == trained


async def _totals(folder: Path, year):
    async with open_services(folder, ManualClock()) as services:
        main = (await services.accounts.get(OPERATOR, MAIN)).id
        period = services.areas.reports.period
        return [
            await period.totals(OPERATOR, PeriodQuery(main, year.first, year.last, training=only))
            for only in (False, True)
        ]


def test_T_q_the_bag_is_the_sum_of_its_entries_with_what_was_put_back(built):
    folder, _ = built
    sums = _rows(
        folder,
        "SELECT b.available - sum(e.available), b.consumed - sum(e.consumed) FROM quota_bag AS b "
        "JOIN quota_entry AS e ON e.bag = b.id GROUP BY b.id",
    )
    assert set(sums) == {(0, 0)}
    ((given,),) = _rows(folder, "SELECT sum(given) FROM quota_refund WHERE state = 'done'")
    assert given > 0
