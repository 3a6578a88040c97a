"""Who is being warmed up: egress addresses and sending domains, each with its progress by provider.

Kept in memory as numbers, a dozen for each address or domain; written once a minute where something
changed, when a day was judged, and at the stop. Where nothing is warmed up, all of this is an empty
dictionary. Lanes hold the object of their source, queues of sites the dictionary of their provider.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

import orjson
import structlog

from mta.model.clock import Clock
from mta.model.errors import PermanentError
from mta.model.traffic import EventType
from mta.shaping.rules import Shaping
from mta.shaping.warm_up import Progress, WarmUp, WarmUpPlan, days_needed
from mta.spool.jobs import JobBuilder
from mta.store.base import Store
from mta.store.work import Rows

EVERYWHERE = ""  # the "provider" of the row that says who began it and when
MAX_SUBJECTS = 1_000


class Kind(StrEnum):
    """What can be warmed up; stored."""

    SOURCE = "source"  # an egress address; "default" where the system chooses it
    DOMAIN = "domain"  # of senders (MAIL FROM as the application gave it)


@dataclass(slots=True)
class Subject:
    """One address or domain."""

    kind: Kind
    name: str
    started_ms: int
    started_by: str
    by_provider: dict[str, WarmUp] = field(default_factory=dict)

    @property
    def is_warm(self) -> bool:
        """Whether no provider limits it any more."""
        return bool(self.by_provider) and all(one.is_warm for one in self.by_provider.values())


class WarmUps:
    """All of them; used from the event loop only."""

    def __init__(self, store: Store, clock: Clock) -> None:
        """`changed` is set by the dispatcher: lanes look for their objects anew."""
        self._store = store
        self._clock = clock
        self._plan = WarmUpPlan()
        self._providers: tuple[str, ...] = ()
        self._subjects: dict[tuple[Kind, str], Subject] = {}
        self._domains: dict[str, dict[str, WarmUp]] = {}
        self._saved: dict[tuple[Kind, str, str], str] = {}
        self.sources: tuple[str, ...] = ()  # all egress addresses, warm or not
        self.begins_new_domains = False
        self.is_loaded = False
        self.changed: Callable[[], None] = lambda: None
        self._log = structlog.get_logger("mta.delivery")

    async def load(self, shaping: Shaping) -> None:
        """Read everything, at start."""
        for kind, name, provider, value in await self._store.read("warm_ups", deadline_s=60.0):
            saved: dict[str, Any] = orjson.loads(value)
            subject = self._subjects.setdefault(
                (Kind(kind), name), Subject(Kind(kind), name, 0, "")
            )
            self._saved[Kind(kind), name, provider] = value
            if provider == EVERYWHERE:
                subject.started_ms, subject.started_by = saved["started_ms"], saved["started_by"]
            else:
                subject.by_provider[provider] = WarmUp(
                    self._plan, Progress(**saved), self._clock.now_ms()
                )
        self.is_loaded = True
        self.follow(shaping)

    def follow(self, shaping: Shaping) -> None:
        """The plan and the providers are those of these rules from now on."""
        self._plan, self._providers = shaping.warm_up.plan, shaping.warm_up_groups
        self.begins_new_domains = shaping.warm_up.new_domains
        now_ms = self._clock.now_ms()
        for subject in self._subjects.values():
            for warm_up in subject.by_provider.values():
                warm_up.change(self._plan, now_ms)
            self._complete(subject)
        self._rearrange()

    # -- what delivery asks --------------------------------------------------------------------

    def of_source(self, name: str, provider: str) -> WarmUp | None:
        """What holds the source at that provider; None: nothing does."""
        subject = self._subjects.get((Kind.SOURCE, name))
        found = subject.by_provider.get(provider) if subject is not None else None
        return None if found is None or found.is_warm else found

    def of_senders(self, provider: str) -> dict[str, WarmUp]:
        """Domains that are being warmed up at that provider; the same object for ever."""
        return self._domains.setdefault(provider, {}) if provider else {}

    def days_for(self, provider: str, domain: str, messages: int) -> float:
        """Days until so many messages of a domain's senders have gone; 0: nothing is held.

        If every day goes well and nobody else sends.
        """
        sender = self._domains.get(provider, {}).get(domain)
        cold = [self.of_source(name, provider) for name in self.sources]
        days = 0.0 if sender is None else days_needed(self._plan, sender.progress, messages)
        held = [one for one in cold if one is not None]
        if held and len(held) == len(cold):
            share = -(-messages // len(held))
            slowest = max(days_needed(self._plan, one.progress, share) for one in held)
            days = max(days, slowest)
        return days

    def heard(self, provider: str, source: str, domain: str, *, is_complaint: bool) -> None:
        """A mail that the provider had taken came back, or was called spam."""
        both = (
            self.of_source(source, provider),
            self._domains.get(provider, {}).get(domain),
        )
        for one in both:
            if one is not None and is_complaint:
                one.complained()
            elif one is not None:
                one.bounced_late()

    @property
    def numbers(self) -> Sequence[tuple[str, str, int, int, int]]:
        """For monitoring: name, provider, row (from 1), messages of the day, of them sent."""
        return [
            (subject.name, provider, one.progress.step + 1, one.cap, one.progress.sent)
            for subject in self._subjects.values()
            for provider, one in subject.by_provider.items()
            if not one.is_warm
        ]

    def __iter__(self) -> Iterator[Subject]:
        return iter(sorted(self._subjects.values(), key=lambda s: (s.kind, s.name)))

    def get(self, kind: Kind, name: str) -> Subject | None:
        """The subject, if it is or was warmed up."""
        return self._subjects.get((kind, name))

    # -- what operators do ---------------------------------------------------------------------

    async def start(self, kind: Kind, name: str, by: str) -> Subject:
        """Begin at the first row of the plan, everywhere. Raises `PermanentError`, `StoreError`."""
        if (kind, name) in self._subjects:
            raise PermanentError(f"{name} is being warmed up already")
        if len(self._subjects) >= MAX_SUBJECTS:
            raise PermanentError(f"more than {MAX_SUBJECTS:,} warm-ups: stop some of them first")
        now_ms = self._clock.now_ms()
        subject = Subject(kind, name, now_ms, by)
        value = orjson.dumps({"started_ms": now_ms, "started_by": by}).decode()
        await self._store.submit(
            [Rows("warm_up_put", [(kind.value, name, EVERYWHERE, value, now_ms)])]
        )
        self._saved[kind, name, EVERYWHERE] = value
        self._subjects[kind, name] = subject
        self._complete(subject)
        self._rearrange()
        return subject

    async def stop(self, kind: Kind, name: str) -> Subject:
        """Hold it to nothing any more. Raises `PermanentError`, `StoreError`."""
        subject = self._required(kind, name)
        rows = [key for key in self._saved if key[:2] == (kind, name)]
        await self._store.submit([Rows("warm_up_delete", [(k.value, n, p) for k, n, p in rows])])
        for key in rows:
            self._saved.pop(key, None)
        self._subjects.pop((kind, name), None)
        self._rearrange()
        return subject

    async def step(self, kind: Kind, name: str, step: int, provider: str = "") -> Subject:
        """Go on at a row (the first is 0) at a provider, or everywhere.

        Raises `PermanentError`, `StoreError`.
        """
        subject = self._required(kind, name)
        chosen = [provider] if provider else list(subject.by_provider)
        for one in chosen:
            if one not in subject.by_provider:
                known = ", ".join(subject.by_provider)
                raise PermanentError(f"no provider {one!r}: expected one of {known}")
            subject.by_provider[one].go_to(step)
        await self.save()
        self._rearrange()
        return subject

    # -- time ----------------------------------------------------------------------------------

    async def tick(self) -> None:
        """Judge the days that are over and tell of it; cheap, called every few seconds."""
        now_ms = self._clock.now_ms()
        job = JobBuilder()
        ended = False
        for subject in self._subjects.values():
            for provider, warm_up in subject.by_provider.items():
                warm_up.look(now_ms)
                if warm_up.verdict:
                    data = _told(subject, provider, warm_up)
                    warm_up.verdict = ""
                    job.event(EventType.SHAPING_CHANGED, now_ms, data=data)
                    self._log.info("a day of a warm-up ended", **data)
                    ended = True
        if ended:
            self._rearrange()
            await self._store.submit(job.work(now_ms))
            await self.save()

    async def save(self) -> None:
        """Write what changed since the last time. Raises `StoreError`."""
        now_ms = self._clock.now_ms()
        rows: list[tuple[str | int, ...]] = []
        for subject in self._subjects.values():
            for provider, warm_up in subject.by_provider.items():
                key = (subject.kind, subject.name, provider)
                value = orjson.dumps(asdict(warm_up.stored(now_ms))).decode()
                if self._saved.get(key) != value:
                    self._saved[key] = value
                    rows.append((subject.kind.value, subject.name, provider, value, now_ms))
        if rows:
            await self._store.submit([Rows("warm_up_put", rows)], bulk=True)

    # -- the inside ----------------------------------------------------------------------------

    def _required(self, kind: Kind, name: str) -> Subject:
        subject = self._subjects.get((kind, name))
        if subject is None:
            raise PermanentError(f"{name} is not being warmed up: see `relevo warmup list`")
        return subject

    def _complete(self, subject: Subject) -> None:
        """A provider that was not there before begins at the first row."""
        for provider in self._providers:
            subject.by_provider.setdefault(provider, WarmUp(self._plan, Progress()))

    def _rearrange(self) -> None:
        for domains in self._domains.values():
            domains.clear()
        for (kind, name), subject in self._subjects.items():
            if kind is Kind.DOMAIN:
                for provider, warm_up in subject.by_provider.items():
                    if not warm_up.is_warm:
                        self._domains.setdefault(provider, {})[name] = warm_up
        self.changed()


def _told(subject: Subject, provider: str, warm_up: WarmUp) -> Mapping[str, str | int]:
    return {
        "site": provider,
        "source": subject.name,
        "stage": "warm" if warm_up.is_warm else "warm-up",
        "reason": warm_up.verdict,
        "cause": warm_up.refusal,
        "step": warm_up.progress.step + 1,
        "messages_per_day": warm_up.cap,
        "until_ms": warm_up.progress.hold_until_ms,
    }
