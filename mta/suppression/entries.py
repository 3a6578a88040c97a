"""Rows of suppression lists, for jobs of whoever changes them."""

from collections.abc import Iterable, Sequence

from mta.store.work import Rows
from mta.suppression.digest import AddressDigest, key_of
from mta.suppression.values import NewEntry, Reason

MAX_NOTE = 500

Place = tuple[int, int, Reason]  # account, digest, reason: there is one entry in each


def put(digest: AddressDigest, entries: Iterable[NewEntry], now_ms: int) -> Rows:
    """Add entries, or renew those that are there."""
    rows = []
    for entry in entries:
        folded = key_of(entry.address)
        rows.append(
            (
                entry.account, digest.of_key(folded), entry.reason.value, entry.scope.value,
                entry.address, folded, entry.note[:MAX_NOTE], entry.message, entry.delivery,
                entry.by, now_ms, entry.expires_ms,
            )
        )  # fmt: skip
    return Rows("suppression_put", rows)


def delete(places: Sequence[Place]) -> Rows:
    """Take entries away; what is not there does not matter."""
    return Rows("suppression_delete", [(a, d, r.value) for a, d, r in places])
