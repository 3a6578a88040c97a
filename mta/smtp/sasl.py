"""SASL exchanges of the server, sans I/O: PLAIN (RFC 4616), LOGIN, SCRAM-SHA-256 (RFC 7677).

An exchange is fed the client's decoded responses and says what comes next: a challenge, a question
to whoever knows the accounts, or the refusal of a malformed response. CRAM-MD5 is not offered: it
needs the password itself at rest.
"""

import binascii
from collections.abc import Callable
from typing import NamedTuple, Protocol

from mta.model.reply import Reply
from mta.smtp import server_replies as replies
from mta.smtp.saslprep import saslprep
from mta.smtp.scram import ScramKeys, ScramServer, decoy_keys

MECHANISMS = ("PLAIN", "LOGIN", "SCRAM-SHA-256")
MAX_NAME = 255  # characters
MAX_PASSWORD = 1024


class Challenge(NamedTuple):
    """Send this (334) and wait for the client's response."""

    octets: bytes


class PasswordOffered(NamedTuple):
    """The client gave a name and a password: somebody has to check them."""

    mechanism: str
    username: str
    password: str


class ScramStarted(NamedTuple):
    """The client named itself: somebody has to look up its keys."""

    mechanism: str
    username: str


class ScramFinished(NamedTuple):
    """The exchange is over; `is_proved` says whether the client knows the password."""

    mechanism: str
    username: str
    is_proved: bool


Step = Challenge | PasswordOffered | ScramStarted | ScramFinished | Reply


class Exchange(Protocol):
    """One run of a mechanism."""

    def step(self, response: bytes | None) -> Step:
        """Take a response; None: the client sent no initial response."""
        ...


class PlainExchange:
    """RFC 4616: `[authzid] NUL authcid NUL password` in one response."""

    def step(self, response: bytes | None) -> Step:
        """The name and password, or a refusal."""
        if response is None:
            return Challenge(b"")
        parts = response.split(b"\0")
        if len(parts) != 3:
            return replies.AUTH_BAD_RESPONSE
        authzid, username, password = (_prepare(part) for part in parts)
        if not username or not password or authzid is None:
            return replies.AUTH_BAD_RESPONSE
        if authzid and authzid != username:
            return replies.AUTH_FAILED
        return _offer("PLAIN", username, password)


class LoginExchange:
    """draft-murchison-sasl-login: two questions; the name may come with AUTH."""

    def __init__(self) -> None:
        self._username: str | None = None

    def step(self, response: bytes | None) -> Step:
        """The questions `Username:` and `Password:`, without a NUL at their end."""
        if response is None:
            return Challenge(b"Username:")
        text = _prepare(response)
        if not text:
            return replies.AUTH_BAD_RESPONSE
        if self._username is None:
            self._username = text
            return Challenge(b"Password:")
        return _offer("LOGIN", self._username, text)


class ScramExchange:
    """RFC 5802 over SMTP: server-final travels as a challenge that the client answers with nothing."""

    def __init__(self, decoy_secret: bytes, nonce: Callable[[], str]) -> None:
        self._decoy_secret = decoy_secret
        self._nonce = nonce
        self._server: ScramServer | None = None
        self._is_proved = False

    def step(self, response: bytes | None) -> Step:
        """Client-first, client-final, and the empty response that ends it."""
        server = self._server
        if self._is_proved and server is not None:
            if response:
                return replies.AUTH_BAD_RESPONSE
            return ScramFinished("SCRAM-SHA-256", server.username, True)
        if response is None:
            return Challenge(b"")
        if server is None:
            self._server = server = ScramServer.start(response)
            if server is None or len(server.username) > MAX_NAME:
                return replies.AUTH_BAD_RESPONSE
            return ScramStarted("SCRAM-SHA-256", server.username)
        final = server.final(response)
        if final is None:
            return ScramFinished("SCRAM-SHA-256", server.username, False)
        self._is_proved = True
        return Challenge(final)

    def use_keys(self, keys: ScramKeys | None) -> Challenge:
        """Go on with the keys of the name asked for; None: the name is not known."""
        server = self._server
        assert server is not None
        if keys is None:
            keys = decoy_keys(server.username, self._decoy_secret)
        return Challenge(server.first(keys, self._nonce()))


def decode_response(line: bytes) -> bytes | None:
    """Base64 as RFC 4954 §4 wants it, strictly; None when it is not."""
    try:
        return binascii.a2b_base64(line, strict_mode=True)
    except binascii.Error:
        return None


def _prepare(octets: bytes) -> str | None:
    try:
        return saslprep(octets.decode())
    except UnicodeDecodeError:
        return None


def _offer(mechanism: str, username: str, password: str) -> Step:
    if len(username) > MAX_NAME or len(password) > MAX_PASSWORD:
        return replies.AUTH_FAILED
    return PasswordOffered(mechanism, username, password)
