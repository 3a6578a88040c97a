"""AUTH as a server sees it (RFC 4954 §4): one exchange at a time, base64 strict, `*` cancels."""

import secrets
from base64 import b64encode
from collections.abc import Callable

from mta.model.errors import InternalError
from mta.model.reply import Reply
from mta.smtp import server_replies as replies
from mta.smtp.sasl import (
    Challenge,
    Exchange,
    LoginExchange,
    PlainExchange,
    ScramExchange,
    Step,
    decode_response,
)
from mta.smtp.scram import ScramKeys


class AuthDialogue:
    """The AUTH exchange of a session, if one runs."""

    __slots__ = ("_decoy_secret", "_exchange", "_mechanisms", "_nonce")

    def __init__(
        self,
        mechanisms: tuple[str, ...],
        decoy_secret: bytes,
        nonce: Callable[[], str] = secrets.token_urlsafe,
    ) -> None:
        """Offer `mechanisms`; `nonce` makes the server's part of SCRAM's nonce."""
        self._mechanisms = mechanisms
        self._decoy_secret = decoy_secret
        self._nonce = nonce
        self._exchange: Exchange | None = None

    @property
    def is_running(self) -> bool:
        """True while the next line is a response, not a command."""
        return self._exchange is not None

    def end(self) -> None:
        """The exchange is over."""
        self._exchange = None

    def begin(self, argument: str) -> Step:
        """Read `mechanism [initial response]`."""
        mechanism, _, initial = argument.strip().partition(" ")
        mechanism = mechanism.upper()
        if not mechanism:
            return replies.AUTH_SYNTAX
        if mechanism not in self._mechanisms:
            return replies.AUTH_UNKNOWN
        self._exchange = exchange = self._new_exchange(mechanism)
        if not initial:
            return exchange.step(None)
        if initial == "=":  # RFC 4954 §4: an empty initial response
            return self._checked(exchange.step(b""))
        return self.respond(initial.encode())

    def respond(self, line: bytes) -> Step:
        """Read one response; a `Reply` means that the exchange is over."""
        assert self._exchange is not None
        if line == b"*":
            return self._checked(replies.AUTH_CANCELLED)
        response = decode_response(line)
        if response is None:
            return self._checked(replies.AUTH_BAD_BASE64)
        return self._checked(self._exchange.step(response))

    def use_keys(self, keys: ScramKeys | None) -> Challenge:
        """Go on with the keys that were asked for; None: that name is not known."""
        if not isinstance(self._exchange, ScramExchange):
            raise InternalError("no SCRAM exchange runs")
        return self._exchange.use_keys(keys)

    def _checked(self, step: Step) -> Step:
        if isinstance(step, Reply):
            self._exchange = None
        return step

    def _new_exchange(self, mechanism: str) -> Exchange:
        if mechanism == "PLAIN":
            return PlainExchange()
        if mechanism == "LOGIN":
            return LoginExchange()
        return ScramExchange(self._decoy_secret, self._nonce)


def encode_challenge(challenge: Challenge) -> bytes:
    """The 334 line; an empty challenge keeps its space (RFC 4954 §4)."""
    return b"334 " + b64encode(challenge.octets) + b"\r\n"
