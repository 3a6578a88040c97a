"""Addresses as they may stand where nothing is ever erased: in the audit trail.

`a***@example.org` and a number that only the installation's secret leads to: who knows the address
finds its entries, who reads the trail years later does not learn it.
"""

from mta.suppression.digest import AddressDigest


def masked(address: str) -> str:
    """The first character and the domain."""
    local, at, domain = address.rpartition("@")
    return f"{local[:1]}***{at}{domain}"


def pseudonym(digest: AddressDigest, address: str) -> str:
    """What stands for the address in the audit trail. Raises `AddressSyntaxError`."""
    return f"person:{digest.of(address) & 0xFFFFFFFFFFFFFFFF:016x}"
