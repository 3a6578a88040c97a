"""What operators do with warm-ups: the commands behind `relevo warmup`.

With a server running they act on its lanes at once; without one they write rows that the next start
reads.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from ipaddress import ip_address
from typing import Any

import structlog

from mta.delivery.warm_ups import Kind, Subject, WarmUps
from mta.engine.selection import number_of, text_of
from mta.feedback.effects import Subject as Bounced
from mta.model.address import parse_domain
from mta.model.clock import Clock
from mta.model.errors import AddressSyntaxError, PermanentError
from mta.model.traffic import EventType
from mta.settings.loading import Loaded
from mta.shaping.rules import Shaping
from mta.shaping.warm_up import DAY_MS, WarmUp

DEFAULT = "default"  # the source where no [[delivery.sources]] are set
NEW_DOMAIN = "new domain"  # by whom it was begun
Operation = Callable[[Mapping[str, Any]], Awaitable[object]]


def counting(
    warm_ups: WarmUps, shaping: Callable[[], Shaping]
) -> Callable[[Bounced, EventType], None]:
    """What counts late bounces and complaints for the warm-ups of whom they are about."""

    def heard(subject: Bounced, event: EventType) -> None:
        if subject.site and event in (EventType.BOUNCED, EventType.COMPLAINED):
            rules = shaping()
            warm_ups.heard(
                rules.warm_up_group(rules.policy(subject.site)),
                subject.source or DEFAULT,
                subject.sender.rpartition("@")[2],
                is_complaint=event is EventType.COMPLAINED,
            )

    return heard


class WarmUpOperations:
    """Lists, begins, ends and moves warm-ups."""

    def __init__(self, warm_ups: WarmUps, loaded: Loaded, clock: Clock) -> None:
        self._warm_ups = warm_ups
        self._loaded = loaded
        self._clock = clock
        self._log = structlog.get_logger("mta.engine")

    @property
    def operations(self) -> Mapping[str, Operation]:
        """All of them by name, as the control channel calls them."""
        return {
            "warmup.list": self.list,
            "warmup.start": self.start,
            "warmup.stop": self.stop,
            "warmup.step": self.step,
        }

    async def list(self, arguments: Mapping[str, Any]) -> object:
        """One row for each provider of each address and domain; `source`, `domain` choose one."""
        await self._ready()
        if text_of(arguments, "source") or text_of(arguments, "domain"):
            kind, name = self._chosen(arguments)
            subject = self._warm_ups.get(kind, name)
            return [] if subject is None else self.rows_of(subject)
        return [row for subject in self._warm_ups for row in self.rows_of(subject)]

    async def start(self, arguments: Mapping[str, Any]) -> object:
        """Begin a warm-up of `source` or `domain`; its rows. Raises `PermanentError`."""
        await self._ready()
        kind, name = self._chosen(arguments)
        sources = self._sources()
        if kind is Kind.SOURCE and name not in sources:
            raise PermanentError(
                f"no source {name}: expected one of {', '.join(sources)} ([[delivery.sources]])"
            )
        by = text_of(arguments, "by") or "command"
        return self.rows_of(await self._warm_ups.start(kind, name, by))

    async def stop(self, arguments: Mapping[str, Any]) -> object:
        """End it: no plan holds it any more. Raises `PermanentError`."""
        await self._ready()
        kind, name = self._chosen(arguments)
        await self._warm_ups.stop(kind, name)
        return {"kind": kind.value, "subject": name}

    async def step(self, arguments: Mapping[str, Any]) -> object:
        """Go on at row `step` of the plan, from 1 on; `provider`: only there. Its rows."""
        await self._ready()
        kind, name = self._chosen(arguments)
        step = number_of(arguments, "step")
        if not step:
            raise PermanentError("step: expected the number of a row of the plan, from 1 on")
        subject = await self._warm_ups.step(kind, name, step - 1, text_of(arguments, "provider"))
        return self.rows_of(subject)

    async def begin_new_domain(self, domain: str) -> None:
        """Mail may go from the domain now: warm it up, where the rules say so for new ones."""
        await self._ready()
        if not self._warm_ups.begins_new_domains or self._warm_ups.get(Kind.DOMAIN, domain):
            return
        try:
            await self._warm_ups.start(Kind.DOMAIN, domain, NEW_DOMAIN)
        except PermanentError as error:  # there are too many: the domain is not to blame
            self._log.warning("a new domain is not warmed up", domain=domain, error=str(error))

    async def _ready(self) -> None:
        """A command without a server reads them first."""
        if not self._warm_ups.is_loaded:
            folder = self._loaded.path.parent if self._loaded.path else None
            path = folder / "shaping.toml" if folder is not None else None
            await self._warm_ups.load(Shaping.load(path if path and path.exists() else None))

    def _sources(self) -> Sequence[str]:
        unset = {"0.0.0.0", "::"}
        named = [str(s.address) for s in self._loaded.settings.delivery.sources]
        return [DEFAULT if one in unset else one for one in named] or [DEFAULT]

    @staticmethod
    def _chosen(arguments: Mapping[str, Any]) -> tuple[Kind, str]:
        source, domain = text_of(arguments, "source"), text_of(arguments, "domain")
        if bool(source) == bool(domain):
            raise PermanentError("say either source (an egress address) or domain (of senders)")
        if source:
            try:
                name = source if source == DEFAULT else str(ip_address(source))
            except ValueError:
                raise PermanentError(
                    f"source = {source[:60]!r}: expected an IP address or {DEFAULT}"
                ) from None
            return Kind.SOURCE, name
        try:
            return Kind.DOMAIN, parse_domain(domain)
        except AddressSyntaxError as error:
            raise PermanentError(f"domain = {domain[:60]!r}: {error}") from None

    def rows_of(self, subject: Subject) -> Sequence[Mapping[str, Any]]:
        """A subject as rows for people and programs; times are milliseconds since 1970."""
        now_ms = self._clock.now_ms()
        return [
            _row(subject, provider, warm_up, now_ms)
            for provider, warm_up in subject.by_provider.items()
        ]


def _row(subject: Subject, provider: str, warm_up: WarmUp, now_ms: int) -> Mapping[str, Any]:
    warm_up.look(now_ms)
    day = warm_up.progress
    return {
        "kind": subject.kind.value,
        "subject": subject.name,
        "provider": provider,
        "state": state_of(warm_up, now_ms),
        "step": min(day.step + 1, len(warm_up.plan.days)),
        "of": len(warm_up.plan.days),
        "messages_per_day": warm_up.cap,
        "sent": day.sent,
        "bounced": day.bounced,
        "deferred": day.deferred,
        "complained": day.complained,
        "good_days_needed": 0 if warm_up.is_warm else day.needed,
        "day_ends": day.day_start_ms + DAY_MS if day.day_start_ms else 0,
        "held_until": day.hold_until_ms if day.hold_until_ms > now_ms else 0,
        "last_day": day.last_verdict,
        "started": subject.started_ms,
        "started_by": subject.started_by,
    }


def state_of(warm_up: WarmUp, now_ms: int) -> str:
    """`warm`, `held` (a provider refused the rate), `full` (today's mail has gone) or `open`."""
    if warm_up.is_warm:
        return "warm"
    if warm_up.progress.hold_until_ms > now_ms:
        return "held"
    return "full" if warm_up.progress.sent >= warm_up.cap else "open"
