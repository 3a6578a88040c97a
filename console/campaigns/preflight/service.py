"""Looks at a campaign before it is sent; nothing is changed, and it can be asked for at any time."""

import math
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Container, Mapping, Sequence
from dataclasses import dataclass

from console.accounts.actor import Actor
from console.accounts.quota.meter import Meter
from console.accounts.sending.service import SendingDomains
from console.accounts.sending.values import RecordKind, RecordState
from console.campaigns.composing import Filling, texts_of
from console.campaigns.filling import filling_of
from console.campaigns.ports import Audiences, Column, Compiler, IdentityOf
from console.campaigns.preflight.checking import check_content, covered
from console.campaigns.preflight.findings import Finding, Severity
from console.campaigns.preflight.forecast import Forecast
from console.campaigns.preflight.outlook import Outlook
from console.campaigns.values import Campaign
from console.content.preview import Coverage, names_for
from console.content.source import fields_of
from mta.intake.replies import IsForeign, foreign_domain
from mta.model.address import Address, parse_address
from mta.model.clock import Clock
from mta.model.errors import PermanentError

# Gives the findings of a spam filter about a compiled mail with the values of a first recipient.
SpamCheck = Callable[[Campaign, bytes], Awaitable[Sequence[Finding]]]
SAMPLE = 5_000  # rows whose domains stand for all
HEAVY = 512 * 1024  # octets of a mail, from which on it is told
_PAGE = 500
_SYSTEM = Actor.system("preflight")
_ASKED = (RecordKind.DKIM, RecordKind.SPF, RecordKind.DMARC)


@dataclass(frozen=True, slots=True)
class Report:
    """What was found."""

    findings: tuple[Finding, ...]  # the gravest first
    audience: Mapping[str, int]  # rows by what becomes of them
    forecast: Forecast | None
    coverage: tuple[Coverage, ...] = ()  # how far the audience fills each field

    @property
    def errors(self) -> int:
        """Findings that stop it."""
        return sum(one.severity is Severity.ERROR for one in self.findings)

    @property
    def warnings(self) -> int:
        """Findings that ask."""
        return sum(one.severity is Severity.WARNING for one in self.findings)


@dataclass(frozen=True, slots=True)
class PreflightTools:
    """What the preflight asks."""

    audiences: Callable[[], Audiences]
    compiler: Callable[[], Compiler]
    domains: SendingDomains
    identity_of: IdentityOf
    meter: Meter
    clock: Clock
    outlook: Outlook
    has_unsubscribe: Callable[[], bool]
    spam_check: SpamCheck
    is_foreign: IsForeign
    may_reach: Callable[[int], Container[str] | None]  # keys of addresses; None: anybody


class Preflight:
    """All checks."""

    def __init__(self, tools: PreflightTools) -> None:
        self._tools = tools

    async def look(self, campaign: Campaign) -> Report:
        """Everything there is to say."""
        audience, counts, columns = await self._audience(campaign)
        total = counts.get("accepted", campaign.audience.count)
        found = [*audience]
        if not campaign.frozen.audience:  # else its part is kept already, or about to be
            found += self._quota(campaign, total)
        found += await self._sender(campaign)
        found += await self._training(campaign)
        known: list[Coverage] = []
        found += await self._content(campaign, columns, known)
        expected = await self.expected(campaign, total) if counts and total else None
        if expected is not None:
            found += _of_forecast(campaign, expected, self._tools.clock.now_ms())
        order = list(Severity)
        found.sort(key=lambda one: order.index(one.severity))
        return Report(tuple(found), counts, expected, tuple(known))

    async def seen_as(self, campaign: Campaign, row: int) -> Mapping[str, str]:
        """What the fields of the content say to the row, counted from 0; empty: there is none.

        Raises `PermanentError` for a content that cannot be read.
        """
        tools, spec = self._tools, campaign.audience
        if not spec.is_complete:
            return {}
        try:
            values = await tools.audiences().row(spec, campaign.account, row)
            filling = await filling_of(campaign, tools.audiences(), tools.clock.now_ms(), "UTC")
        except PermanentError:  # the audience is gone
            return {}
        if not values:
            return {}
        content = campaign.content
        asked = fields_of(content.subject, content.from_name, *await texts_of(content))
        names = names_for(asked, filling.columns)
        shown = {**filling.constants, **{name: _text(value) for name, value in values.items()}}
        return shown | {name: shown.get(column, "") for name, column in names.items()}

    async def _audience(
        self, campaign: Campaign
    ) -> tuple[list[Finding], Mapping[str, int], Sequence[Column]]:
        spec = campaign.audience
        if not spec.is_complete:
            return [Finding("audience.missing")], {}, ()
        audiences = self._tools.audiences()
        try:
            counts = await audiences.counts(spec, campaign.account)
            columns = await audiences.columns(spec, campaign.account)
        except PermanentError:
            return [Finding("audience.missing")], {}, ()
        accepted = counts.get("accepted", 0)
        if not accepted:
            return [Finding("audience.empty")], counts, columns
        left_out = sum(n for name, n in counts.items() if name not in ("accepted", "total", "rows"))
        told = Finding("audience.counts", {"accepted": accepted, "left_out": left_out})
        return [told], counts, columns

    def _quota(self, campaign: Campaign, needed: int) -> list[Finding]:
        line = self._tools.meter.line(campaign.account, self._tools.clock.now_ms())
        if line.refusal is not None:
            return [Finding("quota.closed", {"problem": line.refusal.text})]
        if not line.bag or not needed:
            return []
        if line.free < needed:
            return [Finding("quota.short", {"needed": needed, "left": max(0, line.free)})]
        return [Finding("quota.enough", {"needed": needed, "left": line.free - needed})]

    async def _sender(self, campaign: Campaign) -> list[Finding]:
        content = campaign.content
        if not content.from_address:
            return []
        address = parse_address(content.from_address)
        identity = self._tools.identity_of(campaign.account)
        if identity is None or not identity.may_send_as(address):
            return [Finding("sender.foreign", {"domain": address.domain})]
        found = []
        foreign = foreign_domain(identity, content.reply_to, self._tools.is_foreign)
        if content.reply_to and foreign:
            found.append(Finding("replies.foreign", {"domain": foreign}))
        try:
            status = await self._tools.domains.get(_SYSTEM, address.domain)
        except PermanentError:
            status = None
        records = () if status is None else status.records
        for kind in _ASKED:
            wanted = [record for record in records if record.kind is kind]
            if wanted and not any(r.state is RecordState.VERIFIED for r in wanted):
                found.append(Finding(f"sender.{kind.value}", {"domain": address.domain}))
        if content.is_commercial and not self._tools.has_unsubscribe():
            found.append(Finding("unsubscribe.missing"))
        return found

    async def _content(
        self, campaign: Campaign, columns: Sequence[Column], known: list[Coverage]
    ) -> list[Finding]:
        """`known` gets the coverage of the fields."""
        content = campaign.content
        if not content.is_complete:
            return [Finding("content.missing")]
        try:
            filling = Filling(tuple(column.name for column in columns))
            compiled = await self._tools.compiler().compile(campaign.account, content, 0, filling)
            html, text = await texts_of(content)
            if campaign.audience.is_complete:
                known += covered((content.subject, content.from_name, html, text), columns)
            heavy = [] if len(compiled) < HEAVY else [Finding("size.heavy", _kib(compiled))]
            filtered = await self._tools.spam_check(campaign, compiled)
            return [*check_content(content, html, text, columns), *heavy, *filtered]
        except PermanentError as error:
            return [Finding("content.broken", {"problem": str(error)[:300]})]

    async def expected(self, campaign: Campaign, total: int) -> Forecast | None:
        """How long it takes, by the domains of the first rows; None: nobody is to get it."""
        domains = await self._domains(campaign)
        if not domains:
            return None
        return await self._tools.outlook.expect(
            domains,
            total,
            sender_domain=campaign.content.from_address.rpartition("@")[2].lower(),
            rate_per_hour=campaign.plan.rate_per_hour,
        )

    async def seconds(self, campaign: Campaign, total: int) -> float:
        """The same in seconds; 0: nobody knows."""
        try:
            found = await self.expected(campaign, total)
        except PermanentError:
            return 0.0
        return 0.0 if found is None else found.seconds

    async def _domains(self, campaign: Campaign) -> Counter[str]:
        return Counter([address.domain async for address in self._sample(campaign)])

    async def _training(self, campaign: Campaign) -> list[Finding]:
        """Recipients of its file whom a training account may not write to, among the first."""
        allowed = self._tools.may_reach(campaign.account)
        if allowed is None:
            return []
        others = sum([address.key not in allowed async for address in self._sample(campaign)])
        return [Finding("audience.training", {"others": others})] if others else []

    async def _sample(self, campaign: Campaign) -> AsyncIterator[Address]:
        """The first `SAMPLE` rows of its file; none for lists."""
        if not campaign.audience.audience:
            return
        source = self._tools.audiences().source(campaign.audience.audience)
        place, is_last, seen = "", False, 0
        while not is_last and seen < SAMPLE:
            page = await source.page(place, _PAGE)
            for recipient in page.recipients:
                yield recipient.address
            seen += len(page.recipients)
            place, is_last = page.place, page.is_last


def _text(value: object) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)


def _kib(compiled: bytes) -> Mapping[str, int]:
    return {"size": len(compiled) // 1024}


def _of_forecast(campaign: Campaign, expected: Forecast, now_ms: int) -> list[Finding]:
    plan = campaign.plan
    minutes = max(1, round(expected.seconds / 60))
    days = max(1, math.ceil(expected.seconds / 86_400))
    found = [
        Finding("forecast.warm_up", {"days": days})
        if expected.is_warm_up
        else Finding("forecast", {"minutes": minutes, "slowest": expected.slowest.title()})
        if expected.is_named
        else Finding("forecast.even", {"minutes": minutes})
    ]
    begin_ms = max(now_ms, plan.send_at_ms)
    if plan.end_ms and begin_ms + expected.seconds * 1000 > plan.end_ms:
        found.append(Finding("plan.late"))
    return found


Look = Callable[[Campaign], Awaitable[Report]]
