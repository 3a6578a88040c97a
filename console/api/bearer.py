"""Who calls the API: `Authorization: Bearer <api key>` (RFC 6750 §2.1)."""

from aiohttp import web

from console.accounts.authenticator import CredentialAuthenticator
from console.accounts.values import Scope
from console.api.language import preferred
from console.api.problems import refused
from console.api.refusals import ApiRefusal, Told
from console.api.request_id import request_id_of
from mta.model.envelope import Identity

IDENTITY = web.RequestKey("identity", Identity)
SCOPES = web.RequestKey("scopes", frozenset[Scope])
_MAX_KEY = 256


class BearerCheck:
    """Looks keys up in the memory of the authenticator; microseconds."""

    def __init__(self, authenticator: CredentialAuthenticator, language: str = "en") -> None:
        """`language`: of callers that name none."""
        self._authenticator = authenticator
        self._language = language

    def refusal(self, request: web.Request) -> web.Response | None:
        """None: the key is good, and `request[IDENTITY]` is set. Otherwise the 401."""
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        key = key.strip()
        if scheme.lower() != "bearer" or not key:
            return self._unauthorized(request, Told("expected_bearer"))
        found = self._authenticator.check_key(key[:_MAX_KEY], request.remote or "")
        if found is None:
            return self._unauthorized(request)
        request[IDENTITY], request[SCOPES] = found
        return None

    def identity(self, key: str, peer: str) -> Identity | None:
        """Whose key it is, if it is good, may be used from that address, and may send."""
        found = self._authenticator.check_key(key[:_MAX_KEY], peer)
        return found[0] if found is not None and Scope.SEND in found[1] else None

    def _unauthorized(self, request: web.Request, detail: str | Told = "") -> web.Response:
        language = preferred(request.headers.get("Accept-Language", ""), self._language)
        request_id = request_id_of(request)
        headers = {
            "WWW-Authenticate": 'Bearer realm="relevo"',
            "Content-Language": language,
            "X-Request-Id": request_id,
        }
        return refused(
            ApiRefusal(401, "unauthorized", detail, headers=headers), language, request_id
        )
