"""Tokens that name a delivery and that nobody else can make: `<id in base 36>-<mac>`.

The mac is keyed BLAKE2s over the id, 80 bits, with a purpose of its own for each use: whoever has
a token for one thing has none for another. Nothing is stored (ADR 0005). They are lower case and
read in either case, for some mail servers change it.
"""

import hashlib
import hmac
import re
from enum import Enum

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_MAC_BYTES = 10  # 80 bits: an online guess has no chance, the token stays short
TOKEN_PATTERN = "[0-9a-z]{1,13}-[0-9a-f]{20}"
_TOKEN = re.compile(r"([0-9a-z]{1,13})-([0-9a-f]{20})\Z", re.IGNORECASE | re.ASCII)
_MAX_ID = 1 << 63


class Purpose(Enum):
    """What a token is good for; the value separates the macs (BLAKE2s' `person`, 8 octets)."""

    RETURN_PATH = b""
    UNSUBSCRIBE = b"unsub"
    UNDO = b"undo"  # takes an unsubscribe back; its mac covers a time, too


class DeliveryTokens:
    """Makes and checks tokens of one purpose."""

    def __init__(self, key: bytes, purpose: Purpose) -> None:
        """`key`: 32 secret bytes of the installation."""
        self._key = key
        self._person = purpose.value

    def token(self, delivery_id: int, about: int = 0) -> str:
        """The token of a delivery; `about` is covered by the mac and stands elsewhere."""
        return f"{base36(delivery_id)}-{self._mac(delivery_id, about)}"

    def delivery_id(self, token: str, about: int = 0) -> int | None:
        """The delivery that a token names, or None for a forged or foreign one."""
        match = _TOKEN.match(token)
        if match is None:
            return None
        delivery_id = int(match[1], 36)
        if delivery_id >= _MAX_ID:  # no id, and no integer of the database
            return None
        if not hmac.compare_digest(self._mac(delivery_id, about), match[2].lower()):
            return None
        return delivery_id

    def _mac(self, delivery_id: int, about: int) -> str:
        data = delivery_id.to_bytes(10, "big")
        if about:
            data += about.to_bytes(8, "big")
        return hashlib.blake2s(
            data, key=self._key, digest_size=_MAC_BYTES, person=self._person
        ).hexdigest()


def base36(number: int) -> str:
    """A number that is not negative, in base 36."""
    digits = []
    while True:
        number, rest = divmod(number, 36)
        digits.append(_DIGITS[rest])
        if not number:
            return "".join(reversed(digits))
