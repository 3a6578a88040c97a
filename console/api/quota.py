"""The endpoints about the bag: shares, moving, the ledger."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, Field

from console.accounts.quota.operations import entry_shown, share_shown
from console.accounts.quota.service import QuotaService
from console.accounts.quota.values import EntryKind, ShareKind
from console.accounts.values import Scope
from console.api.acting import ActorOf, carried_out
from console.api.messages.request import Schema
from console.api.messages.schemas import Id, Time
from console.api.pagination import Paged, page, place_of
from console.api.routes import Answer, Call, Route

_PATH = "/api/v1/quota"
MAX_AMOUNT = 10**12
ALWAYS = (1 << 63) - 1
Account = Annotated[str, Field(pattern=r"^[0-9]{1,19}$", description="The sub-account.")]
Amount = Annotated[int, Field(ge=1, le=MAX_AMOUNT, strict=True)]
Reason = Annotated[str, Field(max_length=500)]


class Allocation(Schema):
    """Mails to be moved into a sub-account's own share."""

    account: Account
    amount: Amount
    reason: Reason = ""


class GivingBack(Schema):
    """Mails to be moved back; without an amount, all that are left."""

    account: Account
    amount: Amount | None = None
    reason: Reason = ""


class CapRequest(Schema):
    """How much a sub-account may take of the common bag; null: without limit."""

    account: Account
    amount: Annotated[int, Field(ge=0, le=MAX_AMOUNT, strict=True)] | None
    reason: Reason = ""


class ShareAnswer(BaseModel):
    """What an account was given and has taken."""

    account: Id
    name: str
    parent: Id | None
    share: ShareKind
    granted: int | None
    available: int | None
    reserved: int
    consumed: int
    refunded: int


class ShareList(BaseModel):
    """The key's account and all below it."""

    items: list[ShareAnswer]
    next: None


class LedgerFilter(Paged):
    """What the ledger is narrowed by."""

    kind: EntryKind | None = None


class EntryAnswer(BaseModel):
    """An entry; the numbers are what it added to those of its balance."""

    id: Id
    at: Time
    account: Id
    account_name: str
    kind: EntryKind
    available: int
    reserved: int
    consumed: int
    flow: Id | None
    reference: str
    reason: str
    actor: str
    actor_kind: str
    hash: str | None = Field(description="null until it was sealed, about a second later.")


class EntryPage(BaseModel):
    """Some entries, the newest first."""

    items: list[EntryAnswer]
    next: str | None


class QuotaEndpoints:
    """Handlers; `routes` declares them."""

    def __init__(self, service: QuotaService, actor_of: ActorOf) -> None:
        self._service = service
        self._actor_of = actor_of

    def routes(self) -> Sequence[Route]:
        """The table."""
        see = (Scope.QUOTA_VIEW, Scope.QUOTA_MOVE)
        move = (Scope.QUOTA_MOVE,)
        common: dict[str, Any] = {"tag": "quota", "errors": ("not_found",)}
        return (
            Route(
                "GET", _PATH, "getQuota", "Granted, allocated and consumed, by whom", self.show,
                see, ShareList, tag="quota",
            ),
            Route(
                "GET", f"{_PATH}/ledger", "listLedger", "Read the ledger", self.ledger, see,
                EntryPage, filters=LedgerFilter, tag="quota",
            ),
            Route(
                "POST", f"{_PATH}/allocate", "allocateQuota", "Move mails to a sub-account",
                self.allocate, move, ShareAnswer, Allocation, **common,
            ),
            Route(
                "POST", f"{_PATH}/return", "returnQuota", "Move mails back", self.give_back, move,
                ShareAnswer, GivingBack, **common,
            ),
            Route(
                "POST", f"{_PATH}/cap", "capQuota", "Limit what a sub-account takes", self.cap,
                move, ShareAnswer, CapRequest, **common,
            ),
        )  # fmt: skip

    async def show(self, call: Call) -> Answer:
        """`GET /quota`."""
        found = await self._service.shares.list(self._actor_of(call), call.identity.account_id)
        return Answer(page([share_shown(one) for one in found], None))

    async def ledger(self, call: Call) -> Answer:
        """`GET /quota/ledger`."""
        wanted = call.filters(LedgerFilter)
        place = place_of(wanted.cursor, (int,))
        found = await self._service.ledger.page(
            self._actor_of(call),
            call.identity.account_id,
            before=int(place[0]) if place else ALWAYS,
            count=wanted.limit + 1,
            kind=wanted.kind,
        )
        names = {one.id: one.name for one in self._service.meter.accounts.values()}
        shown = found[: wanted.limit]
        following = (shown[-1].id,) if len(found) > wanted.limit else None
        return Answer(page([entry_shown(one, names) for one in shown], following))

    async def allocate(self, call: Call) -> Answer:
        """`POST /quota/allocate`."""
        asked = call.content(Allocation)
        account = int(asked.account)
        await carried_out(
            self._service.shares.allocate(
                self._actor_of(call), account, asked.amount, asked.reason
            ),
            "amount",
        )
        return self._shown(account)

    async def give_back(self, call: Call) -> Answer:
        """`POST /quota/return`."""
        asked = call.content(GivingBack)
        account = int(asked.account)
        await carried_out(
            self._service.shares.give_back(
                self._actor_of(call), account, asked.amount, asked.reason
            ),
            "amount",
        )
        return self._shown(account)

    async def cap(self, call: Call) -> Answer:
        """`POST /quota/cap`."""
        asked = call.content(CapRequest)
        account = int(asked.account)
        await carried_out(
            self._service.shares.cap(self._actor_of(call), account, asked.amount, asked.reason),
            "amount",
        )
        return self._shown(account)

    def _shown(self, account: int) -> Answer:
        return Answer(share_shown(self._service.shares.share(account)))
