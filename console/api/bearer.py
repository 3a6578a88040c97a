"""Who calls the API: `Authorization: Bearer <api key>` (RFC 6750 §2.1)."""

from aiohttp import web

from console.accounts.authenticator import CredentialAuthenticator
from console.api.problems import problem
from mta.model.envelope import Identity

IDENTITY = web.RequestKey("identity", Identity)
_MAX_KEY = 256


class BearerCheck:
    """Looks keys up in the memory of the authenticator; microseconds."""

    def __init__(self, authenticator: CredentialAuthenticator) -> None:
        self._authenticator = authenticator

    def refusal(self, request: web.Request) -> web.Response | None:
        """None: the key is good, and `request[IDENTITY]` is set. Otherwise the 401."""
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        key = key.strip()
        if scheme.lower() != "bearer" or not key:
            return _unauthorized("expected the header: Authorization: Bearer <api key>")
        identity = self.identity(key, request.remote or "")
        if identity is None:
            return _unauthorized(
                "the api key is wrong, revoked or expired, or not allowed from this address"
            )
        request[IDENTITY] = identity
        return None

    def identity(self, key: str, peer: str) -> Identity | None:
        """Whose key it is, if it is good and may be used from that address."""
        # rk_<key id>_<secret>: the key id finds the credential, the whole text is checked.
        parts = key.split("_", 2)
        known_form = len(parts) == 3 and parts[0] == "rk" and len(key) <= _MAX_KEY
        return self._authenticator.check_password(
            parts[1] if known_form else "", key[:_MAX_KEY], peer
        )


def _unauthorized(detail: str) -> web.Response:
    return problem(
        401, "unauthorized", detail, headers={"WWW-Authenticate": 'Bearer realm="relevo"'}
    )
