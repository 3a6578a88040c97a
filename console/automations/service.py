"""Automations as people and programs see them: every method asks what the actor may."""

import json
from collections.abc import Sequence

from console.accounts.actor import Actor, ActorKind, NotVisible
from console.accounts.audit.trail import AuditTrail
from console.accounts.permissions import Permission
from console.automations.checking import DefinitionCheck
from console.automations.definition import (
    CalendarTrigger,
    DateTrigger,
    Definition,
    clock_of,
    read_definition,
)
from console.automations.ports import Readers
from console.automations.secrets import StepSecrets
from console.automations.testing import AutomationTests, TriedStep
from console.automations.timing import calendar_after, next_clock
from console.automations.values import (
    Automation,
    AutomationState,
    Enrolment,
    EnrolmentState,
    Reader,
    RunMode,
    StepFigures,
)
from mta.model.address import parse_address
from mta.model.clock import Clock
from mta.model.errors import AddressSyntaxError, JobRefused, PermanentError
from mta.model.ids import IdGenerator
from mta.store.base import Store
from mta.store.work import Rows

MAX_NAME = 200
MAX_AUTOMATIONS = 500  # of one account
LAST = 2**62
STEPS = {
    AutomationState.DRAFT: frozenset({AutomationState.ACTIVE, AutomationState.ARCHIVED}),
    AutomationState.ACTIVE: frozenset({AutomationState.PAUSED}),
    AutomationState.PAUSED: frozenset({AutomationState.ACTIVE, AutomationState.ARCHIVED}),
    AutomationState.ARCHIVED: frozenset[AutomationState](),
}


class AutomationService:
    """All automations of all accounts."""

    def __init__(
        self,
        store: Store,
        ids: IdGenerator,
        clock: Clock,
        trail: AuditTrail,
        readers: Readers,
        definitions: DefinitionCheck,
        secrets: StepSecrets,
    ) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock
        self._trail = trail
        self._readers = readers
        self._definitions = definitions
        self._secrets = secrets
        self.tests: AutomationTests | None = None  # the running server's

    async def observe_ids(self) -> None:
        """Tell the id generator of the greatest id on disk; once at start."""
        ((last,),) = await self._store.read("automation_last_id")
        self._ids.observe(last)

    # -- showing -------------------------------------------------------------------------------

    async def get(self, actor: Actor, automation_id: int) -> Automation:
        """One of them. Raises `NotVisible`."""
        rows = await self._store.read("automation_by_id", automation=automation_id)
        if rows and actor.may(Permission.CAMPAIGN_VIEW, rows[0][1]):
            return Automation.of(rows[0])
        raise NotVisible(f"there is no automation {automation_id}")

    async def list(
        self, actor: Actor, *, archived: bool = False, before: int = LAST, count: int = 50
    ) -> list[Automation]:
        """Those that the actor sees, the newest first, before an id."""
        accounts = actor.accounts(Permission.CAMPAIGN_VIEW)
        rows = await self._store.read(
            "automation_page",
            before=before,
            archived=int(archived),
            accounts=None if accounts is None else json.dumps(sorted(accounts)),
            count=count,
        )
        return [Automation.of(row) for row in rows]

    async def figures(self, actor: Actor, automation_id: int) -> Sequence[StepFigures]:
        """What became of those who came to each step, in the order of the steps."""
        automation = await self.get(actor, automation_id)
        counts: dict[tuple[str, str], int] = {
            (step, what): n
            for step, what, n in await self._store.read(
                "automation_counts", automation=automation.id
            )
        }
        waiting: dict[str, int] = dict(
            await self._store.read("enrolment_steps", automation=automation.id)
        )
        return [
            StepFigures(
                step.id,
                waiting.get(step.id, 0),
                *(counts.get((step.id, what), 0) for what in ("done", "skipped", "failed")),
            )
            for step in read_definition(automation.definition).steps
        ]

    async def enrolments(
        self,
        actor: Actor,
        automation_id: int,
        *,
        state: EnrolmentState | None = None,
        before: int = LAST,
        count: int = 50,
    ) -> Sequence[tuple[Enrolment, str]]:
        """Who is or was on the way, the newest first, each with the reason of its end."""
        automation = await self.get(actor, automation_id)
        rows = await self._store.read(
            "enrolment_page",
            automation=automation.id,
            state=-1 if state is None else int(state),
            before=before,
            count=count,
        )
        return [(Enrolment.of(row), row[11]) for row in rows]

    async def webhook_secret(self, actor: Actor, automation_id: int) -> str:
        """What its webhook steps are signed with, for who receives them; noted in the audit trail."""
        automation = await self.get(actor, automation_id)
        actor.require(Permission.CAMPAIGN_SEND, automation.account)
        return await self._secrets.show(actor, automation)

    async def rotate_secret(self, actor: Actor, automation_id: int) -> str:
        """A new one for its webhook steps; for a day the one before signs too.

        Raises `PermanentError` when somebody else did so at this moment.
        """
        automation = await self.get(actor, automation_id)
        actor.require(Permission.CAMPAIGN_SEND, automation.account)
        return await self._secrets.rotate(actor, automation)

    async def test(
        self,
        actor: Actor,
        automation_id: int,
        to: str,
        *,
        contact: int = 0,
        address: str = "",
        language: str = "es",
    ) -> Sequence[TriedStep]:
        """Send its mails once to who asks, filled in for a contact; what each step would do.

        `to`: where they go, the sign-in address of who asks; a program names a person's of the
        account. The contact is named by id or address, otherwise it is the one with the address
        `to`, if there is one. Nothing is enrolled, counted or changed.
        """
        automation = await self.get(actor, automation_id)
        actor.require(Permission.CAMPAIGN_TEST, automation.account)
        if contact or address:
            actor.require(Permission.CONTACT_VIEW, automation.account)
        if self.tests is None:
            raise PermanentError("test mails need the running server")
        to = _address(to).lower()
        people = await self._store.read("automation_person", account=automation.account, email=to)
        if not people or (actor.kind is ActorKind.USER and people[0][0] != actor.id):
            raise PermanentError(f"{to}: a test goes to who asks, or a person of the account")
        reader = await self._tested(automation.account, contact, address, to)
        return await self.tests.walk(automation, reader, to, language)

    async def _tested(self, account: int, contact: int, address: str, to: str) -> Reader:
        if contact:
            found = (await self._readers.get(account, [contact])).get(contact)
        else:
            found = await self._readers.by_address(account, address.strip() or to)
        if found is not None:
            return found
        if contact or address:
            raise NotVisible(f"there is no contact {contact or address}")
        return Reader(0, to, json.dumps({"email": to}), is_reachable=True)

    # -- changing ------------------------------------------------------------------------------

    async def create(
        self,
        actor: Actor,
        account: int,
        name: str,
        definition: str,
        *,
        sender: str,
        sender_name: str = "",
        mode: RunMode = RunMode.ONCE,
    ) -> Automation:
        """A draft. Raises `DefinitionError`, and `PermanentError` for a name that is taken."""
        actor.require(Permission.CAMPAIGN_EDIT, account)
        name, sender, sender_name = _named(name), _address(sender), _line(sender_name)
        await self._definitions.read(account, definition)
        automation, now_ms = self._ids.new(), self._clock.now_ms()
        row = (
            automation, account, name, AutomationState.DRAFT.value, mode.value, 1, sender,
            sender_name, now_ms,
        )  # fmt: skip
        told = {"name": name, "definition": json.loads(definition)}
        try:
            await self._store.submit(
                [
                    Rows("automation_insert", [row], expect=1),
                    Rows(
                        "automation_version_insert",
                        [(automation, 1, definition, actor.name, now_ms)],
                    ),
                    self._trail.entry(actor, "automation.created", account, automation, after=told),
                ]
            )
        except JobRefused:
            raise PermanentError(f"there is an automation {name!r} already") from None
        return await self.get(actor, automation)

    async def edit(
        self,
        actor: Actor,
        automation_id: int,
        *,
        name: str,
        definition: str,
        sender: str,
        sender_name: str = "",
        mode: RunMode = RunMode.ONCE,
        seen_ms: int = 0,
    ) -> Automation:
        """Change a draft or a paused one; who is on the way goes on by the earlier definition.

        `seen_ms`: the `changed_ms` that the editor saw; another one is refused.
        """
        automation = await self._editable(actor, automation_id)
        if seen_ms and seen_ms != automation.changed_ms:
            raise PermanentError("somebody else has changed it meanwhile: look at it again")
        name, sender, sender_name = _named(name), _address(sender), _line(sender_name)
        await self._definitions.read(automation.account, definition)
        now_ms = max(self._clock.now_ms(), automation.changed_ms + 1)
        version, work = automation.version, []
        if json.loads(definition) != json.loads(automation.definition):
            version += 1
            row = (automation.id, version, definition, actor.name, now_ms)
            work.append(Rows("automation_version_insert", [row], expect=1))
        change = (
            automation.id, automation.changed_ms, name, mode.value, version, sender, sender_name,
            now_ms,
        )  # fmt: skip
        entry = self._trail.entry(
            actor,
            "automation.changed",
            automation.account,
            automation.id,
            {"name": automation.name, "version": automation.version},
            {"name": name, "version": version},
        )
        try:
            await self._store.submit([Rows("automation_change", [change], expect=1), *work, entry])
        except JobRefused:
            raise PermanentError(
                f"the name {name!r} is taken, or somebody has changed it meanwhile"
            ) from None
        return await self.get(actor, automation.id)

    async def activate(self, actor: Actor, automation_id: int) -> Automation:
        """Let people in and on. It sends mail, so it asks for the permission to send."""
        automation = await self.get(actor, automation_id)
        actor.require(Permission.CAMPAIGN_SEND, automation.account)
        definition = await self._definitions.read(automation.account, automation.definition)
        next_ms = first_look(definition, self._clock.now_ms())
        return await self._move(actor, automation, AutomationState.ACTIVE, next_ms)

    async def pause(self, actor: Actor, automation_id: int) -> Automation:
        """Nobody comes in or on until it is active again; nobody is lost."""
        automation = await self.get(actor, automation_id)
        if not actor.may(Permission.CAMPAIGN_SEND, automation.account):
            actor.require(Permission.CAMPAIGN_EDIT, automation.account)
        return await self._move(actor, automation, AutomationState.PAUSED)

    async def archive(self, actor: Actor, automation_id: int) -> Automation:
        """Put it away for good."""
        automation = await self._editable(actor, automation_id)
        return await self._move(actor, automation, AutomationState.ARCHIVED)

    async def _move(
        self, actor: Actor, automation: Automation, state: AutomationState, next_ms: int = 0
    ) -> Automation:
        if state not in STEPS[automation.state]:
            raise PermanentError(f"it is {automation.state}: it cannot become {state}")
        now_ms = max(self._clock.now_ms(), automation.changed_ms + 1)
        row = (automation.id, automation.state.value, state.value, next_ms, now_ms)
        entry = self._trail.entry(
            actor,
            f"automation.{_TOLD[state]}",
            automation.account,
            automation.id,
            {"state": automation.state.value},
            {"state": state.value},
        )
        try:
            await self._store.submit([Rows("automation_state", [row], expect=1), entry])
        except JobRefused:
            raise PermanentError("somebody else has changed it meanwhile") from None
        return await self.get(actor, automation.id)

    async def _editable(self, actor: Actor, automation_id: int) -> Automation:
        automation = await self.get(actor, automation_id)
        actor.require(Permission.CAMPAIGN_EDIT, automation.account)
        if automation.state in (AutomationState.ACTIVE, AutomationState.ARCHIVED):
            raise PermanentError(f"it is {automation.state}: pause it before it is changed")
        return automation


_TOLD = {
    AutomationState.ACTIVE: "activated",
    AutomationState.PAUSED: "paused",
    AutomationState.ARCHIVED: "archived",
}


def first_look(definition: Definition, now_ms: int) -> int:
    """When an automation that becomes active has to look at dates or its calendar; 0: never."""
    trigger = definition.trigger
    if isinstance(trigger, CalendarTrigger):
        return calendar_after(now_ms, trigger, definition.zone)
    if isinstance(trigger, DateTrigger):
        return next_clock(now_ms, clock_of(trigger.at), definition.zone)
    return 0


def _named(name: str) -> str:
    cleaned = " ".join(name.split())
    if not cleaned or len(cleaned) > MAX_NAME or not cleaned.isprintable():
        raise PermanentError(f"name: expected 1 to {MAX_NAME} characters that can be read")
    return cleaned


def _line(text: str) -> str:
    if len(text) > MAX_NAME or not (text.isprintable() or not text):
        raise PermanentError(f"sender name: up to {MAX_NAME} characters in one line")
    return text.strip()


def _address(text: str) -> str:
    try:
        return str(parse_address(text))
    except AddressSyntaxError as error:
        raise PermanentError(f"sender: {error}") from None
