"""Tokens of links in mail: they name a delivery and a link, and nobody else can make them.

A token is base64url of `key number 1 · delivery 8 · message 8 · link 2 · mac 16` octets: 47
characters, nothing is stored for it. The mac is keyed BLAKE2s with 128 bits over all that stands
before it, with a purpose of its own for each use. The message is named beside the delivery so that a
link leads on when the delivery's history has been removed. Delivery 0 is nobody: anonymous tracking.
"""

import hashlib
import hmac
import struct
from binascii import Error, a2b_base64, b2a_base64
from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import NamedTuple

from mta.model.errors import ConfigurationError

LENGTH = 47  # characters
MAX_LINK = (1 << 16) - 1
_BODY = struct.Struct(">BQQH")
_MAC_BYTES = 16
_FIXED = (_BODY.size - 2) * 8 // 6  # characters that are the same whatever the link
_MAX_ID = 1 << 63
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_FROM_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_FOREIGN = b"+/="  # of the other alphabet: one token has one spelling


class Purpose(Enum):
    """What a token is good for; the value separates the macs (BLAKE2s' `person`, 8 octets)."""

    CLICK = b"t.click"
    OPEN = b"t.open"
    VIEW = b"t.view"  # shows the mail in the browser


class Target(NamedTuple):
    """What a token names."""

    delivery: int  # 0: nobody in particular
    message: int
    link: int = 0  # number in the message


class TrackingTokens:
    """Makes and checks tokens; may be used by several threads at a time."""

    def __init__(self, keys: Mapping[int, bytes], current: int | None = None) -> None:
        """`keys`: secret keys of 32 octets by number, 1 to 255; tokens of each are taken.

        New ones are made with `current`, without it with the highest number. Raises
        `ConfigurationError` when there is none.
        """
        number = max(keys, default=0) if current is None else current
        if number not in keys or not all(0 < n < 256 for n in keys):
            raise ConfigurationError("tracking keys: expected numbers from 1 to 255")
        self._number = number
        # A prepared state is copied for each token: a keyed one begins with a block of its own.
        self._states = MappingProxyType(
            {
                (n, purpose): hashlib.blake2s(key=key, digest_size=_MAC_BYTES, person=purpose.value)
                for n, key in keys.items()
                for purpose in Purpose
            }
        )

    def token(self, purpose: Purpose, target: Target) -> str:
        """The token, of `LENGTH` characters."""
        return self.octets(purpose, *target).decode()

    def octets(self, purpose: Purpose, delivery: int, message: int, link: int = 0) -> bytes:
        """The same as octets, for mail that is being rendered: under 1 µs."""
        body = _BODY.pack(self._number, delivery, message, link)
        state = self._states[self._number, purpose].copy()
        state.update(body)
        text = b2a_base64(body + state.digest(), newline=False)
        return text.translate(_URL_SAFE, b"=")

    def beginnings(self, delivery: int, message: int) -> tuple[bytes, ...]:
        """With what every token of that delivery and message begins, for each key."""
        numbers = sorted({number for number, _ in self._states})
        heads = (_BODY.pack(number, delivery, message, 0)[:-2] for number in numbers)
        return tuple(b2a_base64(head)[:_FIXED].translate(_URL_SAFE) for head in heads)

    def target(self, purpose: Purpose, token: str) -> Target | None:
        """What a token names, or None for one that is forged, cut off or made for something else."""
        if len(token) != LENGTH or not token.isascii():
            return None
        text = token.encode()
        if text.translate(None, _FOREIGN) != text:
            return None
        try:
            data = a2b_base64(text.translate(_FROM_URL_SAFE) + b"=", strict_mode=True)
        except Error:
            return None
        body = data[: _BODY.size]
        number, delivery, message, link = _BODY.unpack(body)
        prepared = self._states.get((number, purpose))
        if prepared is None or delivery >= _MAX_ID or message >= _MAX_ID:
            return None
        state = prepared.copy()
        state.update(body)
        if not hmac.compare_digest(state.digest(), data[_BODY.size :]):
            return None
        # The last character has two bits that say nothing: only the spelling we make counts.
        spelling = b2a_base64(data, newline=False).translate(_URL_SAFE, b"=")
        return Target(delivery, message, link) if spelling == text else None
