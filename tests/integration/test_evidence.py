"""The send-evidence report, against a database made row by row and a slow recomputation (T-v)."""

import hashlib
import tracemalloc
from collections import Counter
from contextlib import contextmanager
from datetime import date
from zoneinfo import ZoneInfo

import openpyxl
import pytest

from console.pages.texts import load_texts
from console.reports.evidence import reading
from console.reports.evidence.gathering import Asked, Gatherer
from console.reports.evidence.sheets import write_sheets
from console.reports.evidence.values import Period
from tests.evidence_world import (
    BOUNCED,
    DELIVERED,
    EXPIRED,
    MAIN,
    OTHER,
    PRESS,
    TRAINING,
    EvidenceWorld,
    Mail,
    moment,
)

LIMA = ZoneInfo("America/Lima")
NOVEMBER = Period(date(2026, 11, 1), date(2026, 11, 30), LIMA)
ES = load_texts()["es"]
NOON = moment("2026-11-10T17:00:00")
C, API, PRESS_API = 100, 200, 300


def people(name: str, count: int) -> list[str]:
    return [f"{name}{n}@example.com" for n in range(count)]


@pytest.fixture
async def world(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "PAGE", 4)  # so that some rows take several pages
    world = await EvidenceWorld.open(tmp_path)
    world.campaign(C, MAIN, "Boletín de noviembre")
    world.flow(API, MAIN, "ERP")
    world.flow(PRESS_API, PRESS, "Prensa")
    world.send(Mail(MAIN, C, NOON, people("c", 21), (DELIVERED, DELIVERED, BOUNCED), flags=64))
    for n in range(9):
        at_ms = NOON + n * 43_200_000 + 1
        world.send(Mail(MAIN, API, at_ms, people(f"api{n}-", 1), (DELIVERED,), sender="erp@x.pe"))
    world.send(Mail(PRESS, PRESS_API, NOON + 2, people("p", 5), (DELIVERED, EXPIRED)))
    yield world
    world.close()


@contextmanager
def gatherer(world, account=MAIN, period=NOVEMBER):
    for store in world.read():
        yield Gatherer(store, Asked(account, period, NOON, "mx.relevo.example", "0.1"))


def gathered(world, **how):
    rows = []
    with gatherer(world, **how) as one:
        return one.gather(rows.extend, lambda *_: None), rows


def test_T_v_every_send_of_an_account_and_those_below_has_a_row_with_the_receivers_answer(world):
    evidence, rows = gathered(world)
    assert evidence.rows == len(rows) == len({row.delivery for row in rows}) == 21 + 9 + 5
    first = next(row for row in rows if row.recipient == "c0@example.com")
    assert first.reply == "250 2.0.0 OK 7a.12 - gsmtp"
    assert first.host == "mx1.example.com[192.0.2.1]"
    assert first.tls == "TLSv1.3"
    assert first.accepted == "2026-11-10T12:00:00.000-05:00"
    assert first.answered == "2026-11-10T12:00:01.000-05:00"
    assert first.message_id == f"<{int(first.delivery):x}.relevo@mx.relevo.example>"
    assert first.domain == "muni.gob.pe"
    assert first.subject == "Boletín"
    assert first.charged == 1


def test_T_v_counts_of_campaigns_and_days_are_those_of_their_rows(world):
    evidence, rows = gathered(world)
    campaign, *days = evidence.units
    assert (campaign.attempted, campaign.delivered, campaign.bounced) == (21, 14, 7)
    assert campaign.name == "Boletín de noviembre"
    assert campaign.audience == 21
    assert campaign.missing == 0
    assert campaign.charged == 21
    by_unit = Counter(row.unit for row in rows)
    assert {unit.name: unit.attempted for unit in evidence.units} == by_unit
    assert [unit.key.day for unit in days if unit.key.flow == API][:2] == [
        "2026-11-10",
        "2026-11-11",
    ]
    press = next(unit for unit in days if unit.account == "Prensa")
    assert (press.delivered, press.expired, press.attempted) == (3, 2, 5)


def test_T_v_a_digest_is_that_of_the_rows_in_their_order(world):
    evidence, rows = gathered(world)
    for unit in evidence.units:
        lines = [row.line for row in rows if row.unit == unit.name]
        assert hashlib.sha256(b"".join(lines)).hexdigest() == unit.digest
    joined = "\n".join(unit.digest for unit in evidence.units)
    assert hashlib.sha256(joined.encode()).hexdigest() == evidence.digest
    world.run("UPDATE event SET data = replace(data, '250 2.0.0', '250 2.1.0') WHERE message = ?",
              NOON * 1_000_000)  # fmt: skip
    assert gathered(world)[0].digest != evidence.digest


def test_T_v_the_ledger_of_a_campaign_is_named_with_its_links(world):
    world.entry(MAIN, "refund", at_ms=NOON, flow=C, available=3, reference="refund:1")
    world.run("INSERT INTO quota_back SELECT id, 5 FROM delivery WHERE flow = ? AND n < 3", C)
    evidence, _ = gathered(world)
    ledger = evidence.units[0].ledger
    assert (ledger.consumed, evidence.units[0].charged) == (18, 18)
    assert ledger.entries == 2
    assert 0 < ledger.first_seq < ledger.last_seq
    assert ledger.last_hash == f"{ledger.last_seq:064x}"


def test_T_v_what_came_back_after_it_was_delivered_is_one_row_and_bounced(world):
    mail = Mail(MAIN, C, NOON, ())
    world.run("UPDATE delivery SET state = 11 WHERE id = ?", NOON * 1_000_000 + 1)
    world.event(mail, NOON * 1_000_000 + 1, 4, NOON + 9000, late=True)
    evidence, rows = gathered(world)
    assert [row.outcome for row in rows if row.recipient == "c0@example.com"] == ["bounced"]
    assert (evidence.units[0].delivered, evidence.units[0].bounced) == (13, 8)


def test_T_v_training_tests_notices_other_customers_and_other_months_are_not_in_it(world):
    before, _ = gathered(world)
    world.flow(400, TRAINING, "Curso")
    world.flow(401, OTHER, "Otra")
    world.flow(402, MAIN, "notices", "notices")
    world.send(Mail(TRAINING, 400, NOON + 10, people("t", 2), flags=256))
    world.send(Mail(OTHER, 401, NOON + 11, people("o", 2)))
    world.send(Mail(MAIN, 402, NOON + 12, people("n", 2)))
    for n, flag in enumerate((4, 128, 256)):
        world.send(Mail(MAIN, API, NOON + 20 + n, people("f", 1), flags=flag))
    world.send(Mail(MAIN, API, moment("2026-11-01T04:59:59"), people("oct", 1)))
    world.send(Mail(MAIN, API, moment("2026-12-01T05:00:00"), people("dec", 1)))
    after, _ = gathered(world)
    assert after.digest == before.digest
    assert after.rows == before.rows
    world.send(Mail(MAIN, API, moment("2026-11-01T05:00:00"), people("nov", 1)))
    assert gathered(world)[0].rows == before.rows + 1


def test_T_v_sends_whose_detail_is_gone_are_told(world):
    world.run(
        "DELETE FROM event WHERE delivery IN (SELECT id FROM delivery WHERE flow = ? AND n < 4)", C
    )
    evidence, _ = gathered(world)
    assert evidence.units[0].missing == 4
    assert evidence.total("missing") == 4


def test_samples_are_those_with_the_smallest_products_of_their_numbers(world):
    evidence, rows = gathered(world)
    unit = evidence.units[0]
    mine = [row for row in rows if row.unit == unit.name and row.outcome == "delivered"]
    drawn = sorted(mine, key=lambda r: int(r.delivery) * 0x9E3779B97F4A7C15 % 2**64)[:5]
    assert {row.delivery for row in unit.samples} == {row.delivery for row in drawn}


def test_T_v_the_workbook_holds_every_row_and_can_be_recomputed(world, tmp_path):
    path = tmp_path / "a.xlsx"
    with gatherer(world) as one:
        evidence = write_sheets(path, one, ES, lambda *_: None, per_sheet=10)
    book = openpyxl.load_workbook(path)
    names = book.sheetnames
    assert names[0] == "1. Resumen"
    assert names[-4:] == [f"Detalle {n}" for n in (1, 2, 3, 4)]
    sheets = [list(book[name].iter_rows(values_only=True)) for name in names[-4:]]
    assert {sheet[0] for sheet in sheets} == {sheets[0][0]}
    assert sheets[0][0][3] == "Destinatario"
    rows = [row for sheet in sheets for row in sheet[1:]]
    assert len(rows) == evidence.rows
    lines = Counter()
    digests = {}
    for row in rows:
        text = "\t".join("" if cell is None else str(cell) for cell in row) + "\n"
        digests.setdefault(row[0], hashlib.sha256()).update(text.encode())
        lines[row[0]] += row[11]
    kinds = ("Campaña", "API y SMTP")
    found = [row for row in book[names[1]].iter_rows(values_only=True) if row[0] in kinds]
    units = {row[1]: row for row in found}
    for unit in evidence.units:
        assert units[unit.name][-1] == unit.digest == digests[unit.name].hexdigest()
        assert units[unit.name][17] == lines[unit.name] == unit.charged


def test_T_v_nothing_in_the_workbook_is_a_formula_or_breaks_it(world, tmp_path):
    hostile = '=HYPERLINK("http://x")\x00<&> _x0041_ '
    world.flow(500, MAIN, hostile)
    world.send(Mail(MAIN, 500, NOON + 50, ["=cmd@example.com"], subject=hostile))
    path = tmp_path / "a.xlsx"
    with gatherer(world) as one:
        write_sheets(path, one, ES, lambda *_: None)
    sheet = openpyxl.load_workbook(path)["Detalle 1"]
    row = next(r for r in sheet.iter_rows() if r[3].value == "=cmd@example.com")
    assert {cell.data_type for cell in row} <= {"s", "n", "inlineStr"}
    shown = hostile.replace("\x00", "\ufffd").replace("_x0041_", "_x005F_x0041_")
    assert row[15].value == shown  # as the standard has it; Excel shows what was written


def test_T_v_memory_depends_on_units_and_not_on_sends(world, tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "PAGE", 100)

    def peak(name):
        with gatherer(world) as one:
            tracemalloc.start()
            write_sheets(tmp_path / name, one, ES, lambda *_: None)
            most = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        return most

    world.send(Mail(MAIN, C, NOON + 60, people("m", 400)))
    little = peak("a.xlsx")
    world.send(Mail(MAIN, C, NOON + 61, people("n", 1_600)))
    assert peak("b.xlsx") < little * 1.3
