"""What commands can ask of the erasure of accounts; as in `console.accounts.operations`."""

from collections.abc import Awaitable, Callable, Mapping

from console.accounts.approvals import ApprovalKind, ApprovalService
from console.accounts.arguments import OPERATOR, Arguments, text_of
from console.privacy.closing.erasures import AccountErasures
from console.privacy.closing.values import AccountErasure, ErasureState
from mta.events.record import rfc3339
from mta.model.errors import PermanentError

# Id and name of an account by either.
AccountFinder = Callable[[str], Awaitable[tuple[int, str]]]
Operation = Callable[[Arguments], Awaitable[object]]


class ErasureOperations:
    """Carried out for the operator, who is one person of the two."""

    def __init__(
        self, erasures: AccountErasures, approvals: ApprovalService, find: AccountFinder
    ) -> None:
        self._erasures = erasures
        self._approvals = approvals
        self._find = find

    def operations(self) -> Mapping[str, Operation]:
        """By name."""
        return {
            "account.erasure.ask": self.ask,
            "account.erasure.confirm": self.confirm,
            "account.erasure.undo": self.undo,
            "account.erasure.list": self.list,
            "account.erasure.show": self.show,
        }

    async def ask(self, arguments: Arguments) -> object:
        """`account`, `why`."""
        account, name = await self._find(text_of(arguments, "account"))
        why = text_of(arguments, "why")
        return erasure_json(await self._erasures.ask(OPERATOR, account, name, why))

    async def confirm(self, arguments: Arguments) -> object:
        """`number`: as the second person, when somebody else asked."""
        found = await self._get(arguments)
        asked = await self._approvals.pending_of(
            OPERATOR, ApprovalKind.ACCOUNT_ERASURE, found.account, str(found.id)
        )
        if asked is None:
            raise PermanentError(f"erasure {found.number} does not wait for a confirmation")
        await self._approvals.approve(OPERATOR, asked.id)
        return erasure_json(await self._erasures.get(OPERATOR, found.number))

    async def undo(self, arguments: Arguments) -> object:
        """`number`: take it back in time."""
        found = await self._get(arguments)
        return erasure_json(await self._erasures.undo(OPERATOR, found.number))

    async def list(self, _arguments: Arguments) -> object:
        """The newest first."""
        return [erasure_json(one) for one in await self._erasures.all(OPERATOR)]

    async def show(self, arguments: Arguments) -> object:
        """`number`: with the facts of the certificate once it is done."""
        found = await self._get(arguments)
        told = erasure_json(found)
        if found.state is ErasureState.DONE:
            told["certificate"] = dict(found.facts(found.ended_ms))
        return told

    async def _get(self, arguments: Arguments) -> AccountErasure:
        number = arguments.get("number")
        if not isinstance(number, int) or number < 1:
            raise PermanentError("the number of the erasure is missing")
        return await self._erasures.get(OPERATOR, number)


def erasure_json(one: AccountErasure) -> dict[str, object]:
    """As programs see it."""
    return {
        "number": one.number,
        "account": str(one.account),
        "name": one.name,
        "state": one.state.value,
        "why": one.why,
        "asked_by": one.asked_by,
        "asked_at": rfc3339(one.asked_ms),
        "confirmed_by": one.confirmed_by or None,
        "undo_until": rfc3339(one.due_ms) if one.due_ms else None,
        "ended_at": rfc3339(one.ended_ms) if one.ended_ms else None,
        "sha256": one.sha256 or None,
    }
