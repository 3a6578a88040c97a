"""A console with refunds and approvals, a bag, mail that was sent out of it, and two persons."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from console.accounts.approvals.service import ApprovalService
from console.accounts.incidents.register import IncidentRegister
from console.accounts.values import Role
from console.app.quota import connect_refunds
from console.pages.approvals import ApprovalPages
from console.pages.refunds import RefundPages
from console.web.application import Area
from mta.model.ids import IdGenerator
from mta.model.traffic import DeliveryState
from mta.settings.schema import Settings
from mta.store.work import Rows
from tests.accounts_world import OPERATOR, World
from tests.intake_stand import CONTENT, Stand, submission
from tests.quota_world import identity_of
from tests.web_world import PASSWORD, WebWorld, open_web

SECOND = "luis@example.org"
VIEWER = "eva@example.org"


@dataclass
class RefundWorld:
    """The console, and what hands in mail."""

    web: WebWorld
    approvals: ApprovalService
    stand: Stand
    account: int

    async def sent(self, *states: DeliveryState) -> tuple[int, int]:
        """A message with a recipient in each of these states; its flow and its id."""
        to = [f"u{n}@example.net" for n in range(len(states))]
        identity = identity_of(self.account)
        receipt = await self.stand.intake.submit(submission(CONTENT, *to, identity=identity))
        store, message = self.web.accounts.store, receipt.message_id
        found = await store.read(
            "quota_refundable", accounts=f"[{self.account}]", from_id=0, until_id=2**63 - 1,
            flow=0, message=message, failed=0, after=0, after_message=0, count=1_000,
        )  # fmt: skip
        rows = [
            (row[0], 1, int(state), 0, 1, 5, 0, 9, 0, "", "250 ok", "")
            for row, state in zip(found, states, strict=True)
        ]
        await store.submit([Rows("delivery_settle", rows)])
        return found[0][2], message

    async def left(self) -> int:
        """What the bag holds."""
        bag = self.web.accounts.bag
        await bag.refresh()
        return sum(b.available for b in bag.meter.balances_of(list(bag.meter.contracts)).values())


class _Areas:
    """The pages, over an approval service of their own."""

    approvals: ApprovalService
    register: IncidentRegister

    def __call__(self, world: World, _: Settings) -> Sequence[Area]:
        ids = IdGenerator(clock_ns=lambda: world.clock.now_ms() * 1_000_000)
        self.approvals = ApprovalService(world.store, ids, world.clock, world.trail)
        connect_refunds(world.bag, self.approvals)
        self.register = IncidentRegister(
            world.store, ids, world.clock, world.trail, notice_s=48 * 3600.0
        )
        return (
            lambda app, renderer: RefundPages(
                renderer, world.bag, self.approvals, world.trail, self.register
            ).add_routes(app),
            lambda app, renderer: ApprovalPages(renderer, self.approvals).add_routes(app),
        )


@asynccontextmanager
async def open_refunds(folder: Path) -> AsyncIterator[RefundWorld]:
    """A contract of 1,000 mails; beside the administrator a second one and a viewer."""
    areas = _Areas()
    async with open_web(folder, areas=areas) as web:
        account = await web.accounts.accounts.only(OPERATOR)
        bag, users = web.accounts.bag, web.accounts.accounts.users
        await bag.contracts.add(OPERATOR, account.id, "Bolsa", 1_000, starts_on="2027-01-15")
        await users.add(OPERATOR, SECOND, Role.ADMINISTRATOR, account.id, PASSWORD)
        await users.add(OPERATOR, VIEWER, Role.VIEWER, account.id, PASSWORD)
        stand = Stand(web.accounts.store, policy=bag.policy, clock=web.accounts.clock)
        yield RefundWorld(web, areas.approvals, stand, account.id)
