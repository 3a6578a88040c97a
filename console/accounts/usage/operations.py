"""What commands can ask of the use of the doors, and how it is told as JSON."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import date
from typing import Any, Protocol

from console.accounts.arguments import OPERATOR, Arguments, HasAccounts, account_filter
from console.accounts.usage.service import (
    BadUsageQuery,
    Group,
    UsageQuery,
    UsageReport,
    UsageRow,
    UsageService,
)


class HasUsage(HasAccounts, Protocol):
    """The part of the composition that these operations use."""

    @property
    def usage_reports(self) -> UsageService:
        """The use of the doors."""
        ...


Operation = Callable[[HasUsage, Arguments], Awaitable[object]]


async def usage_show(services: HasUsage, arguments: Arguments) -> object:
    """`from`, `to`, `group` (names with commas), `account`."""
    query = UsageQuery(
        _day(arguments, "from"),
        _day(arguments, "to"),
        groups_of(str(arguments.get("group") or "day,door")),
        await account_filter(services, arguments),
    )
    return report_value(await services.usage_reports.report(OPERATOR, query))


def usage_operations() -> Mapping[str, Operation]:
    """By name."""
    return {"usage.show": usage_show}


def groups_of(text: str) -> frozenset[Group]:
    """The groups named, with commas between. Raises `BadUsageQuery`."""
    try:
        return frozenset(Group(name.strip()) for name in text.split(",") if name.strip())
    except ValueError:
        raise BadUsageQuery(f"group {text!r}: expected some of {', '.join(Group)}") from None


def report_value(report: UsageReport) -> dict[str, Any]:
    """A report as JSON."""
    return {
        "from": report.first.isoformat(),
        "to": report.last.isoformat(),
        "items": [_value(row) for row in report.rows],
    }


def _value(row: UsageRow) -> dict[str, Any]:
    return {
        "day": row.day,
        "account": None if row.account is None else str(row.account),
        "account_name": row.account_name,
        "credential": None if row.credential is None else str(row.credential),
        "credential_name": row.credential_name,
        "door": row.door,
        "requests": row.requests,
        "accepted": row.accepted,
        "rejected": row.rejected,
        "errors": row.errors,
        "recipients": row.recipients,
        "recipients_refused": row.refused,
        "latency_ms": {
            "p50": row.latency_ms(0.50),
            "p95": row.latency_ms(0.95),
            "p99": row.latency_ms(0.99),
        },
        "histogram": list(row.histogram),
    }


def _day(arguments: Arguments, key: str) -> date | None:
    text = arguments.get(key)
    if not text:
        return None
    try:
        return date.fromisoformat(str(text))
    except ValueError:
        raise BadUsageQuery(f"{key} {text!r}: expected a day like 2026-03-01") from None
