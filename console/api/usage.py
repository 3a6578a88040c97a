"""`/api/v1/usage`: what keys did at the doors, day by day."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, Field

from console.accounts.actors import Actors
from console.accounts.usage.counters import BUCKETS
from console.accounts.usage.operations import groups_of, report_value
from console.accounts.usage.service import BadUsageQuery, UsageQuery, UsageService
from console.accounts.values import Scope
from console.api.moment import Day
from console.api.pagination import Query
from console.api.refusals import Violation, invalid
from console.api.routes import Answer, Call, Route

_PATH = "/api/v1/usage"


class UsageFilter(Query):
    """Which days, and what rows are told apart by."""

    first: Day | None = Field(
        default=None, alias="from", description="The first day; left out: 30 days."
    )
    last: Day | None = Field(default=None, alias="to", description="The last; left out: today.")
    group: Annotated[
        str,
        Field(
            max_length=100,
            description="Some of `day`, `month`, `account`, `credential`, `door`, with commas.",
            examples=["day,credential"],
        ),
    ] = "day,door"


class Latency(BaseModel):
    """In how many milliseconds that share of requests was answered at most: powers of two."""

    p50: int | None
    p95: int | None
    p99: int | None


class Usage(BaseModel):
    """Sums of one group; what it is not told apart by is null."""

    day: str | None = Field(description="Or month.", examples=["2026-11-22"])
    account: str | None
    account_name: str | None
    credential: str | None
    credential_name: str | None
    door: str | None = Field(description="`smtp`, `api`, or the dialect of the API.")
    requests: int = Field(
        description="Calls; over SMTP messages, and senders or recipients refused."
    )
    accepted: int
    rejected: int = Field(description="By the caller's fault or a rule.")
    errors: int = Field(description="By ours.")
    recipients: int
    recipients_refused: int
    latency_ms: Latency
    histogram: list[int] = Field(
        description="Requests answered in under 1, 2, 4 … 16,384 ms, and slower ones.",
        min_length=BUCKETS,
        max_length=BUCKETS,
    )


class UsagePage(BaseModel):
    """The days it is about, in the account's time zone, and the rows by rising day."""

    first: str = Field(alias="from")
    last: str = Field(alias="to")
    items: list[Usage]


class UsageEndpoints:
    """One report."""

    def __init__(self, service: UsageService, actors: Actors) -> None:
        self._service = service
        self._actors = actors

    def routes(self) -> Sequence[Route]:
        """The table."""
        return (
            Route(
                "GET", _PATH, "getUsage", "Use of the doors", self.get,
                (Scope.REPORT_VIEW, Scope.SEND), UsagePage, filters=UsageFilter, tag="usage",
                description="Requests, accepted, rejected and errors by day, credential and door. "
                "A key without `report.view` sees its own. Counted within seconds.",
            ),
        )  # fmt: skip

    async def get(self, call: Call) -> Answer:
        """`GET /usage`."""
        wanted = call.filters(UsageFilter)
        actor = self._actors.of_identity(call.identity, address=call.origin.peer)
        try:
            query = UsageQuery(wanted.first, wanted.last, groups_of(wanted.group))
            return Answer(report_value(await self._service.report(actor, query)))
        except BadUsageQuery as error:
            raise invalid(Violation("query", "invalid_value", {"detail": str(error)})) from None
