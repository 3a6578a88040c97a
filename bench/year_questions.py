"""What is asked of the simulated year: the figures of periods, and those of the pages that show them."""

from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from zoneinfo import ZoneInfo

from bench.year_plan import MAIN, SUBS, Year
from console.accounts.arguments import OPERATOR
from console.app.services import Services
from console.reports.period import PeriodQuery
from console.tracking.reader import EngagementReader

Question = Callable[[], Awaitable[object]]
METHODS = ("totals", "campaigns", "others", "providers", "accounts", "days", "hours", "links")


async def questions(services: Services, year: Year) -> Iterator[tuple[str, Question]]:
    """By what they are called."""
    accounts = {one.name: one.id for one in await services.accounts.list(OPERATOR)}
    found = [*_periods(services, year, accounts), *_campaign(services, year)]
    return iter([*found, *_account(services, year, list(accounts.values()))])


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
    """Of the largest one."""
    largest = max(year.mailings, key=lambda one: one.size)
    flow = largest.flow
    figures = services.areas.reports.figures
    engagement, zone = EngagementReader(services.foundation.store), ZoneInfo("America/Lima")
    yield "campaign: outcomes", lambda: figures.of_flow(OPERATOR, flow)
    yield "campaign: engagement", lambda: engagement.of_flow(flow)
    yield "campaign: hours", lambda: engagement.hours(flow, zone)
    yield "campaign: links", lambda: engagement.links(flow + 1)


def _account(services: Services, year: Year, accounts: list[int]) -> Iterator[tuple[str, Question]]:
    figures, first = services.areas.reports.figures, year.last - timedelta(days=89)
    yield "90 days: outcomes", lambda: figures.of_account(OPERATOR, accounts, first, year.last)
    yield "90 days: days", lambda: figures.days(OPERATOR, accounts, first, year.last)
