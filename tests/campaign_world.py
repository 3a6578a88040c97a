"""Campaigns in a relay that really sends: the console's services over a running engine."""

import asyncio
import datetime as dt
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self
from zoneinfo import ZoneInfo

from console.accounts.actor import Actor
from console.accounts.values import State
from console.app.quota import make_quota, make_releases
from console.app.services import PACKAGES, Services
from console.campaigns.accepting import ALL
from console.campaigns.audiences import CampaignAudiences
from console.campaigns.ports import Column, FrozenAudience
from console.campaigns.states import CampaignStatus
from console.campaigns.values import AudienceSpec, Campaign, Content, Plan
from console.content.rendering import Renderer
from mta.engine.dispatch_view import DispatchView
from mta.engine.foundation import Foundation
from mta.intake.ports import SubmissionPolicy
from mta.intake.recipients import Page, TemplateRecipient
from mta.model.address import parse_address
from mta.store.work import Rows as Work
from tests.accounts_world import OPERATOR
from tests.integration.relay import DEADLINE_S, Relay
from tests.integration.relay_audit import describe

CONTENT = Content(
    from_address="avisos@sender.test",
    from_name="Entidad",
    subject="Hola {{ nombre }}",
    source="<html><body><p>Estimado {{ nombre }}: aviso.</p></body></html>",
    text="Estimado {{ nombre }}: aviso.",
)
DOMAIN = "one.test"
ANY = (ALL,)  # warnings of the preflight, as a program accepts them


@dataclass
class Rows:
    """The rows of one audience: `u0@DOMAIN`, `u1@DOMAIN`, …"""

    total: int
    domains: tuple[str, ...] = (DOMAIN,)
    served: int = 0

    def recipient(self, n: int) -> TemplateRecipient:
        address = f"u{n}@{self.domains[n % len(self.domains)]}"
        return TemplateRecipient(parse_address(address), json.dumps({"nombre": f"persona {n}"}))

    async def page(self, place: str, count: int) -> Page:
        start = int(place or 0)
        end = min(self.total, start + count)
        self.served += end - start
        rows = [self.recipient(n) for n in range(start, end)]
        return Page(rows, str(end), end == self.total)


@dataclass
class Lists:
    """Audiences by number, made by the test."""

    rows: dict[int, Rows] = field(default_factory=dict)
    frozen: int = 0

    def add(self, total: int, *domains: str) -> AudienceSpec:
        number = len(self.rows) + 1
        self.rows[number] = Rows(total, domains or (DOMAIN,))
        return AudienceSpec(audience=number, count=total)

    async def freeze(self, _actor: Actor, campaign: Campaign) -> FrozenAudience:
        self.frozen += 1
        number = campaign.audience.audience
        return FrozenAudience(number, self.rows[number].total)

    async def counts(self, spec: AudienceSpec, _account: int) -> dict[str, int]:
        return {"accepted": self.rows[spec.audience].total}

    async def columns(self, spec: AudienceSpec, _account: int) -> list[Column]:
        return [Column("nombre", filled=self.rows[spec.audience].total, sample="persona 0")]

    async def row(self, spec: AudienceSpec, _account: int, n: int) -> dict[str, Any]:
        found = self.rows[spec.audience].recipient(n)
        return {"nombre": f"persona {n}", "email": str(found.address)}

    def source(self, audience: int) -> Rows:
        return self.rows[audience]


class CampaignRelay(Relay):
    """A relay with accounts, the bag and campaigns; one account, `sender.test` is its domain."""

    services: Services

    def __init__(self, *arguments: Any, **environ: Any) -> None:
        super().__init__(*arguments, **environ)
        self.packages = PACKAGES
        self.renderer = Renderer()
        self.policy = self._policy
        self.lists = Lists()
        self.account = 0

    def _policy(self, foundation: Foundation) -> SubmissionPolicy:
        self._quota = make_quota(foundation)
        return self._quota.policy

    async def _authenticator(self, foundation: Foundation) -> Any:
        base = await super()._authenticator(foundation)
        view = DispatchView(self.dispatcher, self.clock)
        self.services = Services(foundation, view, self._quota)
        await self.services.load()
        await self._account_made()
        parts = self.services.campaigns
        parts.audiences = CampaignAudiences(parts.book, self.lists)
        return base

    async def _account_made(self) -> None:
        accounts = self.services.accounts
        known = await accounts.list(OPERATOR)
        if known:
            self.account = known[0].id
            return
        self.account = (await accounts.add(OPERATOR, "Entidad")).id
        row = ("sender.test", self.account, 1, State.ACTIVE, self.clock.now_ms())
        await self.store.submit([Work("domain_insert", [row], expect=1)])
        await self.services.authenticator.refresh()
        await self._quota.meter.refresh()

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self._releases = make_releases(self.engine.foundation)
        await self._releases.start()
        await self.services.campaigns.start(self.engine, self.renderer)
        return self

    async def audit(self) -> None:
        """What campaigns made is not counted by the door."""
        (notices,) = self.sql("SELECT count(*) FROM message WHERE flags & 4")[0]
        (self.accepted,) = self.sql("SELECT count(*) FROM delivery")[0]
        self.accepted -= notices
        await super().audit()

    async def stop(self) -> None:
        await self.services.campaigns.close()
        await self._releases.stop()
        await self.services.areas.close()
        self.services.close()
        await super().stop()

    async def kill(self) -> None:
        self.store.is_dead = True
        await self.services.campaigns._tally._task.stop()
        self.services.campaigns._tally = None
        await self.services.campaigns.close()
        await self._releases._task.stop()  # to stop would be to write
        self.services.close()
        await super().kill()

    # -- what tests do -------------------------------------------------------------------------

    @property
    def campaigns(self) -> Any:
        return self.services.campaigns.service

    async def draft(self, total: int = 3, *, content: Content = CONTENT, **plan: Any) -> Campaign:
        return await self.campaigns.create(
            OPERATOR, self.account, "Aviso", content, self.lists.add(total), Plan(**plan)
        )

    async def bag(self, size: int) -> None:
        """A contract that holds now."""
        today = dt.datetime.fromtimestamp(self.clock.now_ms() / 1000, ZoneInfo("America/Lima"))
        await self._quota.contracts.add(
            OPERATOR, self.account, "Bolsa", size, starts_on=f"{today:%Y-%m-%d}"
        )

    async def left(self) -> int:
        """What the account's balance holds."""
        await self._quota.meter.refresh()
        contract = self._quota.meter.contract_of(self.account, self.clock.now_ms())
        assert contract is not None
        found = self._quota.meter.balance(contract.id, self.account)
        assert found is not None
        return found.available

    async def until_left(self, wanted: int) -> None:
        """Wait until the balance holds so much."""
        end_s = asyncio.get_running_loop().time() + DEADLINE_S
        while (left := await self.left()) != wanted:
            assert asyncio.get_running_loop().time() < end_s, f"{left} are left, not {wanted}"
            await self.pulse.next()

    def advance_campaigns(self, seconds: float) -> None:
        """Time passes, and the runner looks."""
        self.clock.advance(seconds)
        self.services.campaigns.runner.wake()

    async def settled(self, campaign: Campaign) -> Campaign:
        """Wait until nothing is left to be done for it."""
        return await self._until(campaign, lambda found: found.is_settled)

    async def until_prepared(self, campaign: Campaign) -> Campaign:
        """Wait until all its deliveries are made, for later; there may be a hundred thousand."""
        await self.until(
            lambda: sum(self.states().values()) == campaign.audience.count,
            "prepared",
            deadline_s=4 * DEADLINE_S,
        )
        return await self._until(campaign, lambda found: found.frozen.is_planned)

    async def until_status(self, campaign: Campaign, status: CampaignStatus) -> Campaign:
        """Wait until the campaign is so; give it."""
        return await self._until(campaign, lambda found: found.status is status)

    async def _until(self, campaign: Campaign, fits: Callable[[Campaign], bool]) -> Campaign:
        end_s = asyncio.get_running_loop().time() + DEADLINE_S
        while True:
            found: Campaign = await self.campaigns.get(OPERATOR, campaign.id)
            if fits(found):
                return found
            assert asyncio.get_running_loop().time() < end_s, f"never: {describe(self)} {found}"
            await self.pulse.next()


__all__ = ["CONTENT", "OPERATOR", "CampaignRelay", "Lists"]
