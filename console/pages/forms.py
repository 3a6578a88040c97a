"""Whether a form that changes something was sent by our own page.

Two checks that each suffice: browsers say where a request comes from (`Sec-Fetch-Site`, `Origin`),
and the form carries a token that other sites cannot know.
"""

import hmac
from collections.abc import Mapping
from urllib.parse import urlsplit

from aiohttp import web

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
