"""The report of consumption: every letter of the tender, the same numbers in both files."""

import asyncio
import contextlib
import io
import re
import zlib
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import openpyxl
import orjson
import pytest

from console.pages.pdf import make_pdf
from console.pages.texts import load_texts
from console.pages.usage_document import document
from console.reports.usage.data import UsageReport, peaks
from console.reports.usage.layout import Section
from console.reports.usage.sections import LETTERS, added, sections
from console.reports.usage.sheets import workbook
from tests.usage_sample import sample_report

GOLDEN = Path(__file__).parent / "golden" / "usage_report.json"
TEXTS = load_texts()
SMALL = sample_report(campaigns=4, accounts=2)


def lettered(report: UsageReport, letter: str, language: str = "es") -> Section:
    return next(s for s in sections(report, TEXTS[language]) if s.letter == letter)


def outline(pdf: bytes) -> list[str]:
    """What a reader shows beside the pages."""
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL)
    whole = pdf
    for stream in streams:
        with contextlib.suppress(zlib.error):
            whole += zlib.decompress(stream)
    plain = re.findall(rb"/Title \(((?:[^()\\]|\\.)*)\)", whole)
    coded = re.findall(rb"/Title <([0-9a-fA-F]+)>", whole)
    return [re.sub(r"\\(.)", r"\1", one.decode("latin-1")) for one in plain] + [
        bytes.fromhex(one.decode()).decode("utf-16") for one in coded
    ]


def rows_of(report: UsageReport, letter: str, table: int = 0) -> list[dict[str, object]]:
    found = lettered(report, letter).tables[table]
    names = [column.title for column in found.columns]
    return [dict(zip(names, row, strict=True)) for row in found.rows]


def test_T_r_the_data_of_a_report_are_those_of_the_golden_file():
    assert orjson.loads(SMALL.canonical()) == orjson.loads(GOLDEN.read_bytes()), (
        "where the format changed on purpose: write SMALL.canonical() there"
    )


def test_T_r_the_hash_is_of_the_data_and_changes_with_any_number():
    other = replace(SMALL, totals=replace(SMALL.totals, opened=SMALL.totals.opened + 1))
    assert SMALL.digest() == replace(SMALL).digest() != other.digest()


@pytest.mark.parametrize("language", ["es", "en"])
def test_T_r_every_letter_stands_once_and_in_order(language):
    found = [s.letter for s in sections(SMALL, TEXTS[language]) if s.letter]
    assert "".join(found) == LETTERS
    assert [s.number for s in sections(SMALL, TEXTS[language])] == list(range(1, 13))


def test_T_r_a_every_campaign_has_its_sends_and_its_pace():
    rows = rows_of(SMALL, "a")
    assert [row["Enviados"] for row in rows] == [c.sums.attempted for c in SMALL.campaigns]
    first = SMALL.campaigns[0]
    hours = (first.ended_ms - first.began_ms) / 3_600_000
    assert rows[0]["Correos por hora"] == round(first.sums.attempted / hours)


def test_T_r_a_a_campaign_that_still_sends_has_no_pace():
    sending = replace(SMALL, campaigns=(replace(SMALL.campaigns[0], ended_ms=0),))
    (row,) = rows_of(sending, "a")
    assert row["Duró"] is None
    assert row["Correos por hora"] is None


def test_T_r_b_sent_opened_not_opened_bounced_unsubscribed_and_clicks_of_each_campaign():
    names = {"Enviados", "Abiertos", "No abiertos", "Rebotados", "Bajas", "Clics"}
    for row, campaign in zip(rows_of(SMALL, "b"), SMALL.campaigns, strict=True):
        assert names <= row.keys()
        assert row["Abiertos"] + row["No abiertos"] == campaign.sums.delivered
        assert (row["Rebotados"], row["Bajas"]) == (
            campaign.sums.bounced, campaign.sums.unsubscribed,
        )  # fmt: skip
    total = lettered(SMALL, "b").tables[0].total
    assert total is not None
    assert total[2] == sum(c.sums.attempted for c in SMALL.campaigns)


def test_T_r_c_by_provider_and_by_contract_and_sub_account():
    providers, accounts = rows_of(SMALL, "c"), rows_of(SMALL, "c", 1)
    assert [row["Proveedor"] for row in providers][:4] == [
        "Gmail y Google Workspace", "Microsoft (Outlook, Hotmail, 365)", "Yahoo y AOL",
        "Entidades .gob.pe",
    ]  # fmt: skip
    for row in (*providers, *accounts):
        assert {"Enviados", "Rebotados", "Abiertos", "Bajas"} <= row.keys()
    assert len(accounts) == len(SMALL.accounts)
    total = lettered(SMALL, "c").tables[1].total
    assert total is not None
    assert total[1] == added([a.sums for a in SMALL.accounts]).attempted


def test_T_r_d_success_is_delivered_of_attempted():
    for row, campaign in zip(rows_of(SMALL, "d"), SMALL.campaigns, strict=True):
        assert row["% de éxito"] == (campaign.sums.delivered, campaign.sums.attempted)


def test_T_r_e_opens_of_the_delivered_and_reopens_of_the_openers():
    for row, campaign in zip(rows_of(SMALL, "e"), SMALL.campaigns, strict=True):
        assert row["% de aperturas"] == (campaign.sums.opened, campaign.sums.delivered)
        assert row["% de reaperturas"] == (campaign.sums.reopened, campaign.sums.opened)


def test_T_r_f_three_peak_hours_and_a_map_of_each_campaign():
    section = lettered(SMALL, "f")
    assert len(section.maps) == 1 + len(SMALL.campaigns)
    for row, campaign in zip(section.tables[0].rows, SMALL.campaigns, strict=True):
        by_hour = [sum(day[h] for day in campaign.heat) for h in range(24)]
        best = max(range(24), key=by_hour.__getitem__)
        assert row[2:4] == (f"{best:02}:00–{best + 1:02}:00", by_hour[best])


def test_T_r_f_equal_hours_come_in_their_order_and_nothing_is_no_peak():
    flat = tuple(tuple(int(h in (3, 9)) for h in range(24)) for _ in range(7))
    assert peaks(flat) == ((3, 7), (9, 7))
    assert peaks(()) == ()


def test_T_r_g_use_by_credential_and_by_day_with_errors_and_p95():
    sums, days = rows_of(SMALL, "g"), rows_of(SMALL, "g", 1)
    assert [(r["Solicitudes"], r["Errores"], r["p95 (ms)"]) for r in sums] == [
        (d.requests, d.errors, d.p95_ms) for d in SMALL.doors
    ]
    assert len(days) == len(SMALL.door_days)


@pytest.mark.parametrize("language", ["es", "en"])
def test_T_r_the_workbook_read_by_another_library_has_the_raw_numbers(language):
    book = openpyxl.load_workbook(io.BytesIO(workbook(SMALL, TEXTS[language])))
    assert [name.split()[1] for name in book.sheetnames if re.match(r"\d [a-g]\)", name)] == [
        f"{letter})" for letter in LETTERS
    ]
    results = next(book[n] for n in book.sheetnames if n.startswith("3 b)"))
    cells = [[cell.value for cell in row] for row in results.iter_rows()]
    head = next(n for n, row in enumerate(cells) if row[0] in ("Campaña", "Campaign"))
    rows = cells[head + 1 : head + 1 + len(SMALL.campaigns)]
    for row, campaign in zip(rows, SMALL.campaigns, strict=True):
        s = campaign.sums
        assert row[:10] == [
            campaign.name, campaign.account_name, s.attempted, s.delivered, s.opened, s.not_opened,
            s.bounced, s.unsubscribed, s.clicked, s.clicks,
        ]  # fmt: skip
    total = cells[head + 1 + len(rows)]
    assert total[2:10] == [sum(row[n] for row in rows) for n in range(2, 10)]
    sends = next(book[n] for n in book.sheetnames if n.startswith("2 a)"))
    assert any(isinstance(cell.value, datetime) for row in sends.iter_rows() for cell in row)
    assert sends.freeze_panes
    assert len(results._charts) == 1  # openpyxl reads them and has no public name for it


def test_T_r_no_text_of_people_is_a_formula_of_the_workbook():
    evil = replace(SMALL.campaigns[0], name='=HYPERLINK("http://x")', subject="@SUM(1)")
    book = openpyxl.load_workbook(
        io.BytesIO(workbook(replace(SMALL, campaigns=(evil,)), TEXTS["es"]))
    )
    cells = [c for name in book.sheetnames for row in book[name].iter_rows() for c in row]
    assert evil.name in [cell.value for cell in cells]
    assert not [cell for cell in cells if cell.data_type == "f"]


def test_T_r_names_of_people_are_text_in_the_document():
    evil = replace(SMALL.campaigns[0], name="<script>alert(1)</script>")
    html = document(replace(SMALL, campaigns=(evil,)), TEXTS["es"])
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)" in html


@pytest.mark.parametrize("language", ["es", "en"])
def test_T_r_the_pdf_has_every_letter_in_its_outline(language):
    pdf = asyncio.run(make_pdf(document(sample_report(2, 1), TEXTS[language])))
    assert pdf is not None
    titles = outline(pdf)
    for letter in LETTERS:
        assert any(f"{letter})" in title for title in titles), titles


def test_T_r_a_report_of_nothing_says_so():
    empty = UsageReport(
        replace(SMALL.cover, contract=0, contract_name=""),
        replace(SMALL.balance, state="", begins="", ends="", granted=0),
        added([]),
    )
    html = document(empty, TEXTS["es"])
    assert "Ninguna campaña envió correo en este período." in html
    assert "None" not in html
    assert workbook(empty, TEXTS["es"]).startswith(b"PK")
