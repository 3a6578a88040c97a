"""Answers `who is this?` for the submission listener from memory, in microseconds.

Implements the listener's `Authenticator`. Everything is loaded at start and again after each change,
so a check touches no disk: a dictionary look-up, one SHA-256 and a constant-time comparison, the
same for a user name that does not exist. Who is refused learns nothing but 535; the reason goes to
our log alone.
"""

import asyncio
import hmac
import ipaddress
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import structlog

from console.accounts.keys import digest_of, key_id_of
from console.accounts.values import (
    Account,
    AccountKind,
    Credential,
    Scope,
    SendingDomain,
    State,
)
from mta.model.clock import Clock
from mta.model.envelope import Identity
from mta.settings.values import IPNetwork
from mta.smtp.scram import ScramKeys
from mta.store.base import Store
from mta.suppression.values import EVERYWHERE

_NO_DIGEST = bytes(32)  # no secret has it: compared with when the user is unknown


@dataclass(frozen=True, slots=True)
class _Entry:
    """All that a check needs of a credential."""

    identity: Identity
    digest: bytes
    scram: ScramKeys
    networks: tuple[IPNetwork, ...]
    expires_ms: int
    refusal: str  # why it is never accepted, in our log's words; empty: it is good
    scopes: frozenset[Scope]

    @property
    def mail_refusal(self) -> str:
        """Why no mail is taken from it."""
        if not self.refusal and Scope.SEND not in self.scopes:
            return f"without scope {Scope.SEND}"
        return self.refusal


class CredentialAuthenticator:
    """Credentials in memory; `refresh()` before first use and after every change."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        on_use: Callable[[int, int], None],
    ) -> None:
        """`on_use(credential id, now in ms)` hears of every success."""
        self._store = store
        self._clock = clock
        self._on_use = on_use
        self._accounts: dict[int, Account] = {}
        self._domains: dict[int, list[SendingDomain]] = {}
        self._owners: dict[str, int] = {}
        self._by_name: dict[str, _Entry] = {}
        self._by_credential: dict[int, _Entry] = {}
        self._lock = asyncio.Lock()  # a slow refresh must not undo a later one
        self._log = structlog.get_logger("relevo.accounts")

    async def refresh(self, credential: int | None = None) -> None:
        """Read everything anew, or just one credential; takes effect at the next check."""
        async with self._lock:
            if credential is not None:
                for row in await self._store.read("credential_by_id", id=credential):
                    self._put(Credential.of(row))
                return
            accounts = [Account.of(row) for row in await self._store.read("account_all")]
            domains = [SendingDomain.of(row) for row in await self._store.read("domain_all")]
            credentials = [Credential.of(row) for row in await self._store.read("credential_all")]
            self._replace(accounts, domains, credentials)

    def check_password(self, username: str, password: str, peer: str) -> Identity | None:
        """Whose user name (or key id) and secret these are; None: refused, whatever the reason."""
        entry = self._by_name.get(username)
        expected = _NO_DIGEST if entry is None else entry.digest
        matches = hmac.compare_digest(expected, digest_of(password))
        if entry is None:
            return self._refuse(username, peer, "unknown user")
        if not matches:
            return self._refuse(username, peer, "wrong password")
        return self._admit(entry, username, peer, entry.mail_refusal)

    def check_key(self, secret: str, peer: str) -> tuple[Identity, frozenset[Scope]] | None:
        """Whose API key this is and what it may do; None: refused, whatever the reason.

        The same work for a key that does not exist: a look-up, a hash, a comparison.
        """
        name = key_id_of(secret)
        entry = self._by_name.get(name)
        expected = _NO_DIGEST if entry is None else entry.digest
        matches = hmac.compare_digest(expected, digest_of(secret))
        if entry is None or not matches:
            self._refuse(name, peer, "wrong api key")
            return None
        identity = self._admit(entry, name, peer, entry.refusal)
        return None if identity is None else (identity, entry.scopes)

    def scram_keys(self, username: str) -> ScramKeys | None:
        """What a SCRAM exchange needs; None for an unknown name."""
        entry = self._by_name.get(username)
        return None if entry is None else entry.scram

    def identity(self, username: str, peer: str) -> Identity | None:
        """Who has shown a good SCRAM proof for that name."""
        entry = self._by_name.get(username)
        if entry is None:
            return self._refuse(username, peer, "unknown user")
        return self._admit(entry, username, peer, entry.mail_refusal)

    def trusted_identity(self, account: str) -> Identity | None:
        """The identity of mail from `trusted_networks`: an account by its id or its unique name."""
        found = [a for a in self._accounts.values() if account in (str(a.id), a.name)]
        if len(found) != 1 or not self._is_active(found[0]):
            return None
        return Identity(
            account_id=found[0].id,
            credential_id=0,
            name=found[0].name,
            sender_domains=self._domains_of(found[0]),
            is_training=found[0].kind is AccountKind.TRAINING,
        )

    def is_still_valid(self, identity: Identity) -> bool:
        """False as soon as the credential is revoked or expired or its account disabled.

        For sessions that stay connected for hours: ask at each MAIL.
        """
        if not identity.credential_id:
            account = self._accounts.get(identity.account_id)
            return account is not None and self._is_active(account)
        entry = self._by_credential.get(identity.credential_id)
        return entry is not None and not entry.mail_refusal and not self._has_expired(entry)

    def lists_of(self, account_id: int) -> tuple[int, ...]:
        """Whose suppression lists hold for an account: its own, those above it, everybody's."""
        account = self._accounts.get(account_id)
        above = () if account is None else tuple(a.id for a in self._line_of(account)[1:])
        return (account_id, *above, EVERYWHERE)

    def accounts_below(self, account: int) -> Sequence[int]:
        """Every account below that one, at any depth."""
        return [
            one.id
            for one in self._accounts.values()
            if one.id != account and any(m.id == account for m in self._line_of(one))
        ]

    def is_foreign(self, identity: Identity, domain: str) -> bool:
        """Whether a domain has been shown to belong to an account neither above nor below this one.

        What lies below a registered domain is its owner's, unless registered itself. Unlike
        `sender_domains` it is asked for names that may well be nobody's here.
        """
        owner = self._owners.get(domain)
        while owner is None and "." in domain:
            domain = domain.partition(".")[2]
            owner = self._owners.get(domain)
        if owner is None or owner == identity.account_id or domain in identity.sender_domains:
            return False
        account, other = self._accounts.get(identity.account_id), self._accounts[owner]
        if account is None:
            return True
        return other not in self._line_of(account) and account not in self._line_of(other)

    def scopes_of(self, credential: int) -> frozenset[Scope]:
        """What a credential may do; nothing when it is not accepted any more."""
        entry = self._by_credential.get(credential)
        if entry is None or entry.refusal or self._has_expired(entry):
            return frozenset()
        return entry.scopes

    def sender_domains_of(self, credential: int) -> frozenset[str]:
        """Where a credential may send from; nothing when it is not accepted any more."""
        return (
            self._by_credential[credential].identity.sender_domains
            if self.scopes_of(credential)
            else frozenset()
        )

    def _admit(self, entry: _Entry, username: str, peer: str, refusal: str) -> Identity | None:
        if refusal:
            return self._refuse(username, peer, refusal)
        if self._has_expired(entry):
            return self._refuse(username, peer, "expired")
        if entry.networks and not _is_within(peer, entry.networks):
            return self._refuse(username, peer, "address not in the credential's allow-list")
        self._on_use(entry.identity.credential_id, self._clock.now_ms())
        return entry.identity

    def _refuse(self, username: str, peer: str, reason: str) -> Identity | None:
        self._log.info("authentication_refused", username=username, peer=peer, reason=reason)
        return None

    def _has_expired(self, entry: _Entry) -> bool:
        return 0 < entry.expires_ms <= self._clock.now_ms()

    def _replace(
        self,
        accounts: Iterable[Account],
        domains: Iterable[SendingDomain],
        credentials: Iterable[Credential],
    ) -> None:
        self._accounts = {account.id: account for account in accounts}
        self._domains = {}
        self._owners = {}
        for domain in domains:
            self._domains.setdefault(domain.account, []).append(domain)
            if domain.state is State.ACTIVE:
                self._owners[domain.domain] = domain.account
        self._by_name = {}
        self._by_credential = {}
        for credential in credentials:
            self._put(credential)

    def _put(self, credential: Credential) -> None:
        entry = self._entry(credential)
        self._by_credential[credential.id] = entry
        self._by_name[credential.username] = entry
        self._by_name[credential.key_id] = entry

    def _entry(self, credential: Credential) -> _Entry:
        account = self._accounts[credential.account]
        limits = credential.limits
        domains = self._domains_of(account)
        if limits.sender_domains:
            domains &= limits.sender_domains
        return _Entry(
            identity=Identity(
                account_id=account.id,
                credential_id=credential.id,
                name=credential.name,
                sender_domains=domains,
                any_sender=Scope.ANY_SENDER in limits.scopes,
                default_class=limits.default_class,
                may_send_urgent=Scope.SEND_URGENT in limits.scopes,
                may_use_null_sender=Scope.NULL_SENDER in limits.scopes,
                rate_per_minute=limits.rate_per_minute,
                per_hour=limits.per_hour,
                per_day=limits.per_day,
                is_training=account.kind is AccountKind.TRAINING,
                is_test=Scope.TEST in limits.scopes,
            ),
            digest=credential.secret_sha256,
            scram=credential.scram,
            networks=limits.networks,
            expires_ms=credential.expires_ms,
            refusal=self._refusal(credential, account),
            scopes=limits.scopes,
        )

    def _refusal(self, credential: Credential, account: Account) -> str:
        if credential.state is not State.ACTIVE:
            return credential.state
        return "" if self._is_active(account) else "account disabled"

    def _line_of(self, account: Account) -> list[Account]:
        """The account and those above it, nearest first."""
        line = [account]
        while line[-1].parent is not None:
            line.append(self._accounts[line[-1].parent])
        return line

    def _is_active(self, account: Account) -> bool:
        return all(member.state is State.ACTIVE for member in self._line_of(account))

    def _domains_of(self, account: Account) -> frozenset[str]:
        return frozenset(
            domain.domain
            for member in self._line_of(account)
            for domain in self._domains.get(member.id, ())
            if domain.state is State.ACTIVE and (domain.shared or member is account)
        )


def _is_within(peer: str, networks: tuple[IPNetwork, ...]) -> bool:
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in networks)
