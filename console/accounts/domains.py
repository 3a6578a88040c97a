"""Domains that accounts may send from."""

from console.accounts.actor import Actor
from console.accounts.audit.trail import AuditTrail
from console.accounts.authenticator import CredentialAuthenticator
from console.accounts.permissions import Permission
from console.accounts.values import SendingDomain, State
from mta.model.address import parse_domain
from mta.model.clock import Clock
from mta.model.errors import JobRefused, PermanentError
from mta.store.base import Store
from mta.store.work import Rows


class DomainService:
    """Part of `AccountService`."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        authenticator: CredentialAuthenticator,
        trail: AuditTrail,
    ) -> None:
        self._store = store
        self._clock = clock
        self._authenticator = authenticator
        self._trail = trail

    async def add(
        self, actor: Actor, domain: str, account: int, *, shared: bool = True
    ) -> SendingDomain:
        """Let an account (and, if shared, its sub-accounts) send from a domain; nobody else may.

        For operators, who vouch for it; people add domains through `SendingDomains`, which waits
        for the DNS to show who owns it.
        """
        actor.require(Permission.DOMAIN_MANAGE, account)
        name = parse_domain(domain)
        if name.startswith("["):
            raise PermanentError(f"{domain} is an address, not a domain")
        state = State.ACTIVE if actor.is_operator else State.PENDING
        added = SendingDomain(name, account, shared, state, self._clock.now_ms())
        row = (name, account, int(shared), added.state, added.created_ms)
        entry = self._trail.entry(actor, "domain.added", account, name, after={"shared": shared})
        try:
            await self._store.submit([Rows("domain_insert", [row], expect=1), entry])
        except JobRefused:
            raise PermanentError(f"{name} belongs to an account already") from None
        await self._authenticator.refresh()
        return added

    async def list(self, actor: Actor, account: int | None = None) -> list[SendingDomain]:
        """All domains that the actor sees, or an account's own; by name."""
        if account is not None:
            actor.require(Permission.DOMAIN_VIEW, account)
        found = [SendingDomain.of(row) for row in await self._store.read("domain_all")]
        return [
            d
            for d in found
            if account in (None, d.account) and actor.may(Permission.DOMAIN_VIEW, d.account)
        ]
