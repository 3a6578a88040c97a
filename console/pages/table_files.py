"""A table as the file that the address asks for: `….csv` or `….xlsx`."""

from collections.abc import AsyncIterator, Sequence

from aiohttp import web

from console.accounts.actor import NotPermitted
from console.accounts.csv_text import Cell
from console.accounts.permissions import Permission
from console.pages.downloads import Pieces, send_csv, send_xlsx
from console.pages.sessions import session_of


async def send_table(
    request: web.Request,
    name: str,
    headings: Sequence[str],
    pieces: Pieces,
    widths: Sequence[int] = (),
) -> web.StreamResponse:
    """By `{kind}` of the path. Raises `HTTPNotFound` for another kind."""
    kind = request.match_info["kind"]
    if kind == "csv":
        return await send_csv(request, name, headings, pieces)
    if kind == "xlsx":
        return await send_xlsx(request, name, headings, pieces, widths)
    raise web.HTTPNotFound


async def in_one(lines: Sequence[Sequence[Cell]]) -> AsyncIterator[Sequence[Sequence[Cell]]]:
    """All lines as one piece."""
    yield lines


def require_export(request: web.Request, account: int) -> None:
    """Raise `NotPermitted` for who may look and not take away."""
    if not session_of(request).actor.may(Permission.EXPORT, account):
        raise NotPermitted("exporting")


def share_of(part: int, whole: int) -> float | None:
    """A share as a number of a table, in percent with two decimals; None without a whole."""
    return round(100 * part / whole, 2) if whole else None
