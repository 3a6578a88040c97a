"""Which answer an address asks for: by its local part, or by the first label of its domain."""

from enum import StrEnum


class Behaviour(StrEnum):
    """What the simulator does with mail for an address."""

    OK = "ok"
    BOUNCE = "bounce"  # no such user
    FULL = "full"  # mailbox full, for now
    GREYLIST = "greylist"  # refused once, then taken
    POLICY = "policy"  # refused by policy
    SLOW = "slow"  # taken, after a while
    DROP = "drop"  # connection closed after the content, without an answer
    COMPLAIN = "complain"  # taken, then a complaint (ARF) comes back
    LATE_BOUNCE = "late-bounce"  # taken, then a bounce (DSN) comes back
    OPEN = "open"  # taken, then the tracking pixel is fetched
    CLICK = "click"  # taken, then the first link is fetched


_BY_NAME = {behaviour.value: behaviour for behaviour in Behaviour}

REFUSALS = {
    Behaviour.BOUNCE: "550 5.1.1 No such user here (sandbox)",
    Behaviour.FULL: "452 4.2.2 Mailbox full (sandbox)",
    Behaviour.GREYLIST: "451 4.7.1 Greylisted, come back later (sandbox)",
    Behaviour.POLICY: "550 5.7.1 Refused by policy (sandbox)",
}
AFTERMATH = frozenset((Behaviour.COMPLAIN, Behaviour.LATE_BOUNCE, Behaviour.OPEN, Behaviour.CLICK))
READING = frozenset((Behaviour.OPEN, Behaviour.CLICK))


def behaviour_of(address: str) -> Behaviour:
    """`bounce@any.example`, `bounce+tag@any.example` and `any@bounce.example` all bounce.

    The local part wins; every other address is `ok`.
    """
    local, _, domain = address.lower().rpartition("@")
    return (
        _BY_NAME.get(local.partition("+")[0])
        or _BY_NAME.get(domain.partition(".")[0])
        or Behaviour.OK
    )
