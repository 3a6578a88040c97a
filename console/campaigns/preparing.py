"""Prepares campaigns: freezes audience and content, reserves the quota, makes the deliveries.

Each step is durable before the next one begins and does nothing when it is done again, so a
process that is killed at any moment goes on where it was, and nobody is lost or written to twice.
"""

from dataclasses import dataclass, replace

import structlog

from console.accounts.actor import Actor
from console.accounts.quota.books import QuotaRefused
from console.campaigns.book import CampaignBook
from console.campaigns.filling import filling_of
from console.campaigns.parts import Part
from console.campaigns.ports import (
    Audiences,
    Compiler,
    Expander,
    Expected,
    IdentityOf,
    PlanFlow,
    Reservations,
)
from console.campaigns.states import CampaignStatus, Reason
from console.campaigns.steering import Steering
from console.campaigns.values import Campaign
from mta.intake.expansion import ExpansionRefused, TemplateSubmission
from mta.intake.recipients import RecipientSource
from mta.model.address import parse_address
from mta.model.errors import PermanentError, TransientError
from mta.model.traffic import Gate

SYSTEM = Actor.system("campaigns")
DAY_MS = 24 * 3_600_000
SLOWEST_PER_HOUR = 20_000  # what a forecast without any knowledge reckons with


class CannotSend(PermanentError):
    """It stops here; `reason` says whether a person can do something about it."""

    def __init__(self, reason: Reason, note: str) -> None:
        super().__init__(note)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Tools:
    """What the runner works with."""

    book: CampaignBook
    steering: Steering
    audiences: Audiences
    compiler: Compiler
    expander: Expander
    reservations: Reservations
    plan_flow: PlanFlow
    identity_of: IdentityOf
    timezone: str  # of the installation
    expected: Expected  # how long a campaign takes


class Preparation:
    """Prepares one campaign after the other; see `CampaignRunner`."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._log = structlog.get_logger("relevo.campaigns")

    async def prepare(self, campaign: Campaign) -> Campaign:
        """Freeze all there is to freeze; its flow is held. Raises `CannotSend`, `TransientError`.

        Stops early, without a word, when the campaign is not being prepared any more.
        """
        for step in (self._flow, self._audience, self._quota, self._messages, self._plan):
            found = await self._tools.book.get(campaign.id)
            if found.status is not CampaignStatus.PREPARING:
                return found
            campaign = await step(found)
        return campaign

    async def expand(self, campaign: Campaign) -> None:
        """Make the deliveries of its messages, from where it was to the end.

        Raises `CannotSend`, `TransientError`.
        """
        frozen = campaign.frozen
        messages = frozen.messages
        if frozen.canary and not campaign.plan.is_canary_passed:
            messages = messages[:1]
        for part, message in enumerate(messages):
            source = self.source(campaign, part)
            try:
                done = await self._tools.expander.expand(message, source)
            except ExpansionRefused as refused:
                raise CannotSend(Reason.QUOTA, str(refused)) from None
            except PermanentError as error:
                raise CannotSend(Reason.ERROR, str(error)) from None
            if not done.is_complete:
                return

    def source(self, campaign: Campaign, part: int) -> RecipientSource:
        """Whom a part of its mail goes to."""
        frozen = campaign.frozen
        source = self._tools.audiences.source(frozen.audience)
        if not frozen.canary:
            return source
        if part == 0:
            return Part(source, 0, frozen.canary)
        return Part(source, frozen.canary)

    # -- steps ---------------------------------------------------------------------------------

    async def _flow(self, campaign: Campaign) -> Campaign:
        """Its flow, closed: nothing goes before everything is ready."""
        steering = self._tools.steering
        flow = await steering.make(campaign)
        if flow.gate == Gate.CANCELLED:
            raise CannotSend(Reason.OPERATOR, "its flow was cancelled in the queue")
        if flow.gate == Gate.OPEN:
            row = steering.gated(flow, Gate.HELD, "campaign preparing")
            await self._tools.book.store.submit([steering.rows(row)])
            steering.committed(flow, row)
        if campaign.frozen.flow == flow.id:
            return campaign
        return await self._tools.book.put_frozen(campaign, replace(campaign.frozen, flow=flow.id))

    async def _audience(self, campaign: Campaign) -> Campaign:
        if campaign.frozen.audience:
            return campaign
        try:
            made = await self._tools.audiences.freeze(SYSTEM, campaign)
        except PermanentError as error:
            raise CannotSend(Reason.ERROR, str(error)) from None
        if not made.total:
            raise CannotSend(Reason.EMPTY, "nobody is left to write to")
        canary = campaign.plan.canary if campaign.plan.canary < made.total else 0
        frozen = replace(campaign.frozen, audience=made.id, total=made.total, canary=canary)
        return await self._tools.book.put_frozen(campaign, frozen)

    async def _quota(self, campaign: Campaign) -> Campaign:
        frozen = campaign.frozen
        try:
            await self._tools.reservations.reserve(
                SYSTEM, campaign.account, frozen.total, campaign.reference, flow=frozen.flow
            )
        except QuotaRefused as refused:
            raise CannotSend(Reason.QUOTA, str(refused)) from None
        return campaign

    async def _messages(self, campaign: Campaign) -> Campaign:
        wanted = 2 if campaign.frozen.canary else 1
        if len(campaign.frozen.messages) == wanted:
            return campaign
        identity = self._tools.identity_of(campaign.account)
        if identity is None:
            raise CannotSend(Reason.ACCOUNT, "the account is disabled")
        content = campaign.content
        try:
            tools, now_ms = self._tools, self._tools.book.clock.now_ms()
            filling = await filling_of(campaign, tools.audiences, now_ms, tools.timezone)
            compiled = await tools.compiler.compile(campaign.account, content, campaign.id, filling)
            sender = parse_address(content.from_address)
        except PermanentError as error:
            raise CannotSend(Reason.ERROR, str(error)) from None
        messages = []
        for part in range(wanted):
            receipt = await self._tools.expander.submit(
                TemplateSubmission(
                    identity, sender, compiled, content.subject, campaign.flow_name,
                    idempotency_key=campaign.key(part),
                )
            )  # fmt: skip
            if not receipt.message_id:
                if receipt.reply.code < 500:
                    raise TransientError(str(receipt.reply))
                raise CannotSend(Reason.ERROR, str(receipt.reply))
            messages.append(receipt.message_id)
        are_known = self._tools.compiler.are_opens_known(campaign.account, content)
        frozen = replace(campaign.frozen, messages=tuple(messages), are_opens_known=are_known)
        return await self._tools.book.put_frozen(campaign, frozen)

    async def _plan(self, campaign: Campaign) -> Campaign:
        """Its rate and its end: when what was never tried is given up."""
        if campaign.frozen.is_planned:
            return campaign
        flow = await self._tools.steering.make(campaign)
        plan, now_ms = campaign.plan, self._tools.book.clock.now_ms()
        start_ms = max(now_ms, plan.send_at_ms)
        end_ms = plan.end_ms or start_ms + DAY_MS + await self._taken_ms(campaign)
        await self._tools.plan_flow(flow, rate_per_hour=plan.rate_per_hour, end_ms=end_ms)
        return await self._tools.book.put_frozen(
            campaign, replace(campaign.frozen, is_planned=True)
        )

    async def _taken_ms(self, campaign: Campaign) -> int:
        """How long it may well take: days, while an address or a domain is being warmed up."""
        expected_s = await self._tools.expected(campaign, campaign.frozen.total)
        return max(round(expected_s * 1000), forecast_ms(campaign))


def forecast_ms(campaign: Campaign) -> int:
    """How long it may well take, without knowing receivers."""
    rate = min(campaign.plan.rate_per_hour or SLOWEST_PER_HOUR, SLOWEST_PER_HOUR)
    return campaign.frozen.total * 3_600_000 // rate
