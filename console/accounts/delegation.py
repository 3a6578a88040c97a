"""What a maker of keys may give to them: nobody gets by a key what he may not do himself."""

from console.accounts.actor import Actor, ActorKind, NotPermitted
from console.accounts.permissions import Permission, permissions_of_scopes
from console.accounts.values import Credential, Limits, Scope

# Scopes that every person who manages keys may give: sending is what keys are for.
_OF_EVERY_KEY = frozenset((Permission.MAIL_SEND, Permission.MAIL_VIEW))
# What a key has to have itself before it gives it, besides what is a permission.
_HELD = frozenset((Scope.MAIL_VIEW, Scope.SEND_URGENT, Scope.NULL_SENDER, Scope.ANY_SENDER))

# Ways to send that concern the whole account: before all other mail, and as nobody.
OF_MANAGERS = frozenset((Scope.SEND_URGENT, Scope.NULL_SENDER))


def require_person_may_give(actor: Actor, account: int, limits: Limits) -> None:
    """Raises `NotPermitted` for scopes beyond what the actor may do in that account."""
    if Scope.ANY_SENDER in limits.scopes and not actor.is_operator:
        raise NotPermitted(f"only an operator gives the scope {Scope.ANY_SENDER}")
    is_manager = actor.kind is not ActorKind.USER or actor.may(Permission.ACCOUNT_MANAGE, account)
    if limits.scopes & OF_MANAGERS and not is_manager:
        first = min(limits.scopes & OF_MANAGERS)
        raise NotPermitted(f"only who manages the account gives the scope {first}")
    for permission in sorted(permissions_of_scopes(limits.scopes)):
        if permission not in _OF_EVERY_KEY and not actor.may(permission, account):
            raise NotPermitted(f"{actor.name} may not {permission}, and cannot give it to a key")


def require_key_may_give(maker: Credential, limits: Limits, expires_ms: int) -> None:
    """Raises `NotPermitted` for whatever the maker's own limits would not let it do.

    It gives `mail.send` without having it, so that a key may be for nothing but making keys; a
    test key makes test keys.
    """
    own = maker.limits
    for scope in sorted(limits.scopes & _HELD):
        if scope not in own.scopes:
            raise NotPermitted(
                f"{maker.username} has no scope {scope}, and cannot give it to a key"
            )
    if Scope.TEST in own.scopes and Scope.TEST not in limits.scopes:
        raise NotPermitted(f"{maker.username} is a test key: it makes test keys")
    wanting = _wider(own, limits)
    if maker.expires_ms and not 0 < expires_ms <= maker.expires_ms:
        wanting = "expires"
    if wanting:
        raise NotPermitted(
            f"{maker.username} has a limit of its own that this key would not: {wanting}"
        )


def _wider(own: Limits, new: Limits) -> str:
    """The first limit of `own` that `new` does not keep."""
    if own.sender_domains and not (new.sender_domains and new.sender_domains <= own.sender_domains):
        return "sender_domains"
    if own.networks and not (
        new.networks
        and all(
            any(
                inner.version == outer.version
                and inner.network_address in outer
                and inner.broadcast_address in outer
                for outer in own.networks
            )
            for inner in new.networks
        )
    ):
        return "networks"
    for name in ("rate_per_minute", "per_hour", "per_day"):
        most, asked = getattr(own, name), getattr(new, name)
        if most and not 0 < asked <= most:
            return name
    return ""
