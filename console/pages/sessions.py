"""The session of a request, and the cookie that carries its id."""

from aiohttp import web

from console.accounts.signin.sessions import Session

SESSION = web.RequestKey("session", Session)


def session_of(request: web.Request) -> Session:
    """Of a page that needs one: `console.web.access` has put it there."""
    return request[SESSION]


def cookie_name(request: web.Request) -> str:
    """With TLS the `__Host-` prefix ties the cookie to this very host (RFC 6265bis §4.1.3.2)."""
    return "__Host-relevo" if request.secure else "relevo_session"


def set_cookie(request: web.Request, response: web.StreamResponse, identifier: str) -> None:
    """Hand the session to the browser; it forgets the cookie when it is closed."""
    response.set_cookie(
        cookie_name(request),
        identifier,
        path="/",
        httponly=True,
        samesite="Lax",
        secure=request.secure,
    )


def delete_cookie(request: web.Request, response: web.StreamResponse) -> None:
    """Take the session from the browser."""
    response.del_cookie(
        cookie_name(request), path="/", httponly=True, samesite="Lax", secure=request.secure
    )
