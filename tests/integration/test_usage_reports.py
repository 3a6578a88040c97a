"""Reports of consumption: gathered, numbered, kept, mailed, and every two months by themselves."""

import itertools
from dataclasses import replace
from datetime import date, timedelta

import pytest

from console.accounts.exporting.archive import Source, _pages
from console.accounts.incidents.values import Category
from console.accounts.usage.counters import Result
from console.app.services import PACKAGES
from console.reports.availability.runs import LATE_MS, Run, measured
from console.reports.usage.book import BadReport, Order, ReportState
from console.reports.usage.data import Gap
from console.reports.usage.exported import TABLES
from console.reports.usage.gather import Asked
from console.reports.usage.making import AGAIN_MS, ATTEMPTS, NoPdf
from console.reports.usage.schedule import Schedule, periods
from mta.model.clock import ManualClock
from mta.model.envelope import Identity
from mta.model.traffic import DeliveryState as S
from mta.model.traffic import EventType as E
from mta.store.snapshot import StoreSnapshot
from tests.period_world import BELOW, MAIN, PUPIL, Mail
from tests.tracking_world import FIREFOX
from tests.usage_world import FILES, OPERATOR, START, UsageWorld, open_usage

DAY_S = 86_400
TODAY = START.date()


@pytest.fixture
async def world(tmp_path):
    async with open_usage(tmp_path) as made:
        await made.fill("America/Lima", each=3)
        yield made


async def _opened(world: UsageWorld) -> None:
    """Everything was delivered; the first of each flow is opened, and clicked, later."""
    for mail in world.mails:
        await world.settle(mail, S.DELIVERED, E.DELIVERED)
    world.clock.advance(3600)
    for flow in world.owner:
        mail = next(m for m in world.mails if m.flow == flow)
        world.hit(mail, -1, FIREFOX)
        world.hit(mail, 0, FIREFOX)
    world.clock.advance(1200)
    await world.ingest.flush()
    await world.follower.catch_up()


# -- gathering -----------------------------------------------------------------------------------


async def test_T_r_the_data_are_the_raw_deliveries_counted_and_training_is_in_none_of_them(world):
    await _opened(world)
    found = await world.reporter.gather(OPERATOR, Asked(MAIN, TODAY, TODAY))
    own = [m for m in world.mails if m.account in (MAIN, BELOW)]
    pupils = [m for m in world.mails if m.account == PUPIL]
    assert found.totals.attempted == found.totals.delivered == len(own)
    assert found.balance.training == len(pupils) > 0
    assert found.totals.opened == found.totals.clicked == 3  # a flow of each kind
    assert [line.account_name for line in found.campaigns] == ["a7", "a8"]
    for line in found.campaigns:
        flow = next(f for f, c in world.campaigns.items() if c == line.id)
        assert line.sums.attempted == sum(m.flow == flow for m in world.mails)
        assert sum(map(sum, line.heat)) == line.sums.opened == 1


async def test_T_r_notices_to_senders_are_no_mail_of_theirs(world):
    await _opened(world)
    before = await world.reporter.gather(OPERATOR, Asked(MAIN, TODAY, TODAY))
    flow = await world.stand.flow("notices of 7", account=MAIN, kind="notices")
    (row,) = await world.stand.put(flow, 1, site=0)
    await world.settle(Mail(row, flow.id, MAIN, ""), S.DELIVERED, E.DELIVERED)
    await world.follower.catch_up()
    after = await world.reporter.gather(OPERATOR, Asked(MAIN, TODAY, TODAY))
    assert (after.totals, after.days) == (before.totals, before.days)


async def test_T_r_c_providers_and_accounts_add_up_to_the_totals(world):
    await _opened(world)
    found = await world.reporter.gather(OPERATOR, Asked(MAIN, TODAY, TODAY))
    for lines in (found.providers, found.accounts, found.days):
        assert sum(line.sums.attempted for line in lines) == found.totals.attempted
    by_name = {line.provider: line.sums.attempted for line in found.providers}
    assert by_name["google"] == 6  # three of each campaign
    assert by_name["gob_pe"] == 3
    assert [line.name for line in found.accounts] == ["a7", "a8"]
    assert [line.depth for line in found.accounts] == [0, 1]


async def test_T_r_g_use_of_a_credential_is_told_by_day_and_in_sum(world):
    world.counters.note(Identity(MAIN, 77, "x"), "api", Result.ACCEPTED, recipients=3, seconds=0.02)
    found = await world.reporter.gather(OPERATOR, Asked(MAIN, TODAY, TODAY))
    assert [(d.door, d.requests, d.recipients, d.p95_ms) for d in found.doors] == [
        ("api", 1, 3, 32)
    ]
    assert [(d.day, d.requests) for d in found.door_days] == [(str(TODAY), 1)]


async def test_T_r_the_balance_is_that_of_the_last_day_whatever_moved_since(world):
    await world.contract(size=1_000)
    await world.quota.shares.allocate(OPERATOR, BELOW, 300, "plan")
    yesterday = TODAY
    world.clock.advance(DAY_S)
    await world.quota.shares.allocate(OPERATOR, BELOW, 200, "more")
    then = await world.reporter.gather(OPERATOR, Asked(MAIN, yesterday, yesterday))
    now = await world.reporter.gather(OPERATOR, Asked(MAIN, yesterday, yesterday + timedelta(1)))
    assert (then.balance.granted, then.balance.allocated) == (1_000, 300)
    assert (now.balance.granted, now.balance.allocated) == (1_000, 500)
    assert [(m.kind, m.amount, m.reason) for m in then.moves] == [("allocate", 300, "plan")]
    assert len(now.moves) == 2
    assert now.balance.state == "active"
    below = await world.reporter.gather(OPERATOR, Asked(BELOW, yesterday, yesterday))
    assert below.balance.granted == 300


async def test_T_r_incidents_of_the_period_are_told(world):
    await world.incidents.open(OPERATOR, BELOW, Category.OTHER, "No salió", "x", "ana")
    found = await world.reporter.gather(OPERATOR, Asked(MAIN, TODAY, TODAY))
    assert [i.subject for i in found.incidents] == ["No salió"]
    before = await world.reporter.gather(
        OPERATOR, Asked(MAIN, TODAY - timedelta(9), TODAY - timedelta(1))
    )
    assert before.incidents == ()


# -- availability --------------------------------------------------------------------------------


async def test_T_r_availability_is_what_was_recorded_and_nothing_else(world):
    nothing = await world.reporter.gather(OPERATOR, Asked(MAIN, TODAY, TODAY))
    assert nothing.availability.measured_ms == 0
    await world.runs.begin()
    began = world.clock.now_ms()
    for _ in range(4):
        world.clock.advance(60)
        await world.runs.beat()
    world.clock.advance(3600)  # the machine slept, or died and came back
    await world.runs.beat()
    world.clock.advance(60)
    await world.runs.finish()
    world.clock.advance(600)  # stopped in order
    found = (await world.reporter.gather(OPERATOR, Asked(MAIN, TODAY, TODAY))).availability
    assert [(g.until_ms - g.from_ms, g.is_planned) for g in found.gaps] == [
        (3_600_000, False), (600_000, True),
    ]  # fmt: skip
    assert found.since_ms == began
    assert found.measured_ms - found.running_ms == 4_200_000


def test_T_r_a_run_that_lives_is_no_gap_and_one_that_died_is():
    assert measured([Run(0, 1000, 0)], 0, 0, 1000 + LATE_MS).gaps == ()
    late = 2000 + LATE_MS
    assert measured([Run(0, 1000, 0)], 0, 0, late).gaps == (Gap(1000, late, False),)
    assert measured([Run(0, 1000, 1000)], 0, 0, 1500).gaps == (Gap(1000, 1500, True),)
    assert measured([], 0, 0, 1000).measured_ms == 0


# -- the book ------------------------------------------------------------------------------------


async def test_T_r_numbers_have_no_gap_and_each_account_has_its_own(world):
    made = [await world.asked(MAIN) for _ in range(3)]
    with pytest.raises(BadReport):
        await world.book.add(OPERATOR, Order(MAIN, MAIN, TODAY, TODAY + timedelta(1)), TODAY)
    made.append(await world.asked(MAIN))
    assert [report.number for report in made] == [1, 2, 3, 4]
    assert (await world.asked(BELOW)).number == 1


async def test_T_r_both_files_are_kept_whole_and_an_original_is_known_by_its_hash(world):
    report = await world.made()
    assert report.state is ReportState.DONE
    files = await world.book.files(OPERATOR, report.id)
    assert set(files) == {"json", "pdf", "xlsx"}
    assert files["json"].sha256 == report.digest
    for kind, data in FILES.items():
        assert await world.book.content(OPERATOR, report.id, kind) == data
    found = await world.book.find(OPERATOR, files["pdf"].sha256.upper())
    assert found is not None
    assert (found[0].id, found[1]) == (report.id, "pdf")
    assert await world.book.find(OPERATOR, "0" * 64) is None


async def test_T_r_a_report_that_cannot_be_made_is_tried_again_under_its_number(world):
    world.failures = [NoPdf("no libpango")] * (ATTEMPTS + 1)
    report = await world.asked()
    for attempt in range(1, ATTEMPTS + 1):
        report = await world.maker.make(report)
        assert (report.attempts, report.error) == (attempt, "no libpango")
        world.clock.advance(AGAIN_MS // 1000)
    assert report.state is ReportState.FAILED
    assert await world.book.next() is None
    again = await world.book.again(OPERATOR, report.id)
    world.failures.clear()
    made = await world.maker.make(again)
    assert (made.state, made.number, made.error) == (ReportState.DONE, 1, "")


async def test_T_r_what_a_stop_cut_off_is_made_by_the_next_start(tmp_path):
    async with open_usage(tmp_path) as world:
        await world.fill("")
        await world.book.state(await world.asked(), ReportState.WORKING)
    async with open_usage(tmp_path, ManualClock(round(START.timestamp() * 1000) + 5)) as world:
        report = await world.book.next()
        assert report is not None
        assert (await world.maker.make(report)).state is ReportState.DONE


async def test_T_t_every_part_of_every_file_of_a_report_is_exported(tmp_path, world):
    reports = [await world.made() for _ in range(2)]
    parts = {(str(r.id), kind, n) for r in reports for kind, n in (
        ("json", 0), *(("pdf", n) for n in range(3)), *(("xlsx", n) for n in range(2))
    )}  # fmt: skip
    with StoreSnapshot.open(tmp_path, ("mta.engine", "mta.spool", *PACKAGES)) as store:
        table = replace(TABLES[1], page=2)
        source = Source(store, MAIN, [MAIN], [table])
        rows = [table.told(row) for page in _pages(source, table) for row in page]
    assert sorted((r["report"], r["format"], r["part"]) for r in rows) == sorted(parts)
    first = "".join(r["base64"] for r in rows if (r["report"], r["format"]) == (
        str(reports[0].id), "xlsx"
    ))  # fmt: skip
    assert first.startswith("UEs")


# -- mail ----------------------------------------------------------------------------------------


async def test_T_r_a_report_is_mailed_to_each_addressee_with_text_and_both_files(world):
    report = await world.made(MAIN, "ana@example.org", "luis@example.org")
    assert [mail.to for mail in world.post.mails] == ["ana@example.org", "luis@example.org"]
    mail = world.post.mails[0]
    assert report.digest in mail.text
    assert f"/reports/usage/{report.id}" in mail.html
    assert [a.name.rpartition(".")[2] for a in mail.attachments] == ["pdf", "xlsx"]
    assert report.mailed_ms > 0


async def test_T_r_mail_that_cannot_go_is_told_and_sent_again_by_hand(world):
    world.post.is_broken = True
    report = await world.made(MAIN, "ana@example.org")
    assert report.state is ReportState.DONE
    assert "the disk is full" in report.mail_error
    world.post.is_broken = False
    assert await world.maker.mail(OPERATOR, report.id, ("eva@example.org",)) == ""
    again = await world.book.get(OPERATOR, report.id)
    assert (again.mail_error, again.addressees) == ("", ("eva@example.org",))


# -- the schedule --------------------------------------------------------------------------------


def test_T_r_periods_are_two_months_of_the_contract_until_its_end():
    found = periods("2026-03-01", 365)
    assert [(str(p.first), str(p.last)) for p in found[:2]] == [
        ("2026-03-01", "2026-04-30"), ("2026-05-01", "2026-06-30"),
    ]  # fmt: skip
    assert len(found) == 6
    assert str(found[-1].last) == "2027-02-28"
    for before, after in itertools.pairwise(found):
        assert before.last + timedelta(1) == after.first
    assert [str(p.last) for p in periods("2026-12-31", 62)] == ["2027-02-27", "2027-03-02"]


async def test_T_r_a_period_is_reported_once_on_the_day_after_it(world):
    contract = await world.contract()
    assert await world.scheduler.look() == 0
    end = world.clock
    end.advance((date(2026, 5, 1) - TODAY).days * DAY_S - 12 * 3600 - 1)  # the last second
    assert await world.scheduler.look() == 0
    end.advance(1)
    assert await world.scheduler.look() == 1
    assert await world.scheduler.look() == 0
    (report,) = await world.all()
    assert (report.series, report.number, report.is_scheduled) == (contract, 1, True)
    assert (str(report.first), str(report.last)) == ("2026-03-01", "2026-04-30")


async def test_T_r_nothing_is_missed_after_a_long_stop_and_nothing_made_twice(tmp_path):
    clock = ManualClock(round(START.timestamp() * 1000))
    async with open_usage(tmp_path, clock) as world:
        await world.fill("")
        await world.contract()
    clock.advance(200 * DAY_S)  # until September: three periods are over
    for _ in range(2):
        async with open_usage(tmp_path, clock) as world:
            await world.scheduler.look()
            assert [r.number for r in await world.all()] == [1, 2, 3]


async def test_T_r_a_schedule_that_is_off_makes_nothing_and_leaves_it_out_later(world):
    await world.contract()
    await world.scheduler.change(OPERATOR, Schedule(MAIN, is_on=False))
    world.clock.advance(70 * DAY_S)
    assert await world.scheduler.look() == 0
    await world.scheduler.change(OPERATOR, Schedule(MAIN, addressees=("ana@example.org",)))
    assert await world.scheduler.look() == 0
    world.clock.advance(60 * DAY_S)
    assert await world.scheduler.look() == 1
    (report,) = await world.all()
    assert (str(report.first), report.addressees) == ("2026-05-01", ("ana@example.org",))
