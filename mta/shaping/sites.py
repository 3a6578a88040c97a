"""Sites: from MX names to the place where mail really goes.

Limits and reputation live at the server that takes the mail, not at the recipient's domain: a provider
that hosts 10,000 domains counts one sender. So domains are rolled up by their MX names, either to a
provider that the rules know or to the pattern that the names have in common, and share one limit.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

MAX_NAME = 200  # of a site; longer patterns are cut and told apart by a digest


@dataclass(frozen=True, slots=True)
class SiteKey:
    """`name` says whose limits hold (stable across restarts), `provider` under whom reports count it."""

    name: str
    provider: str


Owner = TypeVar("Owner")


class HostPatterns(Generic[Owner]):
    """Finds who owns a host name by `name` or `*.suffix`; the most specific pattern wins."""

    def __init__(self, owners: Mapping[str, Owner]) -> None:
        """`owners`: pattern → owner; `*.example.net` means every name below `example.net`."""
        self._exact = {p: owner for p, owner in owners.items() if not p.startswith("*.")}
        self._below = {p[2:]: owner for p, owner in owners.items() if p.startswith("*.")}

    def owner(self, name: str) -> Owner | None:
        """Who owns the name, or None; costs one look-up for each of its labels."""
        owner = self._exact.get(name)
        while owner is None:
            _, dot, name = name.partition(".")
            if not dot:
                return None
            owner = self._below.get(name)
        return owner


def is_covered(name: str, pattern: str) -> bool:
    """Whether `name` or `*.suffix` covers one name."""
    return name.endswith(pattern[1:]) if pattern.startswith("*.") else name == pattern


def site_pattern(names: Iterable[str]) -> str:
    """The common pattern of host names, the same for every order of them.

    `mx1.example.net`, `mx2.example.net` → `(mx1|mx2).example.net`; `a.example.net`, `example.net` →
    `(a)?.example.net`; names of different organisations are joined by commas. A pattern may stand for
    more names than it was made of, never for fewer.
    """
    groups: dict[tuple[str, ...], list[list[str]]] = {}
    for name in sorted(set(names)):
        labels = [name] if name.startswith("[") else name.split(".")[::-1]
        groups.setdefault(tuple(labels[:2]), []).append(labels)
    pattern = ",".join(_factored(group) for _, group in sorted(groups.items()))
    if len(pattern) <= MAX_NAME:
        return pattern
    home = ".".join(reversed(min(groups)))
    return f"{home}#{hashlib.blake2s(pattern.encode(), digest_size=8).hexdigest()}"


def _factored(names: Sequence[Sequence[str]]) -> str:
    """One pattern for names given as labels from the right."""
    parts = []
    for position in range(max(map(len, names))):
        labels = sorted({labels[position] for labels in names if position < len(labels)})
        is_optional = any(position >= len(labels) for labels in names)
        text = "|".join(labels)
        plain = text if len(labels) == 1 else f"({text})"
        parts.append(f"({text})?" if is_optional else plain)
    return ".".join(reversed(parts))


def pattern_matches(wanted: str, site: str) -> bool:
    """Whether a rule's `name` or `*.suffix` covers a host that the site's pattern stands for."""
    return any(_covers(wanted, group) for group in site.partition("#")[0].split(","))


def _covers(wanted: str, group: str) -> bool:
    want = wanted.split(".")[::-1]
    have = group.split(".")[::-1]
    is_below = want[-1] == "*"
    if is_below:
        want.pop()
        if len(have) <= len(want):
            return False
    elif len(have) < len(want) or any(not part.endswith("?") for part in have[len(want) :]):
        return False
    return all(label in _alternatives(part) for label, part in zip(want, have, strict=False))


def _alternatives(part: str) -> list[str]:
    return part.rstrip("?").strip("()").split("|")
