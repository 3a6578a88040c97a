"""What commands can ask of suppression lists; as in `console.accounts.operations`."""

from collections.abc import Awaitable, Callable, Mapping

from console.accounts.arguments import OPERATOR, Arguments, number_of, text_of, time_of
from console.suppressions.files import FileRow
from console.suppressions.service import MAX_PAGE, SuppressionService
from mta.model.errors import PermanentError
from mta.suppression.values import EVERYWHERE, Entry, Reason, Scope

AccountFinder = Callable[[str | None], Awaitable[int]]
Operation = Callable[[Arguments], Awaitable[object]]


class SuppressionOperations:
    """Named operations over the service."""

    def __init__(self, service: SuppressionService, find_account: AccountFinder) -> None:
        """`find_account`: an account's id by id or name; None: the only main account."""
        self._service = service
        self._find_account = find_account

    def operations(self) -> Mapping[str, Operation]:
        """By name."""
        return {
            "suppression.list": self.entries,
            "suppression.add": self.add,
            "suppression.remove": self.remove,
            "suppression.import": self.import_rows,
            "suppression.export": self.export,
            "suppression.held": self.held,
            "suppression.decide": self.decide,
        }

    async def entries(self, arguments: Arguments) -> object:
        """`account`, `search`, `reason`, `before` (an id), `limit`."""
        entries = await self._service.entries(
            OPERATOR,
            await self._filter(arguments),
            search=str(arguments.get("search") or ""),
            reason=_reason(arguments),
            before=int(str(arguments.get("before") or 0)),
            limit=number_of(arguments, "limit") or MAX_PAGE,
        )
        return [shown(entry) for entry in entries]

    async def add(self, arguments: Arguments) -> object:
        """`account` or `everywhere`, `addresses`, `scope`, `note`, `expires_ms`."""
        entries = await self._service.add(
            OPERATOR,
            await self._account(arguments),
            [str(address) for address in arguments.get("addresses") or ()],
            reason=_reason(arguments) or Reason.MANUAL,
            scope=_scope(arguments),
            note=str(arguments.get("note") or ""),
            expires_ms=number_of(arguments, "expires_ms"),
        )
        return [shown(entry) for entry in entries]

    async def remove(self, arguments: Arguments) -> object:
        """`account` or `everywhere`, `address`, `why`, `reason`."""
        entries = await self._service.remove(
            OPERATOR,
            await self._account(arguments),
            text_of(arguments, "address"),
            text_of(arguments, "why"),
            reason=_reason(arguments),
        )
        return [shown(entry) for entry in entries]

    async def import_rows(self, arguments: Arguments) -> object:
        """`account` or `everywhere`, `rows` (line, address, scope, note, expires), `name`."""
        rows = [FileRow(int(row[0]), *map(str, row[1:5])) for row in arguments.get("rows") or ()]
        account, name = await self._account(arguments), str(arguments.get("name") or "")
        done = await self._service.import_rows(OPERATOR, account, rows, name=name)
        errors = [{"line": e.line, "text": e.text, "why": e.why} for e in done.errors]
        return {"added": done.added, "errors": errors}

    async def export(self, arguments: Arguments) -> object:
        """A page of CSV lines: `account`, `reason`, `before`; gives `text` and the next `before`."""
        text, before = await self._service.export_page(
            OPERATOR,
            await self._filter(arguments),
            reason=_reason(arguments),
            before=int(str(arguments.get("before") or 0)),
        )
        return {"text": text, "before": "" if before is None else str(before)}

    async def held(self, arguments: Arguments) -> object:
        """`account`."""
        return [
            {
                "id": str(h.id), "account": str(h.account), "address": h.address,
                "site": str(h.site), "delivery": str(h.delivery), "reply": h.reply,
                "at": time_of(h.at_ms),
            }
            for h in await self._service.held(OPERATOR, await self._filter(arguments))
        ]  # fmt: skip

    async def decide(self, arguments: Arguments) -> object:
        """`account`, `suppress`: true or false."""
        account = await self._filter(arguments)
        suppress = bool(arguments.get("suppress"))
        return {"count": await self._service.decide_held(OPERATOR, account, suppress=suppress)}

    async def _filter(self, arguments: Arguments) -> int | None:
        named = arguments.get("account")
        return None if named is None else await self._find_account(str(named))

    async def _account(self, arguments: Arguments) -> int:
        if arguments.get("everywhere"):
            return EVERYWHERE
        named = arguments.get("account")
        return await self._find_account(None if named is None else str(named))


def shown(entry: Entry) -> dict[str, object]:
    """An entry as JSON."""
    return {
        "id": str(entry.id),
        "account": str(entry.account) if entry.account else None,
        "address": entry.address,
        "reason": entry.reason,
        "scope": entry.scope,
        "note": entry.note,
        "message": str(entry.message) if entry.message else None,
        "delivery": str(entry.delivery) if entry.delivery else None,
        "by": entry.by,
        "created": time_of(entry.created_ms),
        "expires": time_of(entry.expires_ms),
    }


def _reason(arguments: Arguments) -> Reason | None:
    given = arguments.get("reason")
    if not given:
        return None
    try:
        return Reason(str(given))
    except ValueError:
        raise PermanentError(f"reason {given!r}: expected one of {', '.join(Reason)}") from None


def _scope(arguments: Arguments) -> Scope | None:
    given = arguments.get("scope")
    if not given:
        return None
    try:
        return Scope(str(given))
    except ValueError:
        raise PermanentError(f"scope {given!r}: expected one of {', '.join(Scope)}") from None
