"""The register of incidents: judged, told to whom, linked to refunds; nothing in it is ever changed.

Who may see the audit trail of an account sees the register; who manages its settings writes in it.
The audit trail has each entry, so a register that was tampered with contradicts it.
"""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from console.accounts.actor import Actor, NotVisible
from console.accounts.audit.trail import AuditTrail
from console.accounts.incidents.entries import (
    Cause,
    Countdown,
    Judgement,
    LinkedRefund,
    Notice,
    RefundChoice,
    Registered,
    Whom,
)
from console.accounts.permissions import Permission
from mta.model.clock import Clock
from mta.model.errors import PermanentError
from mta.model.ids import IdGenerator
from mta.store.base import Store
from mta.store.work import Rows

MAX_TEXT = 10_000
MAX_NAME = 200
MAX_PEOPLE = 10**10
PIECE = 500
_LAST = 2**62


@dataclass(frozen=True, slots=True)
class RegisterFilter:
    """Which incidents; empty: all."""

    kind: str = ""
    severity: str = ""
    closed: str = ""  # open | closed
    since_ms: int = 0
    until_ms: int = _LAST


EVERYTHING = RegisterFilter()


class IncidentRegister:
    """Over the incidents of all accounts."""

    def __init__(
        self,
        store: Store,
        ids: IdGenerator,
        clock: Clock,
        trail: AuditTrail,
        *,
        notice_s: float,
    ) -> None:
        """`notice_s`: from when an incident became known to the notice to the authority."""
        self._store = store
        self._ids = ids
        self._clock = clock
        self._trail = trail
        self.notice_s = notice_s

    async def observe_ids(self) -> None:
        """Tell the id generator of the greatest id on disk; once at start."""
        ((last,),) = await self._store.read("register_last_id")
        self._ids.observe(last)

    def countdown(self, one: Registered) -> Countdown:
        """How its deadline stands now."""
        return one.countdown(self._clock.now_ms(), self.notice_s)

    async def page(
        self,
        actor: Actor,
        wanted: RegisterFilter = EVERYTHING,
        *,
        before: int = _LAST,
        count: int = 50,
    ) -> list[Registered]:
        """Those of accounts whose audit trail the actor sees, the newest first, before a number."""
        return await self._page(actor, wanted, before, count, 0)

    async def all(
        self, actor: Actor, wanted: RegisterFilter = EVERYTHING
    ) -> AsyncIterator[Sequence[Registered]]:
        """All of them in pieces, the newest first."""
        before = _LAST
        while found := await self._page(actor, wanted, before, PIECE, 0):
            yield found
            before = found[-1].incident.number

    async def get(self, actor: Actor, number: int) -> Registered:
        """One of them. Raises `NotVisible`."""
        found = await self._page(actor, EVERYTHING, _LAST, 1, number)
        if not found:
            raise NotVisible(f"there is no incident {number}")
        return found[0]

    async def judgements(self, actor: Actor, number: int) -> Sequence[Judgement]:
        """All there were, in order. Raises `NotVisible`."""
        one = await self.get(actor, number)
        rows = await self._store.read("register_judgements", incident=one.incident.id)
        return [Judgement.of(row[1:]) for row in rows]

    async def notices(self, actor: Actor, number: int) -> Sequence[Notice]:
        """Who was told and when, in order. Raises `NotVisible`."""
        one = await self.get(actor, number)
        rows = await self._store.read("register_notices", incident=one.incident.id)
        return [Notice(row[0], Whom(row[1]), *row[2:]) for row in rows]

    async def refunds(self, actor: Actor, number: int) -> Sequence[LinkedRefund]:
        """What it led to. Raises `NotVisible`."""
        one = await self.get(actor, number)
        rows = await self._store.read("register_refunds", incident=one.incident.id)
        return [LinkedRefund(*row) for row in rows]

    async def causes(self, actor: Actor, refund: int) -> Sequence[Cause]:
        """Incidents that led to a refund, of those that the actor sees on the support page."""
        rows = await self._store.read("register_of_refund", refund=refund)
        return [Cause(*row) for row in rows if actor.may(Permission.ACCOUNT_VIEW, row[2])]

    async def refund_choices(self, actor: Actor) -> Sequence[RefundChoice]:
        """The latest refunds that the actor sees."""
        return await self._refunds(actor, 0)

    async def judge(self, actor: Actor, number: int, judgement: Judgement) -> Registered:
        """Say what it is; it holds from now on, and what was said before stays to be seen.

        Raises `NotVisible`, `NotPermitted`, `PermanentError` for what cannot be.
        """
        one = await self._writable(actor, number)
        now_ms = self._clock.now_ms()
        j = _checked(judgement, now_ms)
        row = (
            self._ids.new(), one.incident.id, j.kind.value, j.severity.value, j.began_ms, j.known_ms,
            int(j.needs_notice), j.happened, j.data, j.people, j.measures, actor.kind.value,
            actor.name, now_ms,
        )  # fmt: skip
        told = {
            "kind": j.kind.value, "severity": j.severity.value, "people": j.people,
            "known_ms": j.known_ms, "needs_notice": j.needs_notice,
        }  # fmt: skip
        entry = self._trail.entry(
            actor, "incident.judged", one.incident.account, one.incident.number, after=told
        )
        await self._store.submit([Rows("register_judge", [row], expect=1), entry])
        return await self.get(actor, number)

    async def tell(
        self, actor: Actor, number: int, whom: Whom, name: str, way: str, told_ms: int, text: str
    ) -> Registered:
        """Note that somebody was told. Raises as `judge`."""
        one = await self._writable(actor, number)
        now_ms = self._clock.now_ms()
        if not 0 < told_ms <= now_ms:
            raise PermanentError("when somebody was told cannot be in the future")
        name, way = _text(name, "name", MAX_NAME), _text(way, "way", MAX_NAME)
        text = _text(text, "text", MAX_TEXT, is_needed=False)
        row = (
            self._ids.new(), one.incident.id, whom.value, name, way, told_ms, text,
            actor.kind.value, actor.name, now_ms,
        )  # fmt: skip
        told = {"whom": whom.value, "name": name, "way": way, "told_ms": told_ms}
        entry = self._trail.entry(
            actor, "incident.told", one.incident.account, one.incident.number, after=told
        )
        await self._store.submit([Rows("register_tell", [row], expect=1), entry])
        return await self.get(actor, number)

    async def link(self, actor: Actor, number: int, refund: int) -> None:
        """Say that it led to a refund; again: no change. Raises as `judge`."""
        one = await self._writable(actor, number)
        if not await self._refunds(actor, refund):
            raise NotVisible(f"there is no refund {refund}")
        if any(linked.id == refund for linked in await self.refunds(actor, number)):
            return
        row = (one.incident.id, refund, actor.name, self._clock.now_ms())
        entry = self._trail.entry(
            actor, "incident.linked", one.incident.account, one.incident.number,
            after={"refund": str(refund)},
        )  # fmt: skip
        await self._store.submit([Rows("register_link", [row], expect=1), entry])

    async def _writable(self, actor: Actor, number: int) -> Registered:
        one = await self.get(actor, number)
        actor.require(Permission.SETTINGS_MANAGE, one.incident.account)
        return one

    async def _refunds(self, actor: Actor, refund: int) -> Sequence[RefundChoice]:
        rows = await self._store.read(
            "register_refund_choices",
            accounts=_json(actor.accounts(Permission.QUOTA_VIEW)), refund=refund,
        )  # fmt: skip
        return [RefundChoice(*row) for row in rows]

    async def _page(
        self, actor: Actor, wanted: RegisterFilter, before: int, count: int, number: int
    ) -> list[Registered]:
        rows = await self._store.read(
            "register_page",
            before=before, number=number, count=count, kind=wanted.kind,
            severity=wanted.severity, closed=wanted.closed, since=wanted.since_ms,
            until=wanted.until_ms, accounts=_json(actor.accounts(Permission.AUDIT_VIEW)),
        )  # fmt: skip
        return [Registered.of(row) for row in rows]


def _checked(judgement: Judgement, now_ms: int) -> Judgement:
    j = judgement
    if not 0 < j.known_ms <= now_ms:
        raise PermanentError("when it became known cannot be in the future")
    if not 0 <= j.began_ms <= j.known_ms:
        raise PermanentError("it cannot have begun after it became known")
    if j.people is not None and not 0 <= j.people <= MAX_PEOPLE:
        raise PermanentError("how many people are affected is no such number")
    return Judgement(
        j.kind, j.severity, j.began_ms, j.known_ms, j.needs_notice,
        _text(j.happened, "description", MAX_TEXT),
        _text(j.data, "description of the data", MAX_TEXT, is_needed=False),
        j.people,
        _text(j.measures, "description of the measures", MAX_TEXT, is_needed=False),
    )  # fmt: skip


def _text(text: str, what: str, most: int, *, is_needed: bool = True) -> str:
    text = text.replace("\r\n", "\n").strip()
    if is_needed and not text:
        raise PermanentError(f"the {what} is empty")
    if len(text) > most:
        raise PermanentError(f"the {what} has {len(text)} characters: up to {most} are possible")
    return text.replace("\0", "�").encode("utf-8", "replace").decode()


def _json(accounts: frozenset[int] | None) -> str | None:
    return None if accounts is None else json.dumps(sorted(accounts))
