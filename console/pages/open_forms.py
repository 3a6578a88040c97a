"""Forms that need no session: sign-in and one-time links; a cookie of their own guards them."""

import secrets
from collections.abc import Mapping

from aiohttp import web

from console.accounts.signin.service import Client
from console.pages.forms import has_token, is_from_here
from mta.listener.clients import Client as NetworkClient

_MIN_TOKEN = 40


def form_token(request: web.Request) -> str:
    """The token for a form: the browser's, or a new one."""
    token = request.cookies.get(_name(request), "")
    return token if len(token) >= _MIN_TOKEN else secrets.token_urlsafe(32)


def keep_token(request: web.Request, response: web.StreamResponse, token: str) -> None:
    """Hand it to the browser; other sites can neither read nor send it."""
    response.set_cookie(
        _name(request), token, path="/", httponly=True, samesite="Strict", secure=request.secure
    )


def is_own_form(request: web.Request, form: Mapping[str, object]) -> bool:
    """Whether our own page sent the form."""
    token = request.cookies.get(_name(request), "")
    return bool(token) and is_from_here(request) and has_token(request, form, token)


def client_of(request: web.Request) -> Client:
    """Who asks, as failures are counted by."""
    address = request.remote or ""
    network = NetworkClient(address, is_trusted=False).network
    return Client(address, network, request.headers.get("User-Agent", ""))


def _name(request: web.Request) -> str:
    return "__Host-relevo-form" if request.secure else "relevo_form"
