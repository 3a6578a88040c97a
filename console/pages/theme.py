"""Light or dark: what the person chose with `?theme=`, kept in a cookie, else what the system says."""

from aiohttp import web

COOKIE = "relevo_theme"
PARAMETER = "theme"
THEMES = ("auto", "light", "dark")
_YEAR_S = 365 * 86400


def theme_of(request: web.Request) -> str:
    """One of `THEMES`."""
    for wanted in (request.query.get(PARAMETER), request.cookies.get(COOKIE)):
        if wanted in THEMES:
            return wanted
    return "auto"


def remember_theme(request: web.Request, response: web.StreamResponse) -> None:
    """Keep what `?theme=` asked for."""
    wanted = request.query.get(PARAMETER)
    if wanted in THEMES:
        response.set_cookie(
            COOKIE,
            wanted,
            max_age=_YEAR_S,
            path="/",
            httponly=True,
            samesite="Lax",
            secure=request.secure,
        )
