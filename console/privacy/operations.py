"""What commands can ask about persons; as in `console.accounts.operations`."""

from collections.abc import Awaitable, Callable, Mapping

from console.accounts.arguments import OPERATOR, Arguments, text_of
from console.privacy.persons import PersonService

AccountFinder = Callable[[str | None], Awaitable[int]]
Operation = Callable[[Arguments], Awaitable[object]]


class PersonOperations:
    """Named operations over the service."""

    def __init__(self, service: PersonService, find_account: AccountFinder) -> None:
        """`find_account`: an account's id by id or name."""
        self._service = service
        self._find_account = find_account

    def operations(self) -> Mapping[str, Operation]:
        """By name."""
        return {"person.export": self.export, "person.erase": self.erase}

    async def export(self, arguments: Arguments) -> object:
        """`address`, `account`."""
        account = await self._filter(arguments)
        return await self._service.export(OPERATOR, text_of(arguments, "address"), account)

    async def erase(self, arguments: Arguments) -> object:
        """`address`, `why`, `account`."""
        done = await self._service.erase(
            OPERATOR,
            text_of(arguments, "address"),
            text_of(arguments, "why"),
            await self._filter(arguments),
        )
        return {
            "deliveries": done.deliveries,
            "contents": done.contents,
            "suppressions": done.suppressions,
        }

    async def _filter(self, arguments: Arguments) -> int | None:
        named = arguments.get("account")
        return None if named is None else await self._find_account(str(named))
