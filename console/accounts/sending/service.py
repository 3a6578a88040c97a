"""Adds sending domains with their keys, shows what to publish, and believes only what the DNS shows."""

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import structlog

from console.accounts.actor import Actor, NotVisible
from console.accounts.audit.trail import AuditTrail
from console.accounts.authenticator import CredentialAuthenticator
from console.accounts.permissions import Permission
from console.accounts.sending.checking import DomainChecker, return_path_host
from console.accounts.sending.values import DomainRecord, DomainStatus, RecordKind, RecordState
from console.accounts.tree import by_id, line_of
from console.accounts.values import Account, SendingDomain, State
from mta.dkim.keyfiles import awaited_keys, generate_key, put_in_use, remove_keys
from mta.dkim.keys import DkimKey, KeyRing
from mta.events.record import event_row
from mta.model.address import parse_domain
from mta.model.clock import Clock
from mta.model.errors import ConfigurationError, JobRefused, PermanentError
from mta.model.traffic import EventType
from mta.store.base import Store
from mta.store.work import Rows

MAX_DOMAINS = 100  # of an account
GRACE_MS = 3_600_000  # a record has to be gone for so long before that is told
_SYSTEM = Actor.system("domains")

Told = Callable[[DomainStatus, bool], Awaitable[None]]
"""Tells the account's people of a domain whose records went (False) or came back (True)."""


async def _nothing(_domain: str) -> None:
    return None


def _nowhere(_by_domain: Mapping[str, str], _known: frozenset[str]) -> None:
    return None


async def _nobody(_status: DomainStatus, _is_back: bool) -> None:
    return None


class SendingDomains:
    """Every method takes who acts, and checks what that one may do."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        trail: AuditTrail,
        authenticator: CredentialAuthenticator,
        checker: DomainChecker,
        dkim_dir: Path,
        *,
        is_sandbox: bool = False,
    ) -> None:
        """`is_sandbox`: nothing leaves this machine, so every domain is good at once."""
        self._store = store
        self._clock = clock
        self._trail = trail
        self._authenticator = authenticator
        self._checker = checker
        self._dkim_dir = dkim_dir
        self._is_sandbox = is_sandbox
        self._log = structlog.get_logger("relevo.domains")
        self.on_key: Callable[[], None] = lambda: None  # the running server's: read keys anew
        self.tell: Told = _nobody
        self.on_new: Callable[[str], Awaitable[None]] = _nothing  # mail may go from it now
        # The running server's: return path hosts by domain, and all that may be in use.
        self.on_return_paths: Callable[[Mapping[str, str], frozenset[str]], None] = _nowhere

    async def all(self, actor: Actor, account: int | None = None) -> list[DomainStatus]:
        """Domains that the actor sees, or an account's own; by name."""
        if account is not None:
            actor.require(Permission.DOMAIN_VIEW, account)
        found = map(DomainStatus.of, await self._store.read("sending_domain_all"))
        return [
            self._complete(status)
            for status in found
            if account in (None, status.domain.account)
            and actor.may(Permission.DOMAIN_VIEW, status.domain.account)
        ]

    async def get(
        self, actor: Actor, domain: str, permission: Permission = Permission.DOMAIN_VIEW
    ) -> DomainStatus:
        """One domain with its records. Raises `NotVisible`, `NotPermitted`."""
        rows = await self._store.read("sending_domain_one", domain=parse_domain(domain))
        if not rows or not actor.may(Permission.DOMAIN_VIEW, rows[0][1]):
            raise NotVisible(f"there is no domain {domain}")
        actor.require(permission, rows[0][1])
        return self._complete(DomainStatus.of(rows[0]))

    async def add(
        self, actor: Actor, domain: str, account: int, *, shared: bool = True
    ) -> DomainStatus:
        """Claim a domain for an account and make its DKIM key, unless it has one.

        Mail may be sent from it once the DNS shows who owns it; at once when an operator adds it
        by command, who vouches for it, and in sandbox mode. A claim that was never shown to be
        true gives way to another account's. What lies above or below a domain of an account
        where the actor manages none is for the operator to give.
        """
        actor.require(Permission.DOMAIN_MANAGE, account)
        name = parse_domain(domain)
        if name.startswith("[") or "." not in name:
            raise PermanentError(f"{domain} is no domain name, as in example.org")
        if len(await self.all(actor, account)) >= MAX_DOMAINS:
            raise PermanentError(f"an account has at most {MAX_DOMAINS} domains")
        now_ms = self._clock.now_ms()
        is_good = actor.is_operator or self._is_sandbox
        state = State.ACTIVE if is_good else State.PENDING
        added = SendingDomain(name, account, shared, state, now_ms)
        entry = self._trail.entry(
            actor, "domain.added", account, name, after={"shared": shared, "state": state}
        )
        await self._require_apart(actor, name, account)
        work = [
            Rows("sending_domain_drop_pending", [(name, account)]),
            Rows("domain_insert", [(name, account, int(shared), state, now_ms)], expect=1),
            entry,
        ]
        try:
            await self._store.submit(work)
        except JobRefused:
            raise PermanentError(f"{name} belongs to an account already") from None
        selector = await self._make_key(name)
        status = DomainStatus(added, selector, 0, 0, 0, 0, ())
        await self._store.submit([Rows("domain_status_put", [status.row()])])
        await self._authenticator.refresh()
        if is_good:
            await self.on_new(name)
        return self._complete(status)

    async def remove(self, actor: Actor, domain: str) -> None:
        """The account sends from it no more; its DKIM keys stay on the disk."""
        status = await self.get(actor, domain, Permission.DOMAIN_MANAGE)
        account = status.domain.account
        await self._store.submit(
            [
                Rows("sending_domain_delete", [(status.name, account)], expect=1),
                Rows("domain_status_delete", [(status.name,)]),
                self._trail.entry(
                    actor, "domain.removed", account, status.name, {"state": status.domain.state}
                ),
            ]
        )
        await self._authenticator.refresh()
        await self.read_return_paths()

    async def remove_keys(self, domains: Sequence[str]) -> None:
        """The DKIM keys of these leave the disk, for the erasure of their account.

        Raises `OSError`; then call it again.
        """
        for domain in domains:
            if await asyncio.to_thread(remove_keys, self._dkim_dir, domain):
                self._log.info("DKIM keys removed", domain=domain)
                self.on_key()

    async def check(self, actor: Actor, domain: str) -> DomainStatus:
        """Ask the DNS now; what it shows counts at once."""
        status = await self.get(actor, domain, Permission.DOMAIN_VIEW)
        if status.domain.state is State.PENDING:
            await self._require_apart(actor, status.name, status.domain.account)
        records = await self._checker.look(status, self._keys(status.name))
        return await self._settle(actor, status, records)

    async def read_return_paths(self) -> None:
        """Tell the server which domains have a return path of their own."""
        rows = await self._store.read("sending_domain_all")
        active = [
            status for status in map(DomainStatus.of, rows) if status.domain.state is State.ACTIVE
        ]
        by_domain = {
            status.name: record.name
            for status in active
            for record in status.records
            if record.kind is RecordKind.RETURN_PATH and record.state is RecordState.VERIFIED
        }
        self.on_return_paths(by_domain, frozenset(return_path_host(s.name) for s in active))

    async def _require_apart(self, actor: Actor, name: str, account: int) -> None:
        """Raises `PermanentError` where another account's domain lies above or below that name."""
        if actor.is_operator:
            return
        others = await self._neighbours(name, account)
        if any(not actor.may(Permission.DOMAIN_MANAGE, other) for other in others):
            raise PermanentError(
                f"a domain above or below {name} belongs to another account: "
                "the operator can give it to you"
            )

    async def _neighbours(self, name: str, account: int) -> set[int]:
        """Other accounts whose verified domains lie above or below that name."""
        rows = await self._store.read("sending_domain_neighbours", domain=name, account=account)
        return {owner for (owner,) in rows}

    async def _strangers(self, name: str, account: int) -> set[int]:
        """Those of them that do not belong to the same main account."""
        known = by_id([Account.of(row) for row in await self._store.read("account_all")])
        own = line_of(known[account], known)[-1].id
        others = await self._neighbours(name, account)
        return {other for other in others if line_of(known[other], known)[-1].id != own}

    async def _settle(
        self, actor: Actor, before: DomainStatus, records: Sequence[DomainRecord]
    ) -> DomainStatus:
        now_ms = self._clock.now_ms()
        is_owned = any(
            r.kind is RecordKind.OWNERSHIP and r.state is RecordState.VERIFIED for r in records
        )
        is_failing = any(r.is_needed and r.state is RecordState.FAILING for r in records)
        since_ms = (before.failing_since_ms or now_ms) if is_failing else 0
        is_gone = is_failing and not before.told_ms and now_ms - since_ms >= GRACE_MS
        is_back = not is_failing and before.told_ms > 0
        after = replace(
            before,
            checked_ms=now_ms,
            verified_ms=before.verified_ms or (now_ms if is_owned else 0),
            failing_since_ms=since_ms,
            told_ms=now_ms if is_gone else 0 if is_back else before.told_ms,
            records=tuple(records),
        )
        work = [Rows("domain_status_put", [after.row()])]
        becomes_active = (
            is_owned
            and before.domain.state is State.PENDING
            and not await self._strangers(before.name, before.domain.account)
        )
        if becomes_active:
            after = replace(after, domain=replace(before.domain, state=State.ACTIVE))
            account = before.domain.account
            work.append(Rows("sending_domain_state", [(before.name, account, State.ACTIVE)], 1))
            work.append(self._trail.entry(actor, "domain.verified", account, before.name))
        if is_gone or is_back:
            work.append(_event(after, is_back, now_ms))
        await self._store.submit(work)
        await self._use_published(after)
        if _return_path(before) != _return_path(after) or becomes_active:
            await self.read_return_paths()
        if becomes_active:
            await self._authenticator.refresh()
            await self.on_new(after.name)
        if is_gone or is_back:
            self._log.warning("records of a domain changed", domain=after.name, is_back=is_back)
            await self.tell(after, is_back)
        return after

    def _complete(self, status: DomainStatus) -> DomainStatus:
        """With what to publish also before the first look."""
        known = {(record.kind, record.name): record for record in status.records}
        records = tuple(
            replace(known[kind, name], value=value)
            if (kind, name) in known
            else DomainRecord(kind, name, wanted.type, value, wanted.is_needed)
            for wanted in self._checker.wanted(status.domain, self._keys(status.name))
            for kind, name, value in ((wanted.kind, wanted.name, wanted.value),)
        )
        return replace(status, records=records)

    def _keys(self, domain: str) -> tuple[DkimKey, ...]:
        try:
            used = KeyRing.load(self._dkim_dir).keys(domain)
        except ConfigurationError as error:
            self._log.error("DKIM keys cannot be read", error=str(error))
            return ()
        return (*used, *self._awaited(domain))

    def _awaited(self, domain: str) -> tuple[DkimKey, ...]:
        try:
            return awaited_keys(self._dkim_dir, domain)
        except ConfigurationError as error:
            self._log.error("DKIM keys cannot be read", error=str(error))
            return ()

    async def _make_key(self, domain: str) -> str:
        """The selector of a new key; empty when the domain has one already.

        It signs when its record is there: a signature that cannot be verified is worth nothing.
        """
        if self._keys(domain):
            return ""
        today = dt.datetime.fromtimestamp(self._clock.now_ms() / 1000, dt.UTC).date()
        selector = f"relevo{today:%Y%m}"
        await asyncio.to_thread(
            generate_key, self._dkim_dir, domain, today=today, selector=selector, is_awaited=True
        )
        return selector

    async def _use_published(self, status: DomainStatus) -> None:
        """Let the keys sign whose records were seen."""
        seen = {
            r.name
            for r in status.records
            if r.kind is RecordKind.DKIM and r.state is RecordState.VERIFIED
        }
        published = [k for k in self._awaited(status.name) if k.record_name in seen]
        for key in published:
            try:
                await asyncio.to_thread(put_in_use, self._dkim_dir, key.domain, key.selector)
            except ConfigurationError as error:
                self._log.error("DKIM key cannot be put in use", error=str(error))
        if published:
            self._log.info("DKIM key signs", domain=status.name)
            self.on_key()


def _return_path(status: DomainStatus) -> list[RecordState]:
    return [r.state for r in status.records if r.kind is RecordKind.RETURN_PATH]


def _event(status: DomainStatus, is_back: bool, now_ms: int) -> Rows:
    gone = [r for r in status.records if r.is_needed and r.state is RecordState.FAILING]
    data = {
        "domain": status.name,
        "state": "verified" if is_back else "failing",
        "records": [{"kind": r.kind, "name": r.name, "problem": r.problem} for r in gone],
    }
    row = event_row(0, EventType.DNS_CHANGED, now_ms, status.domain.account, 0, 0, 0, data)
    return Rows("event_insert", [row[1:]])
