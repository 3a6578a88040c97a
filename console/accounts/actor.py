"""Who does something, and what that one may do where: handed first to every service method.

An actor is made once for a request (`Actors`), with its grants already expanded over the tree of
accounts, so that asking is a look-up. The services ask; handlers only translate `NotPermitted` to
403 and `NotVisible` to 404.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Self

from console.accounts.permissions import PERMISSIONS, SENDING, Permission
from console.accounts.tree import by_id, line_of
from console.accounts.values import Account, Role, State
from mta.model.errors import PermanentError

Grants = Mapping[int, frozenset[Permission]]
_NOTHING: frozenset[Permission] = frozenset()
_NO_GRANTS: Grants = MappingProxyType({})


class NotPermitted(PermanentError):
    """The actor sees the account but may not do that there: 403."""

    def __init__(self, text: str, permission: str = "") -> None:
        """`permission`: the one that is wanting, where it is one."""
        super().__init__(text)
        self.permission = permission


class NotVisible(PermanentError):
    """There is nothing of that kind for this actor, whether it exists or not: 404."""


class ActorKind(StrEnum):
    """What acts."""

    USER = "user"
    CREDENTIAL = "credential"
    COMMAND = "command"  # whoever may use the data directory: the operator
    SYSTEM = "system"  # Relevo itself


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody or something that acts, with what it may do in which account."""

    kind: ActorKind
    id: int  # of the person or credential; 0 for commands and the system
    name: str  # as the audit trail shows it
    grants: Grants = field(default_factory=lambda: _NO_GRANTS, repr=False)
    address: str = ""  # IP address it came from
    agent: str = ""  # its User-Agent

    @classmethod
    def command(cls, name: str = "command line") -> Self:
        """An operator at the command line; may do everything."""
        return cls(ActorKind.COMMAND, 0, name)

    @classmethod
    def system(cls, name: str) -> Self:
        """A part of Relevo that acts by itself; may do everything."""
        return cls(ActorKind.SYSTEM, 0, name)

    @property
    def is_operator(self) -> bool:
        """Commands and the system: they may do everything in every account."""
        return self.kind in (ActorKind.COMMAND, ActorKind.SYSTEM)

    def may(self, permission: Permission, account_id: int) -> bool:
        """Whether it may do that in that account."""
        return self.is_operator or permission in self.grants.get(account_id, _NOTHING)

    def sees(self, account_id: int) -> bool:
        """Whether it may do anything at all in that account."""
        return self.is_operator or bool(self.grants.get(account_id))

    def require(self, permission: Permission, account_id: int) -> None:
        """Raise `NotVisible` for an account that is not the actor's, `NotPermitted` for the rest."""
        if self.may(permission, account_id):
            return
        if not self.sees(account_id):
            raise NotVisible(f"there is no account {account_id}")
        raise NotPermitted(
            f"{self.name} has no permission {permission} in account {account_id}", permission
        )

    def accounts(self, permission: Permission) -> frozenset[int] | None:
        """Where it may do that; None: everywhere, for commands and the system."""
        if self.is_operator:
            return None
        return frozenset(account for account, may in self.grants.items() if permission in may)


def expand_grants(memberships: Iterable[tuple[int, Role]], accounts: Iterable[Account]) -> Grants:
    """What roles in some accounts mean in every account of the tree.

    A role holds in its account and in all below it, and roles add up. A role that was given in an
    account that is disabled or closed (or below one) is worth nothing; from above, everything but
    sending can still be done there.
    """
    known = by_id(accounts)
    roles: dict[int, set[Role]] = {}
    for account_id, role in memberships:
        roles.setdefault(account_id, set()).add(role)
    grants: dict[int, frozenset[Permission]] = {}
    for account in known.values():
        line = line_of(account, known)
        granted: frozenset[Permission] = frozenset()
        active = True
        for member in reversed(line):  # from the main account down
            active = active and member.state is State.ACTIVE
            if active:
                for role in roles.get(member.id, ()):
                    granted |= PERMISSIONS[role]
        if not active:
            granted -= SENDING
        if granted:
            grants[account.id] = granted
    return MappingProxyType(grants)
