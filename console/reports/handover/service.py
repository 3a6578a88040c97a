"""Keeps what people enter for a hand-over, and gathers all of it; changes are audited.

Who sees the audit trail (owner, administrator, auditor) sees the hand-over; who manages the account's
settings enters what the system cannot know.
"""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import orjson

from console.accounts.actor import Actor, NotVisible
from console.accounts.audit import AuditTrail
from console.accounts.permissions import Permission
from console.reports.handover.training import checked_people, trained_of
from console.reports.handover.values import (
    DAYS,
    AccountAccess,
    Attendee,
    ContractFacts,
    DeliveredManual,
    DomainAccess,
    Fact,
    Handover,
    IssuedCertificate,
    KeyAccess,
    ManualKind,
    PersonAccess,
    SupportFacts,
    Topic,
    Training,
)
from mta.model.clock import Clock
from mta.model.errors import PermanentError
from mta.model.ids import IdGenerator
from mta.store.base import Store
from mta.store.work import Rows

MAX_TEXT = 300
MAX_MINUTES = 12 * 60
_MAX_KEPT = 200  # trainings of an account
_MAX_MANUALS = 2_000


@dataclass(frozen=True, slots=True)
class NewTraining:
    """A session as it is entered; `people`: lines of name, email, position, minutes."""

    held_on: str
    place: str
    teacher: str
    topics: Sequence[Topic]
    minutes: int
    people: Sequence[Attendee]


@dataclass(frozen=True, slots=True)
class NewManual:
    """A delivery as it is entered."""

    kind: ManualKind
    language: str
    version: str
    sha256: str
    recipient: str
    delivered_on: str


class HandoverService:
    """Hand-overs of all accounts."""

    def __init__(
        self,
        store: Store,
        ids: IdGenerator,
        clock: Clock,
        trail: AuditTrail,
        support: SupportFacts,
        url: str,
    ) -> None:
        """`url`: where the console is, "" when it is not known."""
        self._store = store
        self._ids = ids
        self._clock = clock
        self._trail = trail
        self._support = support
        self.url = url

    async def observe_ids(self) -> None:
        """Tell the id generator of the greatest id on disk; once at start."""
        ((last,),) = await self._store.read("handover_last_id")
        self._ids.observe(last)

    async def view(self, actor: Actor, account: int) -> Handover:
        """All of it as it is now. Raises `NotVisible`, `NotPermitted`."""
        actor.require(Permission.AUDIT_VIEW, account)
        read = self._store.read
        accounts = [AccountAccess(*row) for row in await read("handover_accounts", account=account)]
        if not accounts:
            raise NotVisible(f"there is no account {account}")
        below = orjson.dumps([one.id for one in accounts]).decode()
        contract = await read("handover_contract", account=account)
        keys = await read("handover_credentials", accounts=below)
        trainings = await self._trainings(account)
        manuals = await read("handover_manuals", account=account)
        return Handover(
            account, accounts[0].name, self._clock.now_ms(), self.url,
            ContractFacts(*contract[0]) if contract else None, await self._facts(account), accounts,
            [PersonAccess(*row) for row in await read("handover_people", accounts=below)],
            [_key(row) for row in keys],
            [DomainAccess(*row) for row in await read("handover_domains", accounts=below)],
            [DeliveredManual.of(row) for row in manuals], trainings, trained_of(trainings),
            await self._certificates(account), self._support,
        )  # fmt: skip

    async def set_facts(self, actor: Actor, account: int, facts: Mapping[Fact, str]) -> None:
        """Enter dates and names. Raises `PermanentError` for what is no day or too long."""
        actor.require(Permission.SETTINGS_MANAGE, account)
        was = await self._facts(account)
        new = {name: _line(value, name.value, needed=False) for name, value in facts.items()}
        for name in DAYS & new.keys():
            if new[name]:
                new[name] = _day(new[name])
        before = {name.value: was.get(name, "") for name in new}
        after = {name.value: value for name, value in new.items()}
        if before == after:
            return
        entry = self._trail.entry(actor, "handover.changed", account, account, before, after)
        rows = [(account, name.value, value) for name, value in new.items()]
        await self._store.submit([Rows("handover_fact_put", rows), entry])

    async def add_training(self, actor: Actor, account: int, new: NewTraining) -> Training:
        """A session that was held. Raises `PermanentError` for what cannot be."""
        actor.require(Permission.SETTINGS_MANAGE, account)
        if not 1 <= new.minutes <= MAX_MINUTES:
            raise PermanentError(f"a session takes between 1 and {MAX_MINUTES} minutes")
        if not new.topics:
            raise PermanentError("a session has at least one topic")
        if len(await self._trainings(account)) >= _MAX_KEPT:
            raise PermanentError(f"up to {_MAX_KEPT} are kept")
        training = Training(
            self._ids.new(), account, _day(new.held_on), _line(new.place, "place"),
            _line(new.teacher, "teacher"), [t for t in Topic if t in new.topics], new.minutes,
            checked_people(new.people, new.minutes), actor.name, self._clock.now_ms(),
        )  # fmt: skip
        told = {"held_on": training.held_on, "minutes": new.minutes, "people": len(training.people)}
        entry = self._trail.entry(actor, "training.recorded", account, training.id, after=told)
        await self._store.submit(
            [Rows("handover_training_insert", [training.row], expect=1), entry]
        )
        return training

    async def remove_training(self, actor: Actor, account: int, number: int) -> None:
        """One that was entered by mistake. Raises `NotVisible`; `PermanentError` once certified."""
        actor.require(Permission.SETTINGS_MANAGE, account)
        found = [one for one in await self._trainings(account) if one.id == number]
        if not found:
            raise NotVisible("there is no such training")
        certified = {one.email for one in await self._certificates(account)}
        if certified & {person.email for person in found[0].people}:
            raise PermanentError("somebody has a certificate of it already")
        entry = self._trail.entry(
            actor, "training.removed", account, number, {"held_on": found[0].held_on}
        )
        await self._store.submit([Rows("handover_training_delete", [(number,)]), entry])

    async def add_manual(self, actor: Actor, account: int, new: NewManual) -> None:
        """A document that was handed over. Raises `PermanentError` for what cannot be."""
        actor.require(Permission.SETTINGS_MANAGE, account)
        if len(await self._store.read("handover_manuals", account=account)) >= _MAX_MANUALS:
            raise PermanentError(f"up to {_MAX_MANUALS} are kept")
        await self._keep_manual(actor, account, new)

    async def manual_taken(self, actor: Actor, account: int, new: NewManual) -> None:
        """Somebody downloaded or was mailed a manual: kept once for each person and version."""
        actor.require(Permission.ACCOUNT_VIEW, account)
        found = await self._store.read("handover_manuals", account=account)
        taken = {(one.account, one.kind, one.language, one.version, one.recipient)
                 for one in map(DeliveredManual.of, found)}  # fmt: skip
        is_new = (account, new.kind, new.language, new.version, new.recipient) not in taken
        if is_new and len(found) < _MAX_MANUALS:
            await self._keep_manual(actor, account, new)

    async def _keep_manual(self, actor: Actor, account: int, new: NewManual) -> None:
        row = (
            self._ids.new(), account, new.kind.value, new.language, _line(new.version, "version"),
            _sum(new.sha256), _line(new.recipient, "recipient"), _day(new.delivered_on),
            actor.name, self._clock.now_ms(),
        )  # fmt: skip
        told = {"kind": new.kind.value, "version": row[4], "recipient": row[6]}
        entry = self._trail.entry(actor, "manual.recorded", account, row[0], after=told)
        await self._store.submit([Rows("handover_manual_insert", [row], expect=1), entry])

    async def remove_manual(self, actor: Actor, account: int, number: int) -> None:
        """One that was entered by mistake. Raises `NotVisible`."""
        actor.require(Permission.SETTINGS_MANAGE, account)
        rows = await self._store.read("handover_manuals", account=account)
        if number not in {row[0] for row in rows}:
            raise NotVisible("there is no such manual")
        entry = self._trail.entry(actor, "manual.removed", account, number)
        await self._store.submit([Rows("handover_manual_delete", [(number,)]), entry])

    async def certify(self, actor: Actor, account: int) -> int:
        """Issue a certificate to each who was there for four hours and has none; gives how many."""
        actor.require(Permission.SETTINGS_MANAGE, account)
        have = {one.email for one in await self._certificates(account)}
        new = [
            one for one in trained_of(await self._trainings(account))
            if one.is_complete and one.email not in have
        ]  # fmt: skip
        if not new:
            return 0
        now_ms = self._clock.now_ms()
        rows = [
            (account, one.name, one.email, one.minutes, one.last_day, actor.name, now_ms)
            for one in new
        ]
        told = {"people": [one.email for one in new]}
        entry = self._trail.entry(actor, "certificate.issued", account, account, after=told)
        await self._store.submit([Rows("handover_certificate_insert", rows), entry])
        return len(new)

    async def certificate(self, actor: Actor, account: int, number: int) -> IssuedCertificate:
        """One of them. Raises `NotVisible`, `NotPermitted`."""
        actor.require(Permission.AUDIT_VIEW, account)
        for one in await self._certificates(account):
            if one.number == number:
                return one
        raise NotVisible(f"there is no certificate {number}")

    async def verify(self, code: str) -> tuple[IssuedCertificate, str] | None:
        """The certificate with that code and the institution; anybody who knows one may ask."""
        wanted = code.upper().replace("-", "").encode()
        for name, *row in await self._store.read("handover_certificates_named"):
            one = IssuedCertificate(*row)  # some for each contract: the code is made of all it says
            if hmac.compare_digest(one.code.replace("-", "").encode(), wanted):
                return one, name
        return None

    # -- inside --------------------------------------------------------------------------------

    async def _facts(self, account: int) -> Mapping[Fact, str]:
        rows = await self._store.read("handover_facts", account=account)
        return {Fact(name): value for name, value in rows if name in tuple(Fact)}

    async def _trainings(self, account: int) -> list[Training]:
        rows = await self._store.read("handover_trainings", account=account)
        return [Training.of(row) for row in rows]

    async def _certificates(self, account: int) -> list[IssuedCertificate]:
        rows = await self._store.read("handover_certificates", account=account)
        return [IssuedCertificate(*row) for row in rows]


def _key(row: tuple[Any, ...]) -> KeyAccess:
    name, prefix, username, account, scopes, *rest = row
    return KeyAccess(name, prefix, username, account, orjson.loads(scopes), *rest)


def _line(text: str, what: str, *, needed: bool = True) -> str:
    text = " ".join(text.replace("\0", "\ufffd").split())
    if needed and not text:
        raise PermanentError(f"the {what} is empty")
    if len(text) > MAX_TEXT:
        raise PermanentError(
            f"the {what} has {len(text)} characters: up to {MAX_TEXT} are possible"
        )
    return text.encode("utf-8", "replace").decode()


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text.strip()).isoformat()
    except ValueError:
        raise PermanentError(f"{text!r} is no day") from None


def _sum(text: str) -> str:
    text = text.strip().lower()
    if text and (len(text) != 64 or set(text) - set("0123456789abcdef")):
        raise PermanentError("a SHA-256 has 64 hexadecimal digits")
    return text
