"""Takes incidents, notes and their progress; each change is durable and audited.

Who sees an account opens incidents in it and writes notes. Who manages its settings, and the
operator at the command line, moves them on; who opened one may also close it.
"""

import json
from collections.abc import Awaitable, Callable

import structlog

from console.accounts.actor import Actor, NotPermitted, NotVisible
from console.accounts.audit.trail import AuditTrail
from console.accounts.incidents.values import STEPS, Category, Incident, IncidentState, Note
from console.accounts.permissions import Permission
from mta.model.clock import Clock
from mta.model.errors import InternalError, JobRefused, PermanentError
from mta.model.ids import IdGenerator
from mta.store.base import Store
from mta.store.work import Rows

MAX_SUBJECT = 200
MAX_TEXT = 10_000
MAX_CONTACT = 200
MAX_REFERENCE = 200
_LAST = 2**62

Told = Callable[[Incident, str], Awaitable[None]]  # the incident, and what is new about it


async def _nobody(_incident: Incident, _news: str) -> None:
    pass


class IncidentService:
    """All incidents of all accounts."""

    def __init__(self, store: Store, ids: IdGenerator, clock: Clock, trail: AuditTrail) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock
        self._trail = trail
        self._log = structlog.get_logger("relevo.support")
        self.on_news: Told = _nobody  # tells the support and who opened it

    async def observe_ids(self) -> None:
        """Tell the id generator of the greatest id on disk; once at start."""
        ((last,),) = await self._store.read("incident_last_id")
        self._ids.observe(last)

    async def open(
        self, actor: Actor, account: int, category: Category, subject: str, text: str, contact: str
    ) -> Incident:
        """A new one, with the next number. Raises `PermanentError` for what is empty or too long."""
        actor.require(Permission.ACCOUNT_VIEW, account)
        subject = _checked(subject, "subject", MAX_SUBJECT)
        text = _checked(text, "text", MAX_TEXT)
        contact = _checked(contact or actor.name, "contact", MAX_CONTACT)
        identifier, now_ms = self._ids.new(), self._clock.now_ms()
        opened = (IncidentState.OPEN.value, actor.kind.value, actor.id, actor.name, now_ms)
        row = (identifier, account, category.value, subject, text, contact, *opened)
        told = {"category": category.value, "subject": subject}
        entry = self._trail.entry(actor, "incident.opened", account, identifier, after=told)
        await self._store.submit([Rows("incident_insert", [row], expect=1), entry])
        incident = await self._newest(identifier)
        await self._tell(incident, text)
        return incident

    async def get(self, actor: Actor, number: int) -> Incident:
        """One of them. Raises `NotVisible`."""
        rows = await self._store.read("incident_by_number", number=number)
        if rows and actor.may(Permission.ACCOUNT_VIEW, rows[0][2]):
            return Incident.of(rows[0])
        raise NotVisible(f"there is no incident {number}")

    async def notes(self, actor: Actor, number: int) -> list[Note]:
        """What was said about it, in order. Raises `NotVisible`."""
        incident = await self.get(actor, number)
        return [
            Note(*row) for row in await self._store.read("incident_notes", incident=incident.id)
        ]

    async def list(
        self, actor: Actor, *, open_only: bool = False, before: int = _LAST, count: int = 50
    ) -> list[Incident]:
        """Those that the actor sees, the newest first, before a number."""
        accounts = actor.accounts(Permission.ACCOUNT_VIEW)
        rows = await self._store.read(
            "incident_page",
            before=before,
            is_open=int(open_only),
            accounts=None if accounts is None else json.dumps(sorted(accounts)),
            count=count,
        )
        return [Incident.of(row) for row in rows]

    async def add_note(self, actor: Actor, number: int, text: str) -> Incident:
        """Say something. Raises `PermanentError` when it is closed."""
        incident = await self.get(actor, number)
        if incident.state is IncidentState.CLOSED:
            raise PermanentError(f"incident {number} is closed: open another one")
        return await self._change(actor, incident, incident.state, text, incident.reference)

    async def move(
        self, actor: Actor, number: int, state: IncidentState, text: str, *, reference: str = ""
    ) -> Incident:
        """Put it in another state and say why; `reference` names what it led to.

        Raises `NotPermitted`, and `PermanentError` for a step that there is not.
        """
        incident = await self.get(actor, number)
        if not self.may_move(actor, incident, state):
            raise NotPermitted(f"{actor.name} may not move incident {number} to {state}")
        if state not in STEPS[incident.state]:
            raise PermanentError(f"incident {number} is {incident.state}, not to become {state}")
        return await self._change(actor, incident, state, text, reference or incident.reference)

    def may_move(self, actor: Actor, incident: Incident, state: IncidentState) -> bool:
        """Whether the actor may put it in that state."""
        if actor.may(Permission.SETTINGS_MANAGE, incident.account):
            return True
        own = (incident.opened_by_kind, incident.opened_by) == (actor.kind, actor.id)
        return own and state is IncidentState.CLOSED

    async def _change(
        self, actor: Actor, incident: Incident, state: IncidentState, text: str, reference: str
    ) -> Incident:
        text = _checked(text, "text", MAX_TEXT)
        if len(reference) > MAX_REFERENCE:
            raise PermanentError(f"a reference has up to {MAX_REFERENCE} characters")
        now_ms = self._clock.now_ms()
        closed_ms = now_ms if state is IncidentState.CLOSED else 0
        moved = state.value if state is not incident.state else ""
        change = (incident.id, incident.state.value, state.value, reference, now_ms, closed_ms)
        note = (
            self._ids.new(), incident.id, actor.kind.value, actor.name, text, moved, now_ms
        )  # fmt: skip
        entry = self._trail.entry(
            actor,
            "incident.changed",
            incident.account,
            incident.id,
            {"state": incident.state.value, "reference": incident.reference},
            {"state": state.value, "reference": reference},
        )
        try:
            await self._store.submit(
                [
                    Rows("incident_change", [change], expect=1),
                    Rows("incident_note_insert", [note], expect=1),
                    entry,
                ]
            )
        except JobRefused:
            raise PermanentError("somebody else has changed it just now: look again") from None
        rows = await self._store.read("incident_by_number", number=incident.number)
        changed = Incident.of(rows[0])
        await self._tell(changed, text)
        return changed

    async def _newest(self, identifier: int) -> Incident:
        rows = await self._store.read(
            "incident_page", before=_LAST, is_open=0, accounts=None, count=100
        )
        for row in rows:
            if row[0] == identifier:
                return Incident.of(row)
        raise InternalError(f"incident {identifier} is not there after its commit")

    async def _tell(self, incident: Incident, news: str) -> None:
        """What is durable is durable: that nobody could be told is only logged."""
        try:
            await self.on_news(incident, news)
        except Exception:
            self._log.exception("incident_not_told", number=incident.number)


def _checked(text: str, what: str, most: int) -> str:
    text = text.replace("\r\n", "\n").strip()
    if not text:
        raise PermanentError(f"the {what} is empty")
    if len(text) > most:
        raise PermanentError(f"the {what} has {len(text)} characters: up to {most} are possible")
    return text.replace("\0", "�").encode("utf-8", "replace").decode()
