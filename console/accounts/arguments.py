"""What the arguments of operations mean: JSON that came from a command, checked."""

from collections.abc import Mapping
from typing import Any, Protocol

from console.accounts.actor import Actor
from console.accounts.service import AccountService
from console.accounts.values import Account, Limits, Role, Scope
from mta.events.record import rfc3339
from mta.model.errors import PermanentError
from mta.model.traffic import TrafficClass
from mta.settings.values import read_network

Arguments = Mapping[str, Any]

# Who may use the data directory or its control socket may do everything.
OPERATOR = Actor.command()


class HasAccounts(Protocol):
    """The part of the composition that these operations use."""

    @property
    def accounts(self) -> AccountService:
        """The service."""
        ...


async def account_of(services: HasAccounts, arguments: Arguments) -> Account:
    """The account named, or the only main one."""
    if arguments.get("account") is None:
        return await services.accounts.only(OPERATOR)
    return await services.accounts.get(OPERATOR, text_of(arguments, "account"))


async def account_filter(services: HasAccounts, arguments: Arguments) -> int | None:
    """The id of the account named, if one is."""
    if arguments.get("account") is None:
        return None
    return (await services.accounts.get(OPERATOR, text_of(arguments, "account"))).id


def text_of(arguments: Arguments, key: str) -> str:
    """A text that must be there. Raises `PermanentError`."""
    value = arguments.get(key)
    if not isinstance(value, str) or not value:
        raise PermanentError(f"the argument {key!r} is missing")
    return value


def number_of(arguments: Arguments, key: str) -> int:
    """A number from 0 on; absent: 0."""
    value = arguments.get(key, 0)
    if not isinstance(value, int) or not 0 <= value < 2**63:
        raise PermanentError(f"the argument {key!r} is not a number from 0 on")
    return value


def role_of(arguments: Arguments) -> Role:
    """The role named."""
    try:
        return Role(text_of(arguments, "role"))
    except ValueError as error:
        raise PermanentError(f"{error}: roles are {', '.join(Role)}") from None


def scopes_of(arguments: Arguments) -> frozenset[Scope]:
    """The scopes named; absent: the default."""
    given = arguments.get("scopes")
    if not given:
        return Limits().scopes
    try:
        return frozenset(Scope(scope) for scope in given)
    except ValueError as error:
        raise PermanentError(f"{error}: scopes are {', '.join(Scope)}") from None


def class_of(arguments: Arguments) -> TrafficClass:
    """The class named; absent: the default."""
    given = arguments.get("class")
    if given is None:
        return Limits().default_class
    try:
        return TrafficClass[str(given).upper()]
    except KeyError:
        labels = ", ".join(c.label for c in TrafficClass)
        raise PermanentError(f"class {given!r}: expected one of {labels}") from None


def network_of(text: str) -> Any:
    """A network in CIDR notation."""
    try:
        return read_network(text)
    except ValueError as error:
        raise PermanentError(f"{text!r}: {error}") from None


def time_of(at_ms: int) -> str | None:
    """RFC 3339 in UTC; 0: null."""
    return rfc3339(at_ms) if at_ms else None
