"""Credentials of applications: one secret is both the SMTP password and the API key."""

from collections.abc import Mapping
from typing import Any

from console.accounts.actor import Actor, ActorKind, NotPermitted, NotVisible
from console.accounts.audit.trail import AuditTrail
from console.accounts.authenticator import CredentialAuthenticator
from console.accounts.delegation import require_key_may_give, require_person_may_give
from console.accounts.keys import (
    digest_of,
    new_key_id,
    new_secret,
    scram_keys_of,
    username_of,
)
from console.accounts.names import checked_name
from console.accounts.permissions import Permission
from console.accounts.values import Credential, Limits, NewCredential, Scope, State
from mta.events.record import rfc3339
from mta.model.clock import Clock
from mta.model.errors import JobRefused, PermanentError
from mta.model.ids import IdGenerator, id_in
from mta.model.traffic import TrafficClass
from mta.store.base import Store
from mta.store.work import Rows

OVERLAP_S = 24 * 3600.0  # after a rotation both secrets work for a day


class CredentialService:
    """Part of `AccountService`."""

    def __init__(
        self,
        store: Store,
        ids: IdGenerator,
        clock: Clock,
        authenticator: CredentialAuthenticator,
        trail: AuditTrail,
    ) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock
        self._authenticator = authenticator
        self._trail = trail

    async def add(
        self,
        actor: Actor,
        account: int,
        name: str,
        limits: Limits | None = None,
        *,
        expires_ms: int = 0,
    ) -> NewCredential:
        """A new credential with its secret, which nobody can read again."""
        actor.require(Permission.CREDENTIAL_MANAGE, account)
        limits = limits or Limits()
        await self._require_may_give(actor, account, limits, expires_ms)
        urgent = limits.default_class is TrafficClass.URGENT
        if urgent and Scope.SEND_URGENT not in limits.scopes:
            raise PermanentError(f"the class urgent needs the scope {Scope.SEND_URGENT}")
        if 0 < expires_ms <= self._clock.now_ms():
            raise PermanentError("the credential would have expired already")
        new = self._make(account, checked_name(name, "credential"), limits, expires_ms)
        entry = self._entry(actor, "credential.created", new.credential, _told(new.credential))
        await self._store.submit(
            [Rows("credential_insert", [new.credential.row()], expect=1), entry]
        )
        await self._authenticator.refresh(new.credential.id)
        return new

    async def list(self, actor: Actor, account: int | None = None) -> list[Credential]:
        """All that the actor sees, or an account's; oldest first."""
        if account is not None:
            actor.require(Permission.CREDENTIAL_VIEW, account)
        found = [Credential.of(row) for row in await self._store.read("credential_all")]
        return [
            c
            for c in found
            if account in (None, c.account) and actor.may(Permission.CREDENTIAL_VIEW, c.account)
        ]

    async def get(self, actor: Actor, text: str) -> Credential:
        """By id, user name or key id. Raises `NotVisible`."""
        rows = []
        if number := id_in(text):
            rows = await self._store.read("credential_by_id", id=number)
        if not rows and text.isprintable():
            for (number,) in await self._store.read("credential_find", name=text):
                rows = await self._store.read("credential_by_id", id=number)
        credential = Credential.of(rows[0]) if rows else None
        if credential is None or not actor.may(Permission.CREDENTIAL_VIEW, credential.account):
            raise NotVisible(f"there is no credential {text!r}: see `relevo credential list`")
        return credential

    async def revoke(self, actor: Actor, credential: Credential) -> None:
        """The secret stops working now, for good; revoking again is no error."""
        actor.require(Permission.CREDENTIAL_MANAGE, credential.account)
        before, after = {"state": credential.state}, {"state": State.REVOKED}
        entry = self._entry(actor, "credential.revoked", credential, after, before)
        await self._store.submit([Rows("credential_revoke", [(credential.id,)], expect=1), entry])
        await self._authenticator.refresh(credential.id)

    async def rotate(
        self, actor: Actor, old: Credential, overlap_s: float = OVERLAP_S
    ) -> NewCredential:
        """A successor with the same limits; the old secret works until the overlap is over."""
        actor.require(Permission.CREDENTIAL_MANAGE, old.account)
        await self._require_may_give(actor, old.account, old.limits, old.expires_ms)
        now_ms = self._clock.now_ms()
        if old.state is not State.ACTIVE or 0 < old.expires_ms <= now_ms:
            raise PermanentError(f"{old.username} does not work any more: add a new credential")
        ends_ms = now_ms + round(overlap_s * 1000)
        if old.expires_ms:
            ends_ms = min(ends_ms, old.expires_ms)
        new = self._make(old.account, old.name, old.limits, old.expires_ms)
        replaced = {"replaced_by": str(new.credential.id), "expires": rfc3339(ends_ms)}
        try:
            await self._store.submit(
                [
                    Rows("credential_insert", [new.credential.row()], expect=1),
                    Rows("credential_replace", [(old.id, new.credential.id, ends_ms)], expect=1),
                    self._entry(actor, "credential.rotated", old, replaced),
                ]
            )
        except JobRefused:
            raise PermanentError(
                f"{old.username} was rotated already: rotate its successor"
            ) from None
        await self._authenticator.refresh(new.credential.id)
        await self._authenticator.refresh(old.id)
        return new

    def sender_domains(self, credential: Credential) -> frozenset[str]:
        """What it may send from; nothing once it is not accepted any more."""
        return self._authenticator.sender_domains_of(credential.id)

    def status_of(self, credential: Credential) -> str:
        """`active`, `replaced` (still works for its overlap), `expired` or `revoked`."""
        if credential.state is not State.ACTIVE:
            return credential.state
        if 0 < credential.expires_ms <= self._clock.now_ms():
            return "expired"
        return "replaced" if credential.replaced_by is not None else credential.state

    async def _require_may_give(
        self, actor: Actor, account: int, limits: Limits, expires_ms: int
    ) -> None:
        require_person_may_give(actor, account, limits)
        if actor.kind is ActorKind.CREDENTIAL:
            rows = await self._store.read("credential_by_id", id=actor.id)
            if not rows:
                raise NotPermitted(f"{actor.name} is gone")
            require_key_may_give(Credential.of(rows[0]), limits, expires_ms)

    def _entry(
        self,
        actor: Actor,
        action: str,
        credential: Credential,
        after: Mapping[str, Any],
        before: Mapping[str, Any] | None = None,
    ) -> Rows:
        return self._trail.entry(
            actor, action, credential.account, credential.username, before, after
        )

    def _make(self, account: int, name: str, limits: Limits, expires_ms: int) -> NewCredential:
        key_id = new_key_id()
        secret = new_secret(key_id, is_test=Scope.TEST in limits.scopes)
        credential = Credential(
            id=self._ids.new(),
            account=account,
            name=name,
            key_id=key_id,
            username=username_of(name, key_id),
            secret_sha256=digest_of(secret),
            scram=scram_keys_of(secret),
            limits=limits,
            state=State.ACTIVE,
            created_ms=self._clock.now_ms(),
            expires_ms=expires_ms,
            last_used_ms=0,
            replaced_by=None,
        )
        return NewCredential(credential, secret)


def _told(credential: Credential) -> dict[str, Any]:
    """What the audit trail keeps of it: everything but the secret."""
    limits = credential.limits
    return {
        "name": credential.name,
        "scopes": sorted(limits.scopes),
        "sender_domains": sorted(limits.sender_domains),
        "networks": [str(network) for network in limits.networks],
        "class": limits.default_class.label,
        "rate_per_minute": limits.rate_per_minute,
        "per_hour": limits.per_hour,
        "per_day": limits.per_day,
        "expires": rfc3339(credential.expires_ms) if credential.expires_ms else None,
    }
