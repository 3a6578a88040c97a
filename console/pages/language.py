"""Which language a request is answered in.

In this order: what `?lang=` asks for (remembered in a cookie), what it asked for before, what the
person's profile or the browser prefers, what the settings say.
"""

from aiohttp import web

from console.pages.sessions import SESSION
from console.pages.texts import LANGUAGES

COOKIE = "relevo_lang"
PARAMETER = "lang"
_YEAR_S = 365 * 86400
_MAX_HEADER = 200


def language_of(request: web.Request, default: str) -> str:
    """One of `LANGUAGES`."""
    session = request.get(SESSION)
    profile = session.language if session is not None else ""
    for wanted in (request.query.get(PARAMETER), request.cookies.get(COOKIE), profile):
        if wanted in LANGUAGES:
            return wanted
    return preferred(request.headers.get("Accept-Language", "")) or default


def remember(request: web.Request, response: web.StreamResponse) -> None:
    """Keep the language that `?lang=` asked for."""
    wanted = request.query.get(PARAMETER)
    if wanted in LANGUAGES:
        response.set_cookie(
            COOKIE,
            wanted,
            max_age=_YEAR_S,
            path="/",
            httponly=True,
            samesite="Lax",
            secure=request.secure,
        )


def preferred(header: str) -> str:
    """The first of our languages in an Accept-Language header (RFC 9110 §12.5.4), or ""."""
    weighted: list[tuple[float, str]] = []
    for item in header[:_MAX_HEADER].split(","):
        tag, _, parameter = item.partition(";")
        code = tag.strip().partition("-")[0].lower()
        if code in LANGUAGES:
            weighted.append((_weight(parameter), code))
    usable = [pair for pair in weighted if pair[0] > 0]
    return max(usable, key=lambda pair: pair[0])[1] if usable else ""


def _weight(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if not name:
        return 1.0
    try:
        return float(value) if name.strip() == "q" else 1.0
    except ValueError:
        return 0.0


def choose(request: web.Request, response: web.StreamResponse, code: str) -> None:
    """Keep the language of a profile; with "" the browser decides again."""
    if code in LANGUAGES:
        response.set_cookie(
            COOKIE,
            code,
            max_age=_YEAR_S,
            path="/",
            httponly=True,
            samesite="Lax",
            secure=request.secure,
        )
    else:
        response.del_cookie(COOKIE, path="/", secure=request.secure)
