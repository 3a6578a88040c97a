"""What commands can ask about exports; as in `console.accounts.operations`."""

from collections.abc import Awaitable, Callable, Mapping

from console.accounts.arguments import OPERATOR, Arguments
from console.accounts.audit import AuditTrail

AccountFinder = Callable[[str | None], Awaitable[int]]
Operation = Callable[[Arguments], Awaitable[object]]


class ExportOperations:
    """Named operations."""

    def __init__(self, trail: AuditTrail, find_account: AccountFinder) -> None:
        """`find_account`: an account's id by id or name."""
        self._trail = trail
        self._find_account = find_account

    def operations(self) -> Mapping[str, Operation]:
        """By name."""
        return {"account.export": self.begin}

    async def begin(self, arguments: Arguments) -> object:
        """`account`: note in the audit trail that its export begins; gives its id."""
        named = arguments.get("account")
        number = await self._find_account(None if named is None else str(named))
        await self._trail.note(OPERATOR, "account.exported", number, number)
        return {"account": str(number)}
