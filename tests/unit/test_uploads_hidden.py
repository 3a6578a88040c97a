"""What a workbook hides, as Excel and other programs write it."""

import zipfile
from pathlib import Path

import pytest

from console.contacts.files.hidden import Hidden, hidden_in
from console.contacts.files.sniffing import UnreadableFile
from tests.contacts_world import OPERATOR, filtered, open_contacts

WORKBOOK = (
    '<x:workbook xmlns:x="http://schemas.openxmlformats.org/spreadsheetml/2006/main" '
    'xmlns:q="http://schemas.openxmlformats.org/officeDocument/2006/relationships">'
    '<x:sheets><x:sheet name="Uno" q:id="a"/><x:sheet name="Dos &amp; m&#225;s" q:id="b"/></x:sheets>'
    "</x:workbook>"
)
RELATIONS = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="a" Target="worksheets/sheet1.xml"/>'
    '<Relationship Id="b" Target="/xl/otra/hoja.xml"/></Relationships>'
)


def book(folder: Path, **parts: str) -> Path:
    """A workbook of these parts."""
    path = folder / "libro.xlsx"
    names = {"workbook": "xl/workbook.xml", "relations": "xl/_rels/workbook.xml.rels",
             "uno": "xl/worksheets/sheet1.xml", "dos": "xl/otra/hoja.xml"}  # fmt: skip
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for key, text in {"workbook": WORKBOOK, "relations": RELATIONS, **parts}.items():
            archive.writestr(names[key], text)
    return path


def test_each_sheet_is_found_by_its_name(tmp_path):
    path = book(
        tmp_path,
        uno='<worksheet><sheetData><row r="3" hidden="1"/></sheetData></worksheet>',
        dos="<x:worksheet><x:cols><x:col max='3' min='2' hidden='true'/></x:cols><x:sheetData>"
        "<x:row spans='1:2' hidden='true' r='8'/><x:row r='9' hidden='0'/></x:sheetData></x:worksheet>",
    )
    assert hidden_in(path, "Uno", 500) == Hidden(frozenset({3}))
    assert hidden_in(path, "", 500) == Hidden(frozenset({3}))
    assert hidden_in(path, "Dos & más", 500) == Hidden(frozenset({8}), frozenset({1, 2}))
    assert hidden_in(path, "Tres", 500) == Hidden()


def test_columns_hidden_to_the_end_are_no_more_than_are_read(tmp_path):
    path = book(tmp_path, uno='<cols><col min="2" max="16384" hidden="1"/></cols>')
    assert hidden_in(path, "Uno", 4).columns == {1, 2, 3}


def test_rows_are_found_wherever_a_large_sheet_is_cut(tmp_path):
    rows = "".join(
        f'<row r="{n}"{" hidden=" + chr(34) + "1" + chr(34) if n % 1_000 == 0 else ""}><c><v>{n}</v></c></row>'
        for n in range(1, 80_001)
    )
    path = book(tmp_path, uno=f"<sheetData>{rows}</sheetData>")
    assert hidden_in(path, "Uno", 500).rows == set(range(1_000, 80_001, 1_000))


def test_text_that_speaks_of_hiding_hides_nothing(tmp_path):
    told = '<row r="1"><c><v>&lt;row r="2" hidden="1"&gt; hidden="1"</v></c></row>'
    assert hidden_in(book(tmp_path, uno=told), "Uno", 500) == Hidden()


def test_a_workbook_that_declares_entities_is_not_looked_at(tmp_path):
    path = book(tmp_path, workbook='<!DOCTYPE w [<!ENTITY a "aaaa">]><w>&a;</w>')
    with pytest.raises(UnreadableFile, match="damaged_workbook"):
        hidden_in(path, "Uno", 500)


async def test_hidden_rows_are_told_left_out_and_taken_when_that_is_wanted(tmp_path):
    async with open_contacts(tmp_path) as world:
        upload = await world.receive(filtered(30, range(2, 29)), "l.xlsx")
        seen = await world.uploads.preview(OPERATOR, upload.id)
        assert (seen.hidden_rows, seen.hidden_columns) == (27, [2])
        assert [row[0] for row in seen.rows] == [f"p{n}@example.org" for n in (1, 29, 30)]
    for is_left_out, counts in (
        (True, {"rows": 30, "accepted": 3, "hidden": 27}),
        (False, {"rows": 30, "accepted": 30}),
    ):
        folder = tmp_path / str(is_left_out)
        folder.mkdir()
        async with open_contacts(folder) as world:
            data = filtered(30, range(2, 29))
            assert (await world.read(data, "l.xlsx", skip_hidden=is_left_out)).counts == counts
