"""Follows the events and puts onto the suppression lists whom mail should not reach any more.

By class of the bounce: an address that does not exist at once, a full mailbox when that went on for
two weeks; a refusal for policy, reputation, content or authentication says nothing about a person and
suppresses nobody. A complaint stops all mail of the account, an unsubscribe its commercial mail. What
test keys send goes to the simulator and says nothing. What a site in a storm refuses (`storms`) is
held until somebody decides.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import orjson
import structlog

from mta.bounces.classes import BounceClass
from mta.events.record import event_row
from mta.feedback.storms import BounceStorms
from mta.model.clock import Clock
from mta.model.errors import AddressSyntaxError
from mta.model.traffic import EventType
from mta.spool.follower import FollowedEvent
from mta.spool.rows import MessageFlag
from mta.store.base import Store
from mta.store.work import Rows, Scalar
from mta.suppression.entries import Place, delete, put
from mta.suppression.lists import SuppressionLists
from mta.suppression.values import NewEntry, Reason

FOLLOWED = (
    EventType.BOUNCED,
    EventType.EXPIRED,
    EventType.COMPLAINED,
    EventType.UNSUBSCRIBED,
    EventType.RESUBSCRIBED,
)
NAME = "suppression"
DAY_MS = 86_400_000
FULL_TIMES = 3
FULL_FOR_MS = 14 * DAY_MS
FULL_PAUSE_MS = 30 * DAY_MS  # then it may be tried again
FULL_FORGOTTEN_MS = 90 * DAY_MS
RECENT_MS = 600_000
MAX_RECENT = 50_000
MAX_TAKEN_BACK = 400  # two rows each; a job has 2,000


class _Subject(NamedTuple):
    delivery: int
    address: str
    site: int
    flags: int
    state: int


class _Recent(NamedTuple):
    """Who was put onto a list by a site's word."""

    at_ms: int
    site: int
    entry: NewEntry


@dataclass(slots=True)
class _Outcome:
    """What some events lead to; the later event about a place wins."""

    put: dict[Place, NewEntry] = field(default_factory=dict)
    deleted: set[Place] = field(default_factory=set)
    full: dict[tuple[int, int], tuple[int, int, int]] = field(default_factory=dict)
    full_over: set[tuple[int, int]] = field(default_factory=set)
    held: dict[tuple[int, int], tuple[Scalar, ...]] = field(default_factory=dict)
    events: list[tuple[Scalar, ...]] = field(default_factory=list)


def reason_for(event: EventType, data: Mapping[str, object]) -> Reason | None:
    """What an event says about its address: the reason to suppress it, or None.

    `MAILBOX_FULL` means that it counts as one time, not that it is suppressed.
    """
    bounce_class = data.get("class", "")
    if event is EventType.COMPLAINED:
        # Who moves mail out of the spam folder says the contrary of a complaint (RFC 5965 §7.3).
        return None if data.get("kind") == "not-spam" else Reason.COMPLAINT
    if event is EventType.UNSUBSCRIBED:
        return Reason.UNSUBSCRIBE
    if event is EventType.BOUNCED and _is_hard(bounce_class):
        return Reason.HARD_BOUNCE
    if event in (EventType.BOUNCED, EventType.EXPIRED) and bounce_class == BounceClass.QUOTA:
        return Reason.MAILBOX_FULL
    return None


class Suppressing:
    """The handler of an `EventFollower` named `NAME` for `FOLLOWED`."""

    def __init__(
        self, store: Store, clock: Clock, lists: SuppressionLists, storms: BounceStorms
    ) -> None:
        self._store = store
        self._clock = clock
        self._lists = lists
        self._storms = storms
        self._recent: deque[_Recent] = deque(maxlen=MAX_RECENT)
        self._stormy: set[int] = set()
        self._log = structlog.get_logger("mta.feedback")

    async def handle(self, events: Sequence[FollowedEvent]) -> Sequence[Rows]:
        """The rows that follow from events; the lists in memory know of them at once."""
        subjects = await self._subjects(events)
        outcome = _Outcome()
        for event in events:
            subject = subjects.get(event.delivery)
            if subject is None or subject.flags & MessageFlag.TEST:
                continue
            try:
                await self._decide(event, subject, outcome)
            except AddressSyntaxError as error:
                self._log.warning("address of a delivery is none", delivery=subject.delivery,
                                  error=str(error))  # fmt: skip
        self._lists.added(outcome.put.values())
        for place in outcome.deleted:
            self._lists.forget(*place)
        return self._rows(outcome)

    async def _subjects(self, events: Sequence[FollowedEvent]) -> dict[int, _Subject]:
        ids = orjson.dumps(list({e.delivery for e in events if e.delivery})).decode()
        rows = await self._store.read("suppressing_subjects", deliveries=ids)
        return {row[0]: _Subject(*row) for row in rows}

    async def _decide(self, event: FollowedEvent, subject: _Subject, outcome: _Outcome) -> None:
        digest = self._lists.digest.of(subject.address)
        data = event.values()
        if event.type is EventType.RESUBSCRIBED:
            place = (event.account, digest, Reason.UNSUBSCRIBE)
            outcome.put.pop(place, None)
            outcome.deleted.add(place)
            return
        reason = reason_for(event.type, data)
        if reason is None:
            return
        if reason is Reason.MAILBOX_FULL:
            await self._count_full(event, subject, digest, outcome)
        elif reason is Reason.HARD_BOUNCE and self._is_storm(subject.site, event, outcome):
            self._hold(event, subject, digest, str(data.get("reply", "")), outcome)
        else:
            note = str(data.get("reply") or data.get("by") or data.get("kind") or "")
            entry = self._entry(event, subject, reason, note)
            self._put(outcome, digest, entry)
            if reason is Reason.HARD_BOUNCE:
                self._recent.append(_Recent(event.at_ms, subject.site, entry))

    def _entry(
        self,
        event: FollowedEvent,
        subject: _Subject,
        reason: Reason,
        note: str,
        expires_ms: int = 0,
    ) -> NewEntry:
        return NewEntry(
            event.account, subject.address, reason, reason.scope, "relevo", note,
            event.message, event.delivery, expires_ms,
        )  # fmt: skip

    def _put(self, outcome: _Outcome, digest: int, entry: NewEntry) -> None:
        place = (entry.account, digest, entry.reason)
        outcome.deleted.discard(place)
        outcome.put[place] = entry

    # -- full mailboxes --------------------------------------------------------------------------

    async def _count_full(
        self, event: FollowedEvent, subject: _Subject, digest: int, outcome: _Outcome
    ) -> None:
        """Suppress for a month what was full three times in two weeks or more, with no mail taken."""
        place = (event.account, digest)
        counted = outcome.full.get(place)
        if counted is None:
            pairs = orjson.dumps([place]).decode()
            rows = await self._store.read("suppression_full_of", pairs=pairs)
            counted = rows[0][2:] if rows else (0, event.at_ms, event.at_ms)
            if event.at_ms - counted[2] > FULL_FORGOTTEN_MS or await self._has_taken(
                event.account, subject.address, counted[1]
            ):
                counted = (0, event.at_ms, event.at_ms)
        times, first_ms, _ = counted
        if times + 1 >= FULL_TIMES and event.at_ms - first_ms >= FULL_FOR_MS:
            note = f"full {times + 1} times in {(event.at_ms - first_ms) // DAY_MS} days"
            expires_ms = event.at_ms + FULL_PAUSE_MS
            entry = self._entry(event, subject, Reason.MAILBOX_FULL, note, expires_ms)
            self._put(outcome, digest, entry)
            outcome.full.pop(place, None)
            outcome.full_over.add(place)
        else:
            outcome.full_over.discard(place)
            outcome.full[place] = (times + 1, first_ms, event.at_ms)

    async def _has_taken(self, account: int, address: str, since_ms: int) -> bool:
        ((taken,),) = await self._store.read(
            "suppressing_taken", account=account, address=address, since_ms=since_ms
        )
        return bool(taken)

    # -- storms ----------------------------------------------------------------------------------

    def _is_storm(self, site: int, event: FollowedEvent, outcome: _Outcome) -> bool:
        if not self._storms.is_storm(site):
            self._stormy.discard(site)
            return False
        if site not in self._stormy:
            self._stormy.add(site)
            self._begin(site, event, outcome)
        return True

    def _begin(self, site: int, event: FollowedEvent, outcome: _Outcome) -> None:
        """What was believed in the last minutes is held as well."""
        taken_back = 0
        newest = [r for r in self._recent if r.site == site][-MAX_TAKEN_BACK:]
        for recent in newest:
            if recent.at_ms < event.at_ms - RECENT_MS:
                continue
            entry = recent.entry
            digest = self._lists.digest.of(entry.address)
            place = (entry.account, digest, entry.reason)
            outcome.put.pop(place, None)
            outcome.deleted.add(place)
            outcome.held[place[:2]] = _held(entry, digest, site, entry.note, recent.at_ms)
            taken_back += 1
        data = {"site": site, "reason": "unknown-mailboxes", "taken_back": taken_back}
        row = event_row(0, EventType.SUPPRESSION_HELD, self._clock.now_ms(), 0, 0, 0, 0, data)
        outcome.events.append(row[1:])
        self._log.warning(
            "a site refuses so many recipients that it is not believed; see `relevo suppression held`",
            site=site, taken_back=taken_back,
        )  # fmt: skip

    def _hold(
        self, event: FollowedEvent, subject: _Subject, digest: int, reply: str, outcome: _Outcome
    ) -> None:
        entry = self._entry(event, subject, Reason.HARD_BOUNCE, reply)
        outcome.held[event.account, digest] = _held(entry, digest, subject.site, reply, event.at_ms)

    # -- rows ------------------------------------------------------------------------------------

    def _rows(self, outcome: _Outcome) -> list[Rows]:
        work = []
        if outcome.put:
            work.append(put(self._lists.digest, outcome.put.values(), self._clock.now_ms()))
        if outcome.deleted:
            work.append(delete(list(outcome.deleted)))
        if outcome.full:
            rows = [(*place, *counted) for place, counted in outcome.full.items()]
            work.append(Rows("suppression_full_put", rows))
        if outcome.full_over:
            work.append(Rows("suppression_full_delete", list(outcome.full_over)))
        if outcome.held:
            work.append(Rows("suppression_held_put", list(outcome.held.values())))
        if outcome.events:
            work.append(Rows("event_insert", outcome.events))
        return work


def _held(entry: NewEntry, digest: int, site: int, reply: str, at_ms: int) -> tuple[Scalar, ...]:
    return (
        entry.account, digest, entry.address, site, entry.message, entry.delivery, reply[:500], at_ms
    )  # fmt: skip


def _is_hard(bounce_class: object) -> bool:
    try:
        return BounceClass(str(bounce_class)).is_hard
    except ValueError:  # of a later or earlier release
        return False
