"""In which order a domain's addresses are tried: RFC 5321 §5.1, as pure functions.

Best preference first, equal preferences shuffled at every use so that load spreads. A host that is this
server itself ends the list before its preference: mail goes only to exchangers that are better than we
are, or two servers would hand it back and forth.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from random import Random

from mta.dns.answers import Candidate, MxHost

MAX_ADDRESSES = 5  # per attempt, as Postfix's smtp_mx_address_limit


@dataclass(frozen=True, slots=True)
class HostAddresses:
    """What is known of one host: the addresses mail may be sent to, and whether it is ourselves."""

    addresses: tuple[str, ...]
    is_own: bool = False


def shuffled(hosts: Sequence[MxHost], random: Random) -> list[list[MxHost]]:
    """Hosts in groups of equal preference, best first, each group in random order."""
    groups = []
    for _, group in groupby(sorted(hosts, key=_preference), key=_preference):
        members = list(group)
        random.shuffle(members)
        groups.append(members)
    return groups


def _preference(host: MxHost) -> int:
    return host.preference


def in_order(
    groups: Sequence[Sequence[MxHost]],
    known: Mapping[str, HostAddresses],
    limit: int = MAX_ADDRESSES,
) -> tuple[Candidate, ...]:
    """At most `limit` addresses of the groups, up to (without) the group that holds ourselves.

    A round over the hosts of a group takes one address of each before the second of any, so that a
    dead host with many addresses does not use up the attempt.
    """
    candidates: list[Candidate] = []
    seen: set[str] = set()
    for group in groups:
        if any(known[host.name].is_own for host in group):
            break
        longest = max(len(known[host.name].addresses) for host in group)
        for turn in range(longest):
            for host in group:
                addresses = known[host.name].addresses
                if turn < len(addresses) and addresses[turn] not in seen:
                    seen.add(addresses[turn])
                    candidates.append(Candidate(host.name, addresses[turn], host.preference))
    return tuple(candidates[:limit])
