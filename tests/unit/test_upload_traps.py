"""What is wrong with files of people in the wild, and what is done to servers with them: one table."""

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

import pytest
import xlsxwriter

from console.accounts.csv_text import csv_text
from console.contacts.uploads import UnusableUpload
from tests.contacts_world import OPERATOR, open_contacts, workbook

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


@pytest.fixture
async def world(tmp_path):
    async with open_contacts(tmp_path) as opened:
        yield opened


def book(write: Callable[[xlsxwriter.Workbook, object], None]) -> bytes:
    """A workbook with one sheet."""
    out = io.BytesIO()
    made = xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_urls": False})
    write(made, made.add_worksheet())
    made.close()
    return out.getvalue()


def changed(data: bytes, change: Callable[[str, bytes], bytes], *more: tuple[str, bytes]) -> bytes:
    """The same archive with other parts."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
        for name, content in more:
            new.writestr(name, content)
    return out.getvalue()


def _merged(_made, sheet) -> None:
    sheet.write_row(0, 0, ["correo", "cargo"])
    sheet.write_column(1, 0, ["a@example.org", "b@example.org"])
    sheet.merge_range(1, 1, 2, 1, "Jefa")


def _formulas(_made, sheet) -> None:
    sheet.write_row(0, 0, ["correo", "nombre"])
    sheet.write_formula(1, 0, '=B2&"@example.org"', None, "a@example.org")
    sheet.write_formula(1, 1, '=HYPERLINK("http://x")', None, "Ana")
    sheet.write_formula(2, 0, '="b@example.org"', None, "")  # a program that does not calculate


def _hidden(_made, sheet) -> None:
    sheet.write_row(0, 0, ["correo", "clave"])
    sheet.write_row(1, 0, ["a@example.org", "x"])
    sheet.write_row(2, 0, ["b@example.org", "y"])
    sheet.set_row(2, None, None, {"hidden": True})
    sheet.set_column(1, 1, None, None, {"hidden": True})


def _types(made, sheet) -> None:
    day, hour = (made.add_format({"num_format": f}) for f in ("dd/mm/yyyy", "dd/mm/yyyy hh:mm"))
    sheet.write_row(0, 0, ["correo", "ruc", "dia", "hora", "si", "monto"])
    sheet.write(1, 0, "a@example.org")
    sheet.write_number(1, 1, 20123456789.0)
    sheet.write_datetime(1, 2, date(2026, 3, 31), day)
    sheet.write_number(1, 3, 46112 + 9.0833333333 / 24, hour)
    sheet.write_row(1, 4, [True])
    sheet.write_number(1, 5, 1234.5)


def _entities(name: str, data: bytes) -> bytes:
    """Shared strings with entities: of a file, and one that would grow without end."""
    if name != "xl/sharedStrings.xml":
        return data
    bomb = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    head = f'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd"><!ENTITY e0 "ha">{bomb}]>'
    return data.replace(b"<sst", f"{head}<sst".encode(), 1).replace(b"SECRETO", b"&f;&e9;")


PLAIN = workbook(["correo", "nombre"], ["a@example.org", "Ana"])
WITH_ENTITY = changed(workbook(["correo", "nombre"], ["a@example.org", "SECRETO"]), _entities)
MACROS = changed(PLAIN, lambda _, data: data, ("xl/vbaProject.bin", b"\xcc\x61" * 100))
ENCRYPTED = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le") * 9


@dataclass(frozen=True)
class Trap:
    """A file, and what is made of it."""

    data: bytes
    rows: list[dict[str, str]] = field(default_factory=list)  # those that are good
    left_out: list[tuple[int, str]] = field(default_factory=list)
    refused: str = ""  # instead
    name: str = "lista.csv"


A = {"email": "a@example.org"}
TRAPS = {
    "merged_cells": Trap(
        book(_merged), [{**A, "cargo": "Jefa"}, {"email": "b@example.org"}]
    ),
    "formulas": Trap(book(_formulas), [{**A, "nombre": "Ana"}]),
    "hidden_rows_are_left_out_and_hidden_columns_are_columns": Trap(
        book(_hidden), [{**A, "clave": "x"}], left_out=[(3, "hidden")]
    ),
    "numbers_dates_booleans": Trap(
        book(_types),
        [{**A, "ruc": "20123456789", "dia": "2026-03-31", "hora": "2026-03-31 09:05", "si": "1",
          "monto": "1234.5"}],
    ),
    "macros_are_not_looked_at": Trap(MACROS, [{**A, "nombre": "Ana"}], name="lista.xlsm"),
    "workbook_called_csv": Trap(PLAIN, [{**A, "nombre": "Ana"}], name="lista.csv"),
    "text_called_xlsx": Trap(b"correo;nombre\na@example.org;Ana\n", [{**A, "nombre": "Ana"}],
                             name="lista.xlsx"),
    "utf8_mark": Trap(b"\xef\xbb\xbfcorreo\ta\xc3\xb1o\na@example.org\t1\n", [{**A, "ano": "1"}]),
    "windows_1252": Trap(
        "correo;nombre\na@example.org;Ñato €\n".encode("cp1252"), [{**A, "nombre": "Ñato €"}]
    ),
    "quoted_lines": Trap(
        b'correo,nota\na@example.org,"uno\r\ndos ""tres"""\n', [{**A, "nota": 'uno\ndos "tres"'}]
    ),
    "empty_and_repeated_headers": Trap(
        b"correo;;cargo;Cargo;=1+1\na@example.org;1;2;3;4\n",
        [{**A, "columna_2": "1", "cargo": "2", "cargo_2": "3", "1_1": "4"}],
    ),
    "short_and_long_rows": Trap(
        b"correo;nombre\na@example.org\nb@example.org;B;y;z\n",
        [A, {"email": "b@example.org", "nombre": "B", "columna_3": "y", "columna_4": "z"}],
    ),
    "a_million_columns": Trap(b"a@example.org" + b";" * 1_000_000 + b"\n", refused="bad_fields"),
    "lines_that_end_mails_headers": Trap(
        b'correo;nombre\na@example.org;"Ana\r\nBcc: x@y.pe\x07\x0b"\n'
        b'"b@example.org\r\nBcc: x@y.pe";B\n',
        [{**A, "nombre": "Ana\nBcc: x@y.pe"}],
        [(3, "several")],
    ),
    "files_of_ours_come_back_as_they_were": Trap(
        csv_text([["correo", "celular", "nota"], ["a@example.org", "+51 999 111 222", "'x"]]).encode(),
        [{**A, "celular": "+51 999 111 222", "nota": "'x"}],
    ),
    "unseen_characters": Trap(
        "correo;nombre\n\u200ba@example.org\u00a0;\u202eanA\u2066\n".encode(),
        [{**A, "nombre": "anA"}],
    ),
    "several_addresses": Trap(
        b'correo\n"a@example.org; b@example.org"\na@example.org / b@example.org\n"a@b.pe,c@d.pe"\n',
        [], [(2, "several"), (3, "several"), (4, "several")],
    ),
    "addresses_with_names": Trap(
        'correo\n"Pérez, Ana" <A@Example.ORG>\nmailto:b@example.org\n c@example.org. \n'
        "".encode(),
        [{"email": "A@example.org"}, {"email": "b@example.org"}, {"email": "c@example.org"}],
    ),
    "domains_in_other_scripts": Trap(
        "correo\na@peña.example\nA@PEÑA.example\n".encode(),
        [{"email": "a@xn--pea-8ma.example"}], [(3, "duplicated")],
    ),
    "upper_case_is_the_same": Trap(
        b"correo\nAna@EXAMPLE.org\nana@example.org \n", [{"email": "Ana@example.org"}],
        [(3, "duplicated")],
    ),
    "entities_are_not_resolved": Trap(WITH_ENTITY, refused="damaged_workbook"),
    "header_only": Trap(b"correo;nombre\n"),
    "nothing": Trap(b"", refused="empty"),
    "nul": Trap(b"correo\0\na@example.org\0\n", refused="binary"),
    "nul_later": Trap(
        b"correo;n\n" + b"x;y\n" * 70_000 + b"a@example.org;A\0na\n", [{**A, "n": "Ana"}],
        [(n, "invalid") for n in range(2, 1_002)],
    ),
    "encrypted": Trap(ENCRYPTED, refused="old_workbook"),
    "no_content_types": Trap(
        changed(PLAIN, lambda name, data: b"" if name == "[Content_Types].xml" else data),
        [{**A, "nombre": "Ana"}],
    ),
    "another_archive": Trap(changed(PLAIN, lambda _, d: d)[:-40], refused="damaged_workbook"),
}  # fmt: skip


@pytest.mark.parametrize("name", TRAPS)
async def test_T_a_a_strange_file_is_read_as_people_see_it_or_refused(world, name):
    trap = TRAPS[name]
    if trap.refused:
        with pytest.raises(UnusableUpload) as caught:
            await world.read(trap.data, trap.name)
        assert caught.value.reason == trap.refused
        return
    upload = await world.read(trap.data, trap.name)
    found = await world.rows(upload.audience) if upload.audience else []
    assert found == trap.rows, upload.problem
    left_out = await world.uploads.rejects(OPERATOR, upload.id, count=1_000)
    assert [(one.row, one.reason) for one in left_out] == trap.left_out
