"""The endpoints about refunds: what failed by a fault of the system is proposed to be put back.

A key proposes and looks on. Whether a refund is right is for a second person to say, in the console
or by a command; a key that asks for it is told so.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, NoReturn

from pydantic import BaseModel, Field

from console.accounts.csv_text import csv_text
from console.accounts.permissions import Permission
from console.accounts.quota.refund_operations import flow_named, item_shown, refund_shown
from console.accounts.quota.refund_values import (
    ALWAYS_MS,
    Refund,
    RefundScope,
    RefundState,
    Subject,
)
from console.accounts.quota.service import QuotaService
from console.accounts.values import Scope
from console.api.acting import ActorOf, carried_out, number_of
from console.api.messages.request import Schema
from console.api.messages.schemas import Id, Time
from console.api.moment import Moment
from console.api.pagination import Paged, cursor_of, page, place_of
from console.api.refusals import ApiRefusal
from console.api.routes import Answer, Call, Route
from console.maillog.search import Standing
from mta.model.errors import PermanentError

_PATH = "/api/v1/quota/refunds"
_LAST = (1 << 63) - 1
CSV = "text/csv"
COLUMNS = ("delivery", "message", "recipient", "state", "account")
Number = Annotated[str, Field(pattern=r"^[0-9]{1,19}$")]


class Remedy(StrEnum):
    """What is done about the sends."""

    CREDIT = "credit"
    RESEND = "resend"


class RefundRequest(Schema):
    """What failed: a flow, a message, a time range until `until`, or what lies in all that are told."""

    account: Annotated[
        Number | None, Field(description="Whose mail, with those below; else the key's.")
    ] = None
    flow: Annotated[
        str, Field(max_length=200, description="A campaign or stream by id or name.")
    ] = ""
    message: Number | None = None
    from_: Annotated[Moment | None, Field(alias="from", description="Accepted from then on.")] = (
        None
    )
    until: Annotated[Moment | None, Field(description="Accepted before then.")] = None
    scope: Annotated[RefundScope, Field(description="`failed`: only what was not delivered.")] = (
        RefundScope.ALL
    )
    remedy: Annotated[Remedy, Field(description="`resend`: also sent again, out of the bag.")] = (
        Remedy.CREDIT
    )
    reason: Annotated[
        str, Field(min_length=1, max_length=500, description="It stands in the ledger.")
    ]
    evidence: Annotated[
        str, Field(max_length=500, description="An incident, a ticket, a link.")
    ] = ""


class RefundAnswer(BaseModel):
    """A refund and how far it came."""

    id: Id
    account: Id
    state: RefundState
    scope: RefundScope
    resend: bool
    deliveries: int = Field(description="On its list.")
    put_back: int = Field(description="Of them, those that had not been before.")
    sent_again: int = Field(description="Messages.")
    flow: Id | None
    message: Id | None
    from_: Time | None = Field(alias="from")
    until: Time | None
    reason: str
    evidence: str | None = Field(description="An incident, a ticket, a link.")
    proposed_by: str
    confirmed_by: str | None
    decided_by: str | None = Field(description="Who confirmed or rejected it.")
    decision: str | None = Field(description="Why, in the words of who decided.")
    created: Time | None
    decided: Time | None
    done: Time | None


class RefundPage(BaseModel):
    """Some refunds, the newest first."""

    items: list[RefundAnswer]
    next: str | None


class ListFormat(StrEnum):
    """How a list comes."""

    JSON = "json"
    CSV = "csv"


class ListFilter(Paged):
    """Which part of a list, and how."""

    format: ListFormat = ListFormat.JSON


class RefundedDelivery(BaseModel):
    """A delivery on the list; `state` is from when the list was made."""

    delivery: Id
    message: Id
    recipient: str
    state: Standing
    account: Id


class RefundedPage(BaseModel):
    """Some deliveries of the list, in the order in which they were accepted."""

    items: list[RefundedDelivery]
    next: str | None


class RefundEndpoints:
    """Handlers; `routes` declares them."""

    def __init__(self, service: QuotaService, actor_of: ActorOf) -> None:
        self._service = service
        self._actor_of = actor_of

    def routes(self) -> Sequence[Route]:
        """The table."""
        see = (Scope.QUOTA_VIEW, Scope.QUOTA_MOVE)
        one, missing = f"{_PATH}/{{id}}", ("not_found",)
        return (
            Route(
                "POST", _PATH, "proposeRefund", "Propose to put failed sends back", self.propose,
                (Scope.REFUND_PROPOSE,), RefundAnswer, RefundRequest, status=201, tag="quota",
                errors=missing, description="The list is made at once; a second person confirms.",
            ),
            Route(
                "GET", _PATH, "listRefunds", "List refunds", self.list, see, RefundPage,
                filters=Paged, tag="quota",
            ),
            Route(
                "GET", one, "getRefund", "Show a refund", self.get, see, RefundAnswer,
                tag="quota", errors=missing,
            ),
            Route(
                "GET", f"{one}/deliveries", "listRefundDeliveries", "What a refund puts back",
                self.deliveries, see, RefundedPage, filters=ListFilter, tag="quota",
                errors=missing, also_gives=(CSV,),
                description="With `format=csv` the next page is in the header field Link.",
            ),
            *(
                Route(
                    "POST", f"{one}/{verb}", f"{verb}Refund", f"{verb.title()}: only persons do",
                    self.decide, (Scope.REFUND_CONFIRM,), tag="quota",
                    errors=("person_required",),
                    description="Always refused: a person decides, in the console or by "
                    f"`relevo quota refund {verb} ID`.",
                )
                for verb in ("confirm", "reject")
            ),
        )  # fmt: skip

    async def propose(self, call: Call) -> Answer:
        """`POST /quota/refunds`."""
        return Answer(refund_shown(await carried_out(self._propose(call), "reason")), 201)

    async def _propose(self, call: Call) -> Refund:
        asked, actor = call.content(RefundRequest), self._actor_of(call)
        account = _bounded(asked.account) if asked.account else call.identity.account_id
        actor.require(Permission.REFUND_PROPOSE, account)
        subject = Subject(
            flow=await flow_named(self._service, account, asked.flow),
            message=_bounded(asked.message or "0"),
            from_ms=_ms(asked.from_, 0),
            until_ms=_ms(asked.until, ALWAYS_MS),
        )
        return await self._service.refunds.propose(
            actor,
            account,
            subject,
            asked.reason,
            scope=asked.scope,
            resend=asked.remedy is Remedy.RESEND,
            evidence=asked.evidence,
        )

    async def list(self, call: Call) -> Answer:
        """`GET /quota/refunds`."""
        wanted = call.filters(Paged)
        place = place_of(wanted.cursor, (int,))
        found = await self._service.refunds.list(
            self._actor_of(call), wanted.limit + 1, before=int(place[0]) if place else _LAST
        )
        shown = found[: wanted.limit]
        following = (shown[-1].id,) if len(found) > wanted.limit else None
        return Answer(page([refund_shown(one) for one in shown], following))

    async def get(self, call: Call) -> Answer:
        """`GET /quota/refunds/{id}`."""
        reading = self._service.refunds.get(self._actor_of(call), number_of(call))
        try:
            return Answer(refund_shown(await reading))
        except PermanentError:  # also one of others: whether there is one is not told
            raise ApiRefusal(404, "not_found") from None

    async def deliveries(self, call: Call) -> Answer:
        """`GET /quota/refunds/{id}/deliveries`."""
        wanted, number = call.filters(ListFilter), number_of(call)
        place = place_of(wanted.cursor, (int,))
        reading = self._service.refunds.items(
            self._actor_of(call), number, int(place[0]) if place else 0, wanted.limit + 1
        )
        try:
            found = await reading
        except PermanentError:
            raise ApiRefusal(404, "not_found") from None
        shown = found[: wanted.limit]
        following = (shown[-1].delivery,) if len(found) > wanted.limit else None
        items = [item_shown(one) for one in shown]
        if wanted.format is ListFormat.JSON:
            return Answer(page(items, following))
        text = csv_text([COLUMNS, *([item[name] for name in COLUMNS] for item in items)])
        headers = {}
        if following is not None:
            rest = f"format=csv&limit={wanted.limit}&cursor={cursor_of(following)}"
            headers["Link"] = f'<{_PATH}/{number}/deliveries?{rest}>; rel="next"'
        return Answer(body=text.encode(), headers=headers, content_type=CSV)

    async def decide(self, _: Call) -> NoReturn:
        """`POST /quota/refunds/{id}/confirm` and `/reject`."""
        raise ApiRefusal(403, "person_required")


def _bounded(text: str) -> int:
    """An id within what the store holds; greater ones name nothing, like the greatest."""
    return min(int(text), _LAST)


def _ms(moment: datetime | None, otherwise: int) -> int:
    return otherwise if moment is None else max(0, round(moment.timestamp() * 1000))
