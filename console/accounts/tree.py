"""Questions on the tree of accounts, answered from a list of them."""

from collections.abc import Iterable, Mapping, Sequence

from console.accounts.values import Account, State

MAX_DEPTH = 8  # a main account is 1


def by_id(accounts: Iterable[Account]) -> dict[int, Account]:
    """The accounts by their id."""
    return {account.id: account for account in accounts}


def line_of(account: Account, known: Mapping[int, Account]) -> list[Account]:
    """The account and those above it, nearest first."""
    line = [account]
    while line[-1].parent is not None:
        line.append(known[line[-1].parent])
    return line


def is_active(account: Account, known: Mapping[int, Account]) -> bool:
    """Whether it and everything above it is active."""
    return all(member.state is State.ACTIVE for member in line_of(account, known))


def with_all_below(account: Account, accounts: Sequence[Account]) -> list[Account]:
    """The account, then everything below it, parents before children."""
    children: dict[int, list[Account]] = {}
    for other in accounts:
        if other.parent is not None:
            children.setdefault(other.parent, []).append(other)
    found = [account]
    for member in found:  # grows while it is walked
        found += children.get(member.id, ())
    return found
