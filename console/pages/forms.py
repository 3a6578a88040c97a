"""Whether a form that changes something was sent by our own page.

Two checks that each suffice: browsers say where a request comes from (`Sec-Fetch-Site`, `Origin`),
and the form carries a token that other sites cannot know.
"""

import hmac
from collections.abc import Awaitable, Mapping
from datetime import MAXYEAR, datetime
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from aiohttp import web

from console.accounts.actor import NotPermitted, NotVisible
from mta.model.errors import PermanentError
from mta.model.ids import id_in

TOKEN_FIELD = "csrf"
TOKEN_HEADER = "X-CSRF-Token"


def is_from_here(request: web.Request) -> bool:
    """Whether the browser says that our own page sent it; one that says nothing is believed."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("Origin")
    if origin is None:
        return True
    try:
        return urlsplit(origin).netloc.lower() == request.host.lower()
    except ValueError:
        return False


def has_token(request: web.Request, form: Mapping[str, object], expected: str) -> bool:
    """Whether the form carries that token, or the header with which htmx sends it."""
    given = form.get(TOKEN_FIELD, request.headers.get(TOKEN_HEADER))
    return isinstance(given, str) and hmac.compare_digest(given.encode(), expected.encode())


def local_path(text: str) -> str:
    """`text` if it is a path of this server, else `/`: a link must not lead elsewhere."""
    if not text.startswith("/") or text[1:2] in ("/", "\\") or not text.isprintable():
        return "/"
    return text


def text_of(form: Mapping[str, object], name: str, limit: int = 320) -> str:
    """A field without outer spaces; "" if it is missing or a file."""
    value = form.get(name, "")
    return value.strip()[:limit] if isinstance(value, str) else ""


def number_of(text: str) -> int | None:
    """A whole number as people write it: `100000`, `100 000`, `100,000`, `100.000`; None: it is none."""
    digits = "".join(c for c in text if not c.isspace() and c not in ",.\u202f\u00a0")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 16 else None


def id_of(text: str) -> int:
    """An id; 0 for what is none."""
    return id_in(text)


def day_in(text: str, zone: ZoneInfo) -> datetime | None:
    """The first moment of a day as `<input type="date">` writes it; None for what is none.

    There must be a day after it, too: lists end with the beginning of the next one.
    """
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=zone)
    except ValueError:
        return None
    return day if day.year < MAXYEAR else None


async def refusal(work: Awaitable[object]) -> str:
    """Do it; gives why it was refused, "" when it was done.

    What the person may not do or see goes on as an exception, to be a page of its own.
    """
    try:
        await work
    except (NotPermitted, NotVisible):
        raise
    except PermanentError as error:
        return str(error)
    return ""
