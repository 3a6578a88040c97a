"""What commands can ask of tracking; as in `console.accounts.operations`."""

from collections.abc import Awaitable, Callable, Mapping

from console.accounts.arguments import OPERATOR, Arguments, text_of
from console.tracking.accounts import TrackingMode
from console.tracking.service import TrackingService, TrackingStatus
from mta.model.errors import PermanentError

AccountFinder = Callable[[str | None], Awaitable[int]]
Operation = Callable[[Arguments], Awaitable[object]]


class TrackingOperations:
    """Named operations over the service."""

    def __init__(self, service: TrackingService, find_account: AccountFinder) -> None:
        """`find_account`: an account's id by id or name; None: the only one."""
        self._service = service
        self._find_account = find_account

    def operations(self) -> Mapping[str, Operation]:
        """By name."""
        return {
            "tracking.show": self.show,
            "tracking.mode": self.mode,
            "tracking.domain": self.domain,
            "tracking.check": self.check,
        }

    async def show(self, arguments: Arguments) -> object:
        """`account`."""
        return _json(await self._service.get(OPERATOR, await self._account(arguments)))

    async def mode(self, arguments: Arguments) -> object:
        """`account`, `mode`."""
        try:
            mode = TrackingMode(text_of(arguments, "mode"))
        except ValueError:
            raise PermanentError("mode: expected full, anonymous or off") from None
        return _json(await self._service.set_mode(OPERATOR, await self._account(arguments), mode))

    async def domain(self, arguments: Arguments) -> object:
        """`account`, `domain`."""
        domain = str(arguments.get("domain") or "")
        account = await self._account(arguments)
        return _json(await self._service.set_domain(OPERATOR, account, domain))

    async def check(self, arguments: Arguments) -> object:
        """`account`."""
        return _json(await self._service.check(OPERATOR, await self._account(arguments)))

    async def _account(self, arguments: Arguments) -> int:
        named = arguments.get("account")
        return await self._find_account(None if named is None else str(named))


def _json(status: TrackingStatus) -> dict[str, object]:
    chosen = status.chosen
    return {
        "account": str(chosen.account),
        "mode": str(chosen.mode),
        "domain": chosen.domain,
        "is_verified": chosen.is_verified,
        "problem": chosen.problem,
        "target": status.target,
        "found": status.found,
    }
