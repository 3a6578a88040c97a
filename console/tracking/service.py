"""What an account tracks, and its own tracking domain: chosen by people, checked in the DNS."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from console.accounts.actor import Actor
from console.accounts.audit import AuditTrail
from console.accounts.permissions import Permission
from console.tracking.accounts import (
    Problem,
    TrackingAccount,
    TrackingAccounts,
    TrackingMode,
)
from mta.events.record import event_row
from mta.model.address import parse_domain
from mta.model.clock import Clock
from mta.model.errors import AddressSyntaxError, PermanentError, TransientError
from mta.model.traffic import EventType
from mta.store.base import Store
from mta.store.work import Rows

# Where a name points (CNAME), in lower case; None: nowhere. Raises `TransientError` without an answer.
AliasOf = Callable[[str], Awaitable[str | None]]
# Whether that name answers with a certificate of its own. Raises nothing.
HasTls = Callable[[str], Awaitable[bool]]
Told = Callable[[TrackingAccount], Awaitable[None]]  # its domain broke, or works again


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
        has_tls: HasTls,
        target: str,
        clock: Clock,
    ) -> None:
        """`target`: the host of the public address, at which tracking domains have to point."""
        self._has_tls = has_tls
        self._clock = clock
        self.tell: Told = _nobody
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
            return await self._put(actor, before, TrackingAccount(account, before.mode))
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
        chosen = TrackingAccount(account, before.mode, name)
        try:
            after, found = await self._looked(chosen)
        except TransientError:  # it is checked again
            after, found = chosen, ""
        return await self._put(actor, before, after, found)

    async def check(self, actor: Actor, account: int) -> TrackingStatus:
        """Ask the DNS for the account's domain. Raises `TransientError` when it gives no answer.

        One that leads here no more is not used for new mail, which is told at once: as an event and
        by `tell`. It is used again when it is back.
        """
        actor.require(Permission.DOMAIN_VIEW, account)
        await self._accounts.load()
        before = self._accounts.of(account)
        if not before.domain:
            return TrackingStatus(before, self._target)
        after, found = await self._looked(before)
        is_gone, is_back = before.is_verified and not after.is_verified, False
        if is_gone:
            after = after._replace(failing_ms=after.checked_ms)
        elif after.is_verified and before.failing_ms:
            is_back, after = True, after._replace(failing_ms=0)
        news = [_event(after)] if is_gone or is_back else []
        status = await self._put(actor, before, after, found, *news)
        if news:
            await self.tell(after)
        return status

    def chosen(self) -> Sequence[TrackingAccount]:
        """Those that have a domain, as they are known."""
        return [one for one in self._accounts.all() if one.domain]

    async def _looked(self, before: TrackingAccount) -> tuple[TrackingAccount, str]:
        """What the DNS and the name itself show, and where it points. Raises `TransientError`."""
        found = await self._alias_of(before.domain) or ""
        problem = ""
        if found != self._target:
            problem = Problem.OTHER_CNAME if found else Problem.NO_CNAME
        elif not await self._has_tls(before.domain):
            problem = Problem.NO_TLS
        after = before._replace(
            is_verified=not problem, checked_ms=self._clock.now_ms(), problem=str(problem)
        )
        return after, found

    async def _put(
        self,
        actor: Actor,
        before: TrackingAccount,
        after: TrackingAccount,
        found: str = "",
        *joined: Rows,
    ) -> TrackingStatus:
        if _state(after) != _state(before):
            entry = self._trail.entry(
                actor, "tracking.changed", after.account, after.domain or after.account,
                before=_state(before), after=_state(after),
            )  # fmt: skip
            joined = (*joined, entry)
        if after != before:
            await self._accounts.put(after, *joined)
        return TrackingStatus(after, self._target, found)


async def _nobody(_chosen: TrackingAccount) -> None:
    """Nobody is told."""


def _event(chosen: TrackingAccount) -> Rows:
    problem = {"kind": "tracking", "name": chosen.domain, "problem": chosen.problem}
    data = {
        "domain": chosen.domain,
        "state": "failing" if chosen.problem else "verified",
        "records": [problem] if chosen.problem else [],
    }
    row = event_row(0, EventType.DNS_CHANGED, chosen.checked_ms, chosen.account, 0, 0, 0, data)
    return Rows("event_insert", [row[1:]])


def _state(chosen: TrackingAccount) -> dict[str, object]:
    return {
        "mode": str(chosen.mode),
        "domain": chosen.domain,
        "is_verified": chosen.is_verified,
    }
