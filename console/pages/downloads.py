"""Tables that are downloaded: CSV in pieces, XLSX once it is made."""

from collections.abc import AsyncIterator, Sequence
from types import MappingProxyType

from aiohttp import web

from console.accounts.csv_text import Cell, csv_text
from console.pages.account_switch import current_account
from console.pages.language import language_of
from console.pages.sessions import session_of
from console.reports.workbooks import XLSX, workbook_of

_CHUNK = 256 * 1024
# What the files of a training account are called first.
TRAINING = MappingProxyType({"es": "capacitacion-", "en": "training-"})
Pieces = AsyncIterator[Sequence[Sequence[Cell]]]


async def send_csv(
    request: web.Request, name: str, headings: Sequence[str], pieces: Pieces
) -> web.StreamResponse:
    """`name` without an ending; refusals of the first piece are raised before anything is sent."""
    name = marked(request, name)
    first = await _first(pieces)
    response = web.StreamResponse(headers=_headers(name, "csv", "text/csv; charset=utf-8"))
    await response.prepare(request)
    await response.write(b"\xef\xbb\xbf" + csv_text([headings]).encode())  # Excel: it is UTF-8
    await response.write(csv_text(first).encode())
    async for rows in pieces:
        await response.write(csv_text(rows).encode())
    await response.write_eof()
    return response


async def send_xlsx(
    request: web.Request,
    name: str,
    headings: Sequence[str],
    pieces: Pieces,
    widths: Sequence[int] = (),
) -> web.StreamResponse:
    """As `send_csv`; the file is made first, on the disk. Its sheet has the name, too."""
    name = marked(request, name)
    first = await _first(pieces)  # what refuses does so before there is a file

    async def all_pieces() -> Pieces:
        yield first
        async for rows in pieces:
            yield rows

    async with await workbook_of(name, headings, all_pieces(), widths) as book:
        response = web.StreamResponse(headers=_headers(name, "xlsx", XLSX))
        response.content_length = book.path.stat().st_size
        await response.prepare(request)
        with book.path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                await response.write(chunk)
        await response.write_eof()
    return response


async def _first(pieces: Pieces) -> Sequence[Sequence[Cell]]:
    try:
        return await anext(pieces)
    except StopAsyncIteration:
        return ()


def marked(request: web.Request, name: str) -> str:
    """What belongs to a training account is never mistaken for the contract's (T-p)."""
    account = current_account(session_of(request))
    if account is None or not account.is_training:
        return name
    return TRAINING[language_of(request, "es")] + name


def _headers(name: str, ending: str, kind: str) -> dict[str, str]:
    return {
        "Content-Type": kind,
        "Content-Disposition": f'attachment; filename="{name}.{ending}"',
    }
