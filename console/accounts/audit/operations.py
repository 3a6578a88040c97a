"""What commands can ask of the audit trail; see `console.accounts.operations`."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from console.accounts.arguments import OPERATOR, HasAccounts, account_filter, number_of
from console.accounts.audit.log import PAGE, AuditFilter, AuditLog, entry_shown
from mta.model.errors import PermanentError

Arguments = Mapping[str, Any]
_LAST = 2**63 - 1


class HasAudit(HasAccounts, Protocol):
    """The part of the composition that these operations use."""

    @property
    def audit_log(self) -> AuditLog:
        """The reading side of the trail."""
        ...


async def audit_list(services: HasAudit, arguments: Arguments) -> object:
    """`account`, `actor`, `action`, `object`, `since_ms`, `until_ms`, `cursor`, `count`."""
    cursor = number_of(arguments, "cursor")
    page = await services.audit_log.page(
        OPERATOR,
        await _filter(services, arguments),
        cursor=cursor or None,
        count=number_of(arguments, "count") or PAGE,
    )
    return {
        "entries": [entry_shown(entry) for entry in page.entries],
        "cursor": None if page.cursor is None else str(page.cursor),
    }


async def audit_export(services: HasAudit, arguments: Arguments) -> object:
    """As `audit.list`, as a piece of CSV; without `cursor` the first, which is noted."""
    cursor = number_of(arguments, "cursor") or None
    wanted = await _filter(services, arguments)
    text, following = await services.audit_log.export_page(OPERATOR, wanted, cursor=cursor)
    return {"csv": text, "cursor": None if following is None else str(following)}


def operations() -> dict[str, Callable[[Any, Arguments], Awaitable[object]]]:
    """By the names that the control socket knows."""
    return {"audit.list": audit_list, "audit.export": audit_export}


async def _filter(services: HasAudit, arguments: Arguments) -> AuditFilter:
    return AuditFilter(
        account=await account_filter(services, arguments) or 0,
        actor=_text(arguments, "actor"),
        action=_text(arguments, "action"),
        object=_text(arguments, "object"),
        since_ms=number_of(arguments, "since_ms"),
        until_ms=number_of(arguments, "until_ms") or _LAST,
    )


def _text(arguments: Arguments, key: str) -> str:
    value = arguments.get(key, "")
    if not isinstance(value, str):
        raise PermanentError(f"the argument {key!r} is no text")
    return value
