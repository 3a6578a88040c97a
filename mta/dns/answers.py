"""Values of the resolver: a domain's MX hosts, or the outcome that says why there are none.

A domain without a usable mail exchanger is told in the shape of a remote reply (`Outcome` with phase
`DNS`), so that the queue treats it like any other deferral or bounce.
"""

from dataclasses import dataclass

from mta.model.outcome import Outcome, OutcomeKind, Phase, local_outcome


@dataclass(frozen=True, slots=True)
class MxHost:
    """One mail exchanger; `name` is lower case without final dot, or an address literal."""

    name: str
    preference: int


@dataclass(frozen=True, slots=True)
class MxAnswer:
    """Where mail for `domain` goes.

    `hosts` is sorted by preference, then name, and empty exactly when `failure` is set.
    `is_implicit`: the domain has no MX and is its own host (RFC 5321 §5.1), or is an address literal.
    `mx_names` are the hosts' names in the same order: what roll-up into a site starts from.
    `expires_s`: ask again from then on; `good_until_s`: end of the TTL, earlier than `expires_s` when
    the answer is served past it because DNS fails at the moment. Both on the resolver's monotonic clock.
    """

    domain: str
    hosts: tuple[MxHost, ...]
    failure: Outcome | None
    is_implicit: bool
    expires_s: float
    mx_names: tuple[str, ...] = ()
    good_until_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Candidate:
    """One address to connect to, with the MX host it belongs to."""

    host: str
    address: str
    preference: int


def null_mx(domain: str) -> Outcome:
    """The domain says that it takes no mail: RFC 7505 §4.1, RFC 7504 (556)."""
    return local_outcome(
        OutcomeKind.BOUNCED, 556, "5.1.10", f"{domain} does not accept mail (null MX)", Phase.DNS
    )


def no_such_domain(domain: str) -> Outcome:
    """NXDOMAIN: RFC 3463 X.1.2, bad destination system address."""
    return local_outcome(
        OutcomeKind.BOUNCED, 550, "5.1.2", f"Domain {domain} does not exist", Phase.DNS
    )


def no_mail_host(domain: str) -> Outcome:
    """The domain exists and has neither MX nor address: RFC 3463 X.4.4, unable to route."""
    return local_outcome(
        OutcomeKind.BOUNCED, 550, "5.4.4", f"Domain {domain} has no mail server", Phase.DNS
    )


def unusable_hosts(domain: str, reason: str) -> Outcome:
    """There are MX records, and none leads to an address: no fall-back to A (RFC 5321 §5.1)."""
    return local_outcome(
        OutcomeKind.BOUNCED,
        550,
        "5.4.4",
        f"No mail server of {domain} is usable: {reason}",
        Phase.DNS,
    )


def points_at_ourselves(domain: str, host: str) -> Outcome:
    """The best mail exchanger is this server: sending would loop (RFC 3463 X.4.6)."""
    return local_outcome(
        OutcomeKind.BOUNCED,
        554,
        "5.4.6",
        f"Mail server {host} of {domain} is this server itself: mail would loop",
        Phase.DNS,
    )


def lookup_failed(name: str, reason: str) -> Outcome:
    """SERVFAIL, timeout, unreadable answer: RFC 3463 X.4.3, directory server failure; try later."""
    return local_outcome(
        OutcomeKind.DEFERRED, 451, "4.4.3", f"DNS lookup of {name} failed: {reason}", Phase.DNS
    )
