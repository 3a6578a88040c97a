"""Tables as XLSX, read back with another library."""

from collections.abc import AsyncIterator

import openpyxl

from console.reports.workbooks import workbook_of


async def _pieces() -> AsyncIterator[list[list[str | int | float | None]]]:
    yield [["ana@example.org", 1, None], ["=1+1", 2.5, "http://example.org"]]
    yield [["\x00\ud800ok", 300_000, "20123456789"]]


async def test_cells_are_text_or_numbers_and_never_formulas_or_links():
    async with await workbook_of("¿Quién? [1]/2", ["Correo", "n", "="], _pieces()) as book:
        path = book.path
        sheet = openpyxl.load_workbook(path).active
        rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
        assert rows == [
            ["Correo", "n", "="],
            ["ana@example.org", 1, None],
            ["=1+1", 2.5, "http://example.org"],
            ["\ufffd\ufffdok", 300_000, "20123456789"],
        ]
        assert {cell.data_type for row in sheet.iter_rows() for cell in row} <= {"s", "n"}
        assert not any(cell.hyperlink for row in sheet.iter_rows() for cell in row)
        assert "/" not in sheet.title
    assert not path.exists()
