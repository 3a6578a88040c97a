"""What an account tracks, and its own tracking domain: chosen by people, checked in the DNS."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from console.accounts.actor import Actor
from console.accounts.audit import AuditTrail
from console.accounts.permissions import Permission
from console.tracking.accounts import TrackingAccount, TrackingAccounts, TrackingMode
from mta.model.address import parse_domain
from mta.model.errors import AddressSyntaxError, PermanentError, TransientError
from mta.store.base import Store

# Where a name points (CNAME), in lower case; None: nowhere. Raises `TransientError` without an answer.
AliasOf = Callable[[str], Awaitable[str | None]]


@dataclass(frozen=True, slots=True)
class TrackingStatus:
    """What is chosen, and what the DNS has to say."""

    chosen: TrackingAccount
    target: str  # what the domain's CNAME has to be; empty while there is no public address
    found: str = ""  # what it is, as far as it was asked


class TrackingService:
    """For actors who may see or manage the domains of an account."""

    def __init__(
        self,
        store: Store,
        trail: AuditTrail,
        accounts: TrackingAccounts,
        alias_of: AliasOf,
        target: str,
    ) -> None:
        """`target`: the host of the public address, at which tracking domains have to point."""
        self._store = store
        self._trail = trail
        self._accounts = accounts
        self._alias_of = alias_of
        self._target = target

    async def get(self, actor: Actor, account: int) -> TrackingStatus:
        """What an account has chosen. Raises `NotPermitted`."""
        actor.require(Permission.DOMAIN_VIEW, account)
        await self._accounts.load()
        return TrackingStatus(self._accounts.of(account), self._target)

    async def set_mode(self, actor: Actor, account: int, mode: TrackingMode) -> TrackingStatus:
        """Track recipients, totals only, or nothing; for mail that is prepared from now on."""
        actor.require(Permission.DOMAIN_MANAGE, account)
        await self._accounts.load()
        before = self._accounts.of(account)
        return await self._put(actor, before, before._replace(mode=mode))

    async def set_domain(self, actor: Actor, account: int, domain: str) -> TrackingStatus:
        """Make links with a domain of the account, once it points at us; empty: with ours.

        It has to lie below a sending domain of the account. Links that were made before go on
        working as long as their domain points at us. Raises `PermanentError`.
        """
        actor.require(Permission.DOMAIN_MANAGE, account)
        await self._accounts.load()
        before = self._accounts.of(account)
        if not domain:
            return await self._put(actor, before, before._replace(domain="", is_verified=False))
        if not self._target:
            raise PermanentError(
                "[server] public_url has to be set first: domains point at its host"
            )
        try:
            name = parse_domain(domain)
        except AddressSyntaxError as error:
            raise PermanentError(f"{domain}: {error}") from None
        rows = await self._store.read("tracking_parents", account=account)
        if not any(name.endswith(f".{parent}") for (parent,) in rows):
            raise PermanentError(
                f"{name} lies below no sending domain of the account: expected a name such as "
                "t.example.org, with example.org among its sending domains"
            )
        found = await self._found(name)
        after = before._replace(domain=name, is_verified=found == self._target)
        return await self._put(actor, before, after, found)

    async def check(self, actor: Actor, account: int) -> TrackingStatus:
        """Ask the DNS for the account's domain. Raises `TransientError` when it gives no answer."""
        actor.require(Permission.DOMAIN_VIEW, account)
        await self._accounts.load()
        before = self._accounts.of(account)
        if not before.domain:
            return TrackingStatus(before, self._target)
        found = await self._alias_of(before.domain) or ""
        after = before._replace(is_verified=found == self._target)
        return await self._put(actor, before, after, found)

    async def _found(self, name: str) -> str:
        try:
            return await self._alias_of(name) or ""
        except TransientError:  # it is checked again
            return ""

    async def _put(
        self, actor: Actor, before: TrackingAccount, after: TrackingAccount, found: str = ""
    ) -> TrackingStatus:
        if after != before:
            entry = self._trail.entry(
                actor, "tracking.changed", after.account, after.domain or after.account,
                before=_state(before), after=_state(after),
            )  # fmt: skip
            await self._accounts.put(after, entry)
        return TrackingStatus(after, self._target, found)


def _state(chosen: TrackingAccount) -> dict[str, object]:
    return {
        "mode": str(chosen.mode),
        "domain": chosen.domain,
        "is_verified": chosen.is_verified,
    }
