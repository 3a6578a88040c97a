"""Accounts, credentials and domains as values, and the words that are stored for their states."""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from mta.model.traffic import TrafficClass
from mta.settings.values import IPNetwork, read_network
from mta.smtp.scram import ScramKeys


class AccountKind(StrEnum):
    """Whether an account's mail counts."""

    NORMAL = "normal"
    TRAINING = "training"  # the whole real flow, outside of all figures


class State(StrEnum):
    """Of accounts, people, credentials and domains alike."""

    ACTIVE = "active"
    PENDING = "pending"  # of a domain: nobody has shown to own it
    DISABLED = "disabled"
    REVOKED = "revoked"  # of a credential: for good
    CLOSED = "closed"  # of an account: for good


class Role(StrEnum):
    """What a person may do in an account."""

    OWNER = "owner"
    ADMINISTRATOR = "administrator"
    SENDER = "sender"
    EDITOR = "editor"  # edits campaigns, cannot send
    VIEWER = "viewer"
    INTEGRATOR = "integrator"  # keys and logs
    AUDITOR = "auditor"


class Scope(StrEnum):
    """What a credential may do; those that are permissions hold in its own account."""

    SEND = "mail.send"
    TEST = "mail.test"  # a test key: its mail goes to the simulator and costs nothing
    MAIL_VIEW = "mail.view"  # all mail of the account; what it sent itself a key sees anyway
    MAIL_CANCEL = "mail.cancel"
    SUPPRESSION_VIEW = "suppression.view"
    SUPPRESSION_MANAGE = "suppression.manage"
    WEBHOOK_VIEW = "webhook.view"
    WEBHOOK_MANAGE = "webhook.manage"
    DOMAIN_VIEW = "domain.view"
    DOMAIN_MANAGE = "domain.manage"
    CREDENTIAL_VIEW = "credential.view"
    CREDENTIAL_MANAGE = "credential.manage"
    ACCOUNT_VIEW = "account.view"
    ACCOUNT_MANAGE = "account.manage"
    USER_MANAGE = "user.manage"
    QUOTA_VIEW = "quota.view"
    QUOTA_MOVE = "quota.move"
    REFUND_PROPOSE = "refund.propose"
    REFUND_CONFIRM = "refund.confirm"
    CAMPAIGN_VIEW = "campaign.view"
    CAMPAIGN_EDIT = "campaign.edit"
    CAMPAIGN_TEST = "campaign.test"
    CAMPAIGN_SEND = "campaign.send"
    CONTACT_VIEW = "contact.view"
    CONTACT_EDIT = "contact.edit"
    TEMPLATE_EDIT = "template.edit"
    REPORT_VIEW = "report.view"
    EXPORT = "export"
    PRIVACY_MANAGE = "privacy.manage"  # everything of the account as a file
    SEND_URGENT = "mail.urgent"  # class urgent: one-time codes
    NULL_SENDER = "mail.null_sender"  # MAIL FROM:<>, delivery notices of its own
    ANY_SENDER = "mail.any_sender"  # an operator's own: no sender check


@dataclass(frozen=True, slots=True)
class Account:
    """A tenant, or a part of one."""

    id: int
    parent: int | None
    name: str
    kind: AccountKind
    state: State
    created_ms: int
    language: str = ""  # es | en; empty: the installation's
    timezone: str = ""  # IANA name; empty: the installation's
    needs_approval: bool = False  # whether sending a campaign takes a second person

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> "Account":
        """From a row of `account_all`."""
        number, parent, name, kind, state, created_ms, language, timezone, needs_approval = row
        return cls(
            number,
            parent,
            name,
            AccountKind(kind),
            State(state),
            created_ms,
            language,
            timezone,
            bool(needs_approval),
        )


@dataclass(frozen=True, slots=True)
class Membership:
    """A role in an account."""

    account: int
    account_name: str
    role: Role


@dataclass(frozen=True, slots=True)
class User:
    """A person."""

    id: int
    email: str
    state: State
    locked_until_ms: int
    created_ms: int
    memberships: tuple[Membership, ...]


@dataclass(frozen=True, slots=True)
class SendingDomain:
    """A domain that an account (and, if shared, its sub-accounts) may send from."""

    domain: str
    account: int
    shared: bool
    state: State
    created_ms: int

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> "SendingDomain":
        """From a row of `domain_all`."""
        domain, account, shared, state, created_ms = row
        return cls(domain, account, bool(shared), State(state), created_ms)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a credential may do and from where; the defaults are those of `relevo credential add`."""

    scopes: frozenset[Scope] = frozenset({Scope.SEND})
    sender_domains: frozenset[str] = frozenset()  # empty: every domain of the account
    networks: tuple[IPNetwork, ...] = ()  # empty: from anywhere
    default_class: TrafficClass = TrafficClass.TRANSACTIONAL
    rate_per_minute: int = 0  # recipients; 0: no limit of its own
    per_hour: int = 0  # recipients in a clock hour; 0: no cap of its own
    per_day: int = 0  # recipients in a day of the account's time zone


@dataclass(frozen=True, slots=True)
class Credential:
    """An application's key, without its secret."""

    id: int
    account: int
    name: str
    key_id: str
    username: str
    secret_sha256: bytes
    scram: ScramKeys
    limits: Limits
    state: State
    created_ms: int
    expires_ms: int  # 0: never
    last_used_ms: int  # 0: never; up to a minute late
    replaced_by: int | None

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> "Credential":
        """From a row of `credential_all`."""
        number, account, name, key_id, username, digest, salt, iterations, stored, server = row[:10]
        scopes, domains, networks, traffic_class, rate, state, created, expires = row[10:18]
        used, heir, per_hour, per_day = row[18:]
        return cls(
            number,
            account,
            name,
            key_id,
            username,
            bytes.fromhex(digest),
            ScramKeys(
                bytes.fromhex(salt), iterations, bytes.fromhex(stored), bytes.fromhex(server)
            ),
            Limits(
                frozenset(Scope(scope) for scope in json.loads(scopes)),
                frozenset(json.loads(domains)),
                tuple(read_network(network) for network in json.loads(networks)),
                TrafficClass(traffic_class),
                rate,
                per_hour,
                per_day,
            ),
            State(state),
            created,
            expires,
            used,
            heir,
        )

    def row(self) -> tuple[int | str, ...]:
        """For `credential_insert`."""
        limits = self.limits
        return (
            self.id,
            self.account,
            self.name,
            self.key_id,
            self.username,
            self.secret_sha256.hex(),
            self.scram.salt.hex(),
            self.scram.iterations,
            self.scram.stored_key.hex(),
            self.scram.server_key.hex(),
            json.dumps(sorted(limits.scopes)),
            json.dumps(sorted(limits.sender_domains)),
            json.dumps([str(network) for network in limits.networks]),
            int(limits.default_class),
            limits.rate_per_minute,
            self.state,
            self.created_ms,
            self.expires_ms,
            limits.per_hour,
            limits.per_day,
        )


@dataclass(frozen=True, slots=True)
class NewCredential:
    """What is shown once: the one secret is both the SMTP password and the API key."""

    credential: Credential
    secret: str
