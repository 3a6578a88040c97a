"""The key of an entry: a number made of the address and the installation's secret.

Without the secret nobody can tell whose address it is made of, so it may stay when a person is
erased, and who has it in memory needs 8 bytes and no text. Two addresses share one with a
probability of 2**-64 for each pair: with a million entries and ten million mails a year, that one
mail is stopped wrongly has a chance of one in two million.
"""

import hashlib

from mta.model.address import parse_address

_PERSON = b"suppress"


class AddressDigest:
    """Makes digests with one secret."""

    def __init__(self, key: bytes) -> None:
        """`key`: 32 secret bytes of the installation."""
        self._start = hashlib.blake2s(key=key, digest_size=8, person=_PERSON)

    def of_key(self, key: str) -> int:
        """Of an `Address.key`; a signed integer of 64 bits."""
        state = self._start.copy()
        state.update(key.encode())
        return int.from_bytes(state.digest(), "big", signed=True)

    def of(self, address: str) -> int:
        """Of an address in any writing. Raises `AddressSyntaxError`."""
        return self.of_key(key_of(address))


def key_of(address: str) -> str:
    """`Address.key` of an address as it stands in the queue. Raises `AddressSyntaxError`."""
    if address.isascii() and address[:1] != '"':
        return address.lower()  # its domain is in A-labels already
    return parse_address(address).key
