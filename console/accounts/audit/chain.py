"""Chains rows by keyed hashes, so that whoever only has the database cannot change them unseen.

A row is stored without a place in the chain; within about a second the sealer gives it the next
number (`seq`) and a hash over its number, the hash before it and all its values. The order of the
chain is that of sealing: a job with a lower id that commits later still finds its place. Beside
the chain stands its head, the last number and hash with a MAC, so that rows missing at the end
are noticed. All hashes are BLAKE2s keyed by the installation's secret (`[console] secret_file`),
which is not in the database: without it an edited, removed or inserted row cannot be made to fit.

A table that wants this has `seq INTEGER UNIQUE` and `hash TEXT`, NULL until sealed, triggers that
refuse every other change, and the three statements that `Chain` names.

What it cannot show: a row removed before it was sealed, and a whole database put back to an
earlier state with its head; for that the head is logged each day and told by `relevo verify`.
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

Values = Sequence[int | str | None]

FIRST = ""  # the hash before the first link
MAX_PROBLEMS = 100  # of one chain; damage that is everywhere need not be told a million times


@dataclass(frozen=True, slots=True)
class Chain:
    """A table whose rows are chained, by the names of its statements."""

    name: str
    unsealed: str  # read, `:count`: rows without a number, oldest first: id, values…
    seal: str  # write: id, seq, hash; only rows without a number
    sealed: str  # read, `:after`, `:count`: seq, hash, id, values… by number
    has_mac: bool = False  # whether the last value is `ChainKey.mac` of those before it


AUDIT = Chain("audit", "audit_unsealed", "audit_seal", "audit_sealed", has_mac=True)


@dataclass(frozen=True, slots=True)
class Head:
    """The last link of a chain."""

    seq: int
    hash: str


class ChainKey:
    """Makes the hashes; derived from the installation's secret for this purpose alone."""

    def __init__(self, secret: bytes) -> None:
        self._key = hashlib.blake2s(b"chains", key=secret, person=b"rlychain").digest()

    def mac(self, chain: str, values: Values) -> str:
        """Shows that a row was made by who has the secret; 128 bits."""
        return self._hash(16, "row", chain, values)

    def link(self, chain: str, seq: int, before: str, values: Values) -> str:
        """The hash of a row at its place; 256 bits."""
        return self._hash(32, "link", chain, (seq, before, *values))

    def head(self, chain: str, head: Head) -> str:
        """The MAC of a head; 128 bits."""
        return self._hash(16, "head", chain, (head.seq, head.hash))

    def _hash(self, size: int, purpose: str, chain: str, values: Values) -> str:
        data = orjson.dumps([purpose, chain, *values])  # JSON of scalars: one text for one row
        return hashlib.blake2s(data, key=self._key, digest_size=size).hexdigest()


@dataclass(slots=True)
class ChainCheck:
    """Looks at a whole chain, page by page: `feed` what is sealed in its order, then `finish`."""

    chain: Chain
    key: ChainKey
    problems: list[str] = field(default_factory=list)
    links: int = 0
    _last: Head = Head(0, FIRST)

    @property
    def last(self) -> int:
        """The number of the last link seen: where the next page begins."""
        return self._last.seq

    @property
    def head(self) -> Head:
        """The last link seen."""
        return self._last

    def feed(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Some rows of `Chain.sealed`."""
        for seq, stored, *values in rows:
            self.links += 1
            if seq != self._last.seq + 1:
                missing = f"{self._last.seq + 1} to {seq - 1}"
                self._tell(f"entries {missing} are missing")
            elif not self._fits(
                self.key.link(self.chain.name, seq, self._last.hash, values), stored
            ):
                self._tell(f"entry {seq} (id {values[0]}) is not as it was sealed")
            if not self._is_ours(values):
                self._tell(f"entry {seq} (id {values[0]}) was not made by Relevo")
            self._last = Head(seq, str(stored))

    def finish(self, head: tuple[Any, ...] | None, unsealed: Sequence[tuple[Any, ...]]) -> None:
        """The row of `chain_head`, if there is one, and what is not sealed yet."""
        if head is not None:
            told = Head(int(head[0]), str(head[1]))
            if not self._fits(self.key.head(self.chain.name, told), head[2]):
                self._tell("the head of the chain was changed")
            elif told.seq > self._last.seq:
                self._tell(f"entries {self._last.seq + 1} to {told.seq} are missing")
            elif told != self._last:
                self._tell(f"entries after {told.seq} were not sealed by Relevo")
        elif self.links:
            self._tell("the head of the chain is missing")
        for values in unsealed:
            if not self._is_ours(values):
                self._tell(f"the entry with id {values[0]} was not made by Relevo")

    def _is_ours(self, values: Values) -> bool:
        if not self.chain.has_mac:
            return True
        *content, mac = values
        return self._fits(self.key.mac(self.chain.name, content), mac)

    def _fits(self, expected: str, stored: object) -> bool:
        return isinstance(stored, str) and hmac.compare_digest(expected, stored)

    def _tell(self, problem: str) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(f"{self.chain.name}: {problem}")
