"""Takes people on through automations, a step at a time, each step one transaction.

It sleeps until the next one is due or something changed. Whoever is due at the same step of the
same definition goes together: one mail with many recipients is one message.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import structlog

from console.automations.definition import (
    END,
    FIRST,
    Definition,
    ListStep,
    SendStep,
    WebhookStep,
    read_definition,
)
from console.automations.entering import Active, Entrance
from console.automations.moves import Effect, Move, asks, move, retry_ms
from console.automations.ports import Caller, Engagement, Readers
from console.automations.sending import Outcome, StepSender
from console.automations.values import Automation, Enrolment, EnrolmentState, Reader
from mta.model.clock import Clock
from mta.model.errors import JobRefused, PermanentError, StoreFailed, TransientError
from mta.store.base import Store
from mta.store.standing import StandingTask
from mta.store.work import Rows

GROUP = 500  # people that are taken on in one go
IDLE_S = 60.0  # longest sleep
LEAST_PAUSE_S = 0.2  # what somebody else is changing just now is not asked for without a rest
PATIENCE_S = 1.0  # for one account's steps; longer ones go on beside the others
MAX_REASON = 300  # characters
REST_MS = 60_000  # of an account whose step failed by a fault of ours
_WAKING = ("enrolment_insert", "automation_state", "automation_change")


@dataclass(frozen=True, slots=True)
class Tools:
    """What steps are done with."""

    readers: Readers
    engagement: Engagement
    sender: StepSender
    caller: Caller


@dataclass(frozen=True, slots=True)
class _Group:
    """People who are due at one step of one definition."""

    automation: Automation
    definition: Definition
    step: str
    people: Sequence[Enrolment]


class AutomationRunner:
    """One task of the running server, and one for each account whose people are due.

    So a system that answers slowly, or an automation that cannot be carried out, holds up nobody
    but the account that it belongs to.
    """

    def __init__(
        self, store: Store, clock: Clock, active: Active, entrance: Entrance, tools: Tools
    ) -> None:
        self._store = store
        self._clock = clock
        self._active = active
        self._entrance = entrance
        self._tools = tools
        self._definitions: dict[tuple[int, int], Definition] = {}
        self._under_way: dict[int, asyncio.Task[None]] = {}  # by account
        self._rests: dict[int, int] = {}  # until when, milliseconds
        self._log = structlog.get_logger("relevo.automations")
        self._task = StandingTask("automations", self._work, self._log)

    def start(self) -> None:
        """Begin; call once."""
        self._task.start(self._store, _WAKING)

    async def stop(self) -> None:
        """End at once; what is due goes on at the next start."""
        await self._task.stop()
        for task in self._under_way.values():
            task.cancel()
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)
        self._under_way.clear()

    async def _work(self) -> float:
        next_ms = await self.run_due()
        if next_ms is None:
            return IDLE_S
        return min(IDLE_S, max(LEAST_PAUSE_S, (next_ms - self._clock.now_ms()) / 1000))

    async def run_due(self) -> int | None:
        """Take on everybody who is due now; gives when the next one is.

        An account that takes longer than `PATIENCE_S` goes on by itself, and is looked at again
        when it is through. Raises `StoreError`.
        """
        await self._active.refresh()
        for automation, next_ms, place in await self._store.read("automation_looks"):
            if next_ms <= self._clock.now_ms() and automation in self._active.all:
                await self._look(automation, next_ms, place)
        by_account: defaultdict[int, list[Automation]] = defaultdict(list)
        for automation, _ in self._active.all.values():
            by_account[automation.account].append(automation)
        await self._accounts(by_account)
        moments = [next_ms for _, next_ms, _ in await self._store.read("automation_looks")]
        for account, automations in by_account.items():
            if account in self._under_way:
                moments.append(self._clock.now_ms())
            elif account in self._rests:
                moments.append(self._rests[account])
            else:
                moments += [
                    m for one in automations if (m := await self._next_due(one)) is not None
                ]
        return min(moments, default=None)

    async def _accounts(self, by_account: Mapping[int, Sequence[Automation]]) -> None:
        """Take on the people of all accounts, each beside the others. Raises `StoreError`."""
        now_ms = self._clock.now_ms()
        self._rests = {account: until for account, until in self._rests.items() if until > now_ms}
        for account, automations in by_account.items():
            if account not in self._under_way and account not in self._rests:
                self._under_way[account] = asyncio.create_task(self._account(automations))
        if not self._under_way:
            return
        done, _ = await asyncio.wait(self._under_way.values(), timeout=PATIENCE_S)
        ended = [account for account, task in self._under_way.items() if task in done]
        errors = [(account, self._under_way.pop(account).exception()) for account in ended]
        for account, error in errors:
            if error is not None and not isinstance(error, (TransientError, StoreFailed)):
                self._rests[account] = self._clock.now_ms() + REST_MS
                self._log.error("automations_rest", account=account, exc_info=error)
        for _, error in errors:
            if isinstance(error, (TransientError, StoreFailed)):
                raise error

    async def _account(self, automations: Sequence[Automation]) -> None:
        for automation in automations:
            while await self._take_on(automation):
                pass

    async def _next_due(self, automation: Automation) -> int | None:
        ((due_ms,),) = await self._store.read("enrolment_next_due", automation=automation.id)
        return None if due_ms is None else int(due_ms)

    async def _look(self, automation: int, next_ms: int, place: int) -> None:
        while await self._entrance.look(automation, next_ms, place):
            found = {row[0]: row[2] for row in await self._store.read("automation_looks")}
            if automation not in found:
                return
            place = found[automation]

    async def _take_on(self, automation: Automation) -> bool:
        """One page of those who are due; whether there were any."""
        due = [
            Enrolment.of(row)
            for row in await self._store.read(
                "enrolments_due",
                automation=automation.id,
                now_ms=self._clock.now_ms(),
                count=GROUP,
            )
        ]
        groups: defaultdict[tuple[int, str], list[Enrolment]] = defaultdict(list)
        for one in due:
            groups[one.version, one.step].append(one)
        for (version, step), people in groups.items():
            definition = await self._definition(automation.id, version)
            try:
                await self._do(_Group(automation, definition, step, people))
            except JobRefused:  # paused, left or erased meanwhile: looked at again
                self._log.info("automation_step_again", automation=automation.id, step=step)
                return False
        return bool(due)

    async def _definition(self, automation: int, version: int) -> Definition:
        key = (automation, version)
        if key not in self._definitions:
            if len(self._definitions) > 200:
                self._definitions.clear()
            ((document,),) = await self._store.read(
                "automation_definition", automation=automation, version=version
            )
            self._definitions[key] = read_definition(document)
        return self._definitions[key]

    # -- a step --------------------------------------------------------------------------------

    async def _do(self, group: _Group) -> None:
        readers = await self._tools.readers.get(
            group.automation.account, [one.contact for one in group.people]
        )
        gone = [one for one in group.people if not _may_go_on(readers.get(one.contact))]
        here = [one for one in group.people if _may_go_on(readers.get(one.contact))]
        if gone:
            await self._store.submit(self._ended(group, gone, EnrolmentState.LEFT, "no_reader"))
        if not here:
            return
        group = replace(group, people=here)
        met = await self._met(group)
        if group.step == FIRST:  # not opened within the time?
            opened = [one for one in here if one.contact in met]
            later = [one for one in here if one.contact not in met]
            if opened:
                await self._store.submit(self._ended(group, opened, EnrolmentState.DONE, "opened"))
            onward = Move(group.definition.first, self._clock.now_ms())
            if later:
                await self._store.submit(self._moved(group, later, onward))
            return
        by_move: defaultdict[Move, list[Enrolment]] = defaultdict(list)
        now_ms = self._clock.now_ms()
        for one in here:
            by_move[move(group.definition, group.step, now_ms, is_met=one.contact in met)].append(
                one
            )
        for onward, people in by_move.items():
            part = replace(group, people=people)
            if onward.effect is Effect.ACT:
                await self._act(part, onward, readers)
            else:
                await self._store.submit(self._moved(part, people, onward))

    async def _met(self, group: _Group) -> frozenset[int]:
        """The contacts for whom the step's condition holds."""
        if group.step == FIRST:
            return await self._engaged(group, "", by_click=False)
        condition = asks(group.definition, group.step)
        if condition is None:
            return frozenset()
        if condition.filter is not None:
            contacts = [one.contact for one in group.people]
            return frozenset(
                await self._tools.readers.matching(
                    group.automation.account, condition.filter, contacts
                )
            )
        about = condition.opened or condition.clicked or ""
        return await self._engaged(group, about, by_click=condition.clicked is not None)

    async def _engaged(self, group: _Group, about: str, *, by_click: bool) -> frozenset[int]:
        """Who opened or clicked the mail of a step, or the campaign's that let them in."""
        contact_of: dict[int, int] = {}
        for one in group.people:
            facts = json.loads(one.facts)
            source = facts.get("sent", {}) if about else facts.get("values", {})
            delivery = source.get(about or "delivery")
            if delivery is not None:
                contact_of[int(delivery)] = one.contact
        ask = self._tools.engagement.clicked if by_click else self._tools.engagement.opened
        return frozenset(contact_of[delivery] for delivery in await ask(contact_of))

    async def _act(self, group: _Group, onward: Move, readers: Mapping[int, Reader]) -> None:
        step = group.definition.step(group.step)
        account = group.automation.account
        if isinstance(step, SendStep):
            outcome = await self._tools.sender.send(
                group.automation, step, group.people, readers,
                lambda people: self._moved(group, people, onward),
            )  # fmt: skip
            await self._settle(group, outcome)
        elif isinstance(step, ListStep):
            rows = self._tools.readers.listing(
                account,
                step.list,
                [one.contact for one in group.people],
                self._clock.now_ms(),
                is_on=step.kind == "list_add",
            )
            await self._store.submit([*rows, *self._moved(group, group.people, onward)])
        else:
            assert isinstance(step, WebhookStep)
            for one in group.people:
                await self._call(group, step, one, readers[one.contact], onward)

    async def _call(
        self, group: _Group, step: WebhookStep, one: Enrolment, reader: Reader, onward: Move
    ) -> None:
        """At least once: a crash behind the answer calls again with the same `id`."""
        document: dict[str, Any] = {
            "type": "automation.step",
            "id": f"{one.id}.{step.id}",
            "automation": str(group.automation.id),
            "step": step.id,
            "recipient": reader.address,
            "contact": str(reader.id),
            "values": json.loads(one.facts).get("values", {}),
        }
        try:
            await self._tools.caller.post(group.automation.account, step.url, document)
        except (TransientError, PermanentError) as error:
            is_final = isinstance(error, PermanentError)
            await self._settle(group, Outcome(str(error), is_final, (one,)))
        else:
            await self._store.submit(self._moved(group, [one], onward))

    async def _settle(self, group: _Group, outcome: Outcome) -> None:
        """Those for whom the step failed are tried later, or leave."""
        failed: list[Enrolment] = []
        for one in outcome.failed:
            due_ms = None if outcome.is_final else retry_ms(one.tries, self._clock.now_ms())
            if due_ms is None:
                failed.append(one)
            else:
                row = self._row(
                    one, one.step, EnrolmentState.ACTIVE, due_ms, one.tries + 1, outcome.reason
                )
                await self._store.submit([Rows("enrolment_move", [row], expect=1)])
        if failed:
            await self._store.submit(
                self._ended(group, failed, EnrolmentState.FAILED, outcome.reason)
            )

    # -- rows ----------------------------------------------------------------------------------

    def _moved(self, group: _Group, people: Sequence[Enrolment], onward: Move) -> Sequence[Rows]:
        """Rows that move people behind a step, or to its later time."""
        state = EnrolmentState.DONE if onward.is_end else EnrolmentState.ACTIVE
        rows = [self._row(one, onward.step, state, onward.due_ms, 0) for one in people]
        work = [Rows("enrolment_move", rows, expect=len(rows))]
        if group.step not in (onward.step, FIRST):
            work.append(_count(group, "done", len(rows)))
        return work

    def _ended(
        self, group: _Group, people: Sequence[Enrolment], state: EnrolmentState, reason: str
    ) -> Sequence[Rows]:
        rows = [self._row(one, END, state, one.due_ms, one.tries, reason) for one in people]
        what = "failed" if state is EnrolmentState.FAILED else "skipped"
        return [Rows("enrolment_move", rows, expect=len(rows)), _count(group, what, len(rows))]

    def _row(
        self,
        one: Enrolment,
        step: str,
        state: EnrolmentState,
        due_ms: int,
        tries: int,
        reason: str = "",
    ) -> tuple[int | str, ...]:
        now_ms = self._clock.now_ms()
        return (
            one.id, one.step, one.due_ms, step, int(state), due_ms, tries, one.facts,
            reason[:MAX_REASON], now_ms,
        )  # fmt: skip


def _may_go_on(reader: Reader | None) -> bool:
    return reader is not None and reader.is_reachable


def _count(group: _Group, what: str, n: int) -> Rows:
    return Rows("automation_count_add", [(group.automation.id, group.step, what, n)])
