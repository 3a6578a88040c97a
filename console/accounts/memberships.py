"""Who may give whom which role: rules as functions of what is known, without I/O.

Three rules. Nobody gives or takes what he does not have himself, so nobody rises by a friend.
Nobody changes his own roles, though anybody may leave. An account that has an owner keeps one.
"""

from collections.abc import Iterable, Mapping

from console.accounts.actor import Actor, ActorKind, NotPermitted, NotVisible
from console.accounts.permissions import PERMISSIONS, Permission
from console.accounts.tree import line_of
from console.accounts.values import Account, Role, State, User
from mta.model.errors import PermanentError


def is_self(actor: Actor, user: int) -> bool:
    """Whether the actor is that person."""
    return actor.kind is ActorKind.USER and actor.id == user


def require_role_within(actor: Actor, role: Role, account: int) -> None:
    """Raise unless the actor manages people there and has every permission of that role."""
    actor.require(Permission.USER_MANAGE, account)
    if not all(actor.may(permission, account) for permission in PERMISSIONS[role]):
        raise NotPermitted(f"{actor.name} may not give or take the role {role} in that account")


def require_over(actor: Actor, user: User) -> None:
    """Raise unless the actor may decide about the person as a whole: in every account of his.

    Passwords and states belong to a person, not to one account: who manages one of several
    accounts may end the membership there and no more.
    """
    if actor.is_operator:
        return
    if not any(actor.may(Permission.USER_MANAGE, m.account) for m in user.memberships):
        raise NotVisible(f"there is no user {user.email}")
    for membership in user.memberships:
        if not actor.may(Permission.USER_MANAGE, membership.account):
            raise NotPermitted(f"{user.email} also belongs to an account of others")
        require_role_within(actor, membership.role, membership.account)


def require_other_owner(
    user: int, account: Account, users: Iterable[User], known: Mapping[int, Account]
) -> None:
    """Raise when nobody else who can sign in owns the account or one above it."""
    line = {member.id for member in line_of(account, known)}
    for other in users:
        if other.id != user and other.state is State.ACTIVE:
            for membership in other.memberships:
                if membership.role is Role.OWNER and membership.account in line:
                    return
    raise PermanentError(f"account {account.name!r} would be without an owner: add another first")
