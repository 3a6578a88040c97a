"""What commands ask of the send-evidence report; as in `console.accounts.operations`."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from console.accounts.arguments import OPERATOR, Arguments
from console.accounts.audit import AuditTrail

AccountFinder = Callable[[str | None], Awaitable[int]]
Operation = Callable[[Arguments], Awaitable[object]]


class EvidenceOperations:
    """Named operations."""

    def __init__(self, trail: AuditTrail, find_account: AccountFinder) -> None:
        """`find_account`: an account's id by id or name."""
        self._trail = trail
        self._find_account = find_account

    def operations(self) -> Mapping[str, Operation]:
        """By name."""
        return {"evidence.begin": self.begin}

    async def begin(self, arguments: Arguments) -> Mapping[str, Any]:
        """`account`, `from`, `to`: note in the audit trail that it is made; gives the account's id."""
        named = arguments.get("account")
        number = await self._find_account(None if named is None else str(named))
        days = {"from": str(arguments.get("from")), "to": str(arguments.get("to"))}
        await self._trail.note(OPERATOR, "evidence.exported", number, number, after=days)
        return {"account": str(number)}
