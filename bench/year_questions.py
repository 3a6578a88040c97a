"""What is asked of the simulated year: the figures of periods, and those of the pages that show them."""

from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from zoneinfo import ZoneInfo

from bench.year_plan import MAIN, SUBS, Year
from console.accounts.arguments import OPERATOR
from console.accounts.usage.service import Group, UsageQuery
from console.app.services import Services
from console.reports.people import Choice, Who
from console.reports.period import PeriodQuery
from console.tracking.reader import EngagementReader

Question = Callable[[], Awaitable[object]]
METHODS = (
    "overview",
    "totals",
    "campaigns",
    "others",
    "providers",
    "accounts",
    "days",
    "hours",
    "links",
)


async def questions(services: Services, year: Year) -> Iterator[tuple[str, Question]]:
    """By what they are called."""
    accounts = {one.name: one.id for one in await services.accounts.list(OPERATOR)}
    found = [*_periods(services, year, accounts), *_campaign(services, year)]
    return iter([*found, *_account(services, year, accounts)])


def _periods(
    services: Services, year: Year, accounts: dict[str, int]
) -> Iterator[tuple[str, Question]]:
    main, two_months = accounts[MAIN], year.last - timedelta(days=60)
    for name, query in (
        ("year", PeriodQuery(main, year.first, year.last)),
        ("year with automatic", PeriodQuery(main, year.first, year.last, automatic=True)),
        ("two months", PeriodQuery(main, two_months, year.last)),
        ("two months of a sub-account", PeriodQuery(accounts[SUBS[0]], two_months, year.last)),
    ):
        for method in METHODS:
            yield f"{name}: {method}", _asking(services, method, query)


def _asking(services: Services, method: str, query: PeriodQuery) -> Question:
    ask = getattr(services.areas.reports.period, method)
    return lambda: ask(OPERATOR, query)


def _campaign(services: Services, year: Year) -> Iterator[tuple[str, Question]]:
    """The report of the largest one, and the lists behind its numbers."""
    largest = max(year.mailings, key=lambda one: one.size)
    flow, message = largest.flow, largest.flow + 1
    reports, zone = services.areas.reports, ZoneInfo("America/Lima")
    figures, engagement = reports.figures, EngagementReader(services.foundation.store)
    yield "campaign: outcomes", lambda: figures.of_flow(OPERATOR, flow)
    yield "campaign: engagement", lambda: engagement.of_flow(flow)
    yield "campaign: hours", lambda: engagement.hours(flow, zone)
    yield "campaign: links", lambda: engagement.links(message)
    yield "campaign: replies", lambda: reports.causes.top(OPERATOR, flow)
    end = message + largest.size - 200  # the last page of the longest list
    for who in (Who.ALL, Who.DELIVERED, Who.BOUNCED, Who.OPENED, Who.NOT_OPENED, Who.CLICKED):
        yield f"campaign: who, {who}", _listing(services, Choice(flow, (message,), who), end)
    followed = Choice(flow, (message,), Who.CLICKED, link=0)
    yield "campaign: who followed a link", _listing(services, followed, end)


def _listing(services: Services, choice: Choice, after: int) -> Question:
    page = services.areas.reports.recipients.page

    async def both() -> None:
        await page(OPERATOR, choice)
        await page(OPERATOR, choice, after=after)

    return both


def _account(
    services: Services, year: Year, accounts: dict[str, int]
) -> Iterator[tuple[str, Question]]:
    """Other pages of reports."""
    figures, everybody = services.areas.reports.figures, list(accounts.values())
    first, main = year.last - timedelta(days=89), accounts[MAIN]
    yield "90 days: outcomes", lambda: figures.of_account(OPERATOR, everybody, first, year.last)
    yield "90 days: days", lambda: figures.days(OPERATOR, everybody, first, year.last)
    month = year.last - timedelta(days=29)
    yield "home: 30 days", lambda: figures.days(OPERATOR, [main], month, year.last)
    groups = frozenset({Group.DAY, Group.CREDENTIAL, Group.DOOR})
    use = UsageQuery(year.first + timedelta(days=1), year.last, groups, main)
    yield "use of the doors: year", lambda: services.usage_reports.report(OPERATOR, use)
    yield "deliverability: lanes", lambda: services.lanes.of_account(OPERATOR, main)
    yield "compliance: evidence", lambda: services.compliance.gather(OPERATOR, main)
    yield "ledger: last page", lambda: services.quota.ledger.page(OPERATOR, main)
