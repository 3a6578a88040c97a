"""The endpoints about accounts."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, Field

from console.accounts.operations import account_shown
from console.accounts.service import AccountService
from console.accounts.values import AccountKind, Scope, State
from console.api.acting import ActorOf, carried_out, number_of
from console.api.messages.request import Schema
from console.api.messages.schemas import Id, Time
from console.api.pagination import page
from console.api.routes import Answer, Call, Route

_PATH = "/api/v1/accounts"
Name = Annotated[str, Field(min_length=1, max_length=200, examples=["Sede Arequipa"])]


class NewAccount(Schema):
    """A sub-account of the key's account."""

    name: Name
    training: bool = False


class AccountChange(Schema):
    """Another name."""

    name: Name


class AccountAnswer(BaseModel):
    """An account."""

    id: Id
    name: str
    parent: Id | None
    kind: AccountKind
    state: State
    language: str
    timezone: str
    needs_approval: bool
    created: Time | None


class AccountList(BaseModel):
    """All that the key sees."""

    items: list[AccountAnswer]
    next: None


class AccountEndpoints:
    """Handlers; `routes` declares them."""

    def __init__(self, service: AccountService, actor_of: ActorOf) -> None:
        self._service = service
        self._actor_of = actor_of

    def routes(self) -> Sequence[Route]:
        """The table."""
        see = (Scope.ACCOUNT_VIEW, Scope.ACCOUNT_MANAGE)
        change = (Scope.ACCOUNT_MANAGE,)
        one = f"{_PATH}/{{id}}"
        missing = ("not_found",)
        return (
            Route(
                "GET", _PATH, "listAccounts", "List the account and those below it", self.list,
                see, AccountList, tag="accounts",
            ),
            Route(
                "POST", _PATH, "addAccount", "Add a sub-account", self.add, change,
                AccountAnswer, NewAccount, status=201, tag="accounts",
            ),
            Route(
                "GET", one, "getAccount", "Show an account", self.get, see, AccountAnswer,
                tag="accounts", errors=missing,
            ),
            Route(
                "PATCH", one, "renameAccount", "Rename an account", self.rename, change,
                AccountAnswer, AccountChange, tag="accounts", errors=missing,
            ),
            Route(
                "POST", f"{one}/disable", "disableAccount", "Disable a sub-account", self.disable,
                change, AccountAnswer, tag="accounts", errors=missing,
                description="Its keys stop working; what is left of its share is given back.",
            ),
            Route(
                "POST", f"{one}/enable", "enableAccount", "Enable a sub-account again",
                self.enable, change, AccountAnswer, tag="accounts", errors=missing,
            ),
        )  # fmt: skip

    async def list(self, call: Call) -> Answer:
        """`GET /accounts`."""
        found = await self._service.list(self._actor_of(call))
        return Answer(page([account_shown(one) for one in found], None))

    async def add(self, call: Call) -> Answer:
        """`POST /accounts`."""
        asked = call.content(NewAccount)
        kind = AccountKind.TRAINING if asked.training else AccountKind.NORMAL
        adding = self._service.add(
            self._actor_of(call), asked.name, parent=call.identity.account_id, kind=kind
        )
        return Answer(account_shown(await carried_out(adding, "name")), 201)

    async def get(self, call: Call) -> Answer:
        """`GET /accounts/{id}`."""
        reading = self._service.get(self._actor_of(call), str(number_of(call)))
        return Answer(account_shown(await carried_out(reading)))

    async def rename(self, call: Call) -> Answer:
        """`PATCH /accounts/{id}`."""
        name = call.content(AccountChange).name
        renaming = self._service.rename(self._actor_of(call), number_of(call), name)
        return Answer(account_shown(await carried_out(renaming, "name")))

    async def disable(self, call: Call) -> Answer:
        """`POST /accounts/{id}/disable`."""
        changing = self._service.disable(self._actor_of(call), number_of(call))
        return Answer(account_shown(await carried_out(changing, "id")))

    async def enable(self, call: Call) -> Answer:
        """`POST /accounts/{id}/enable`."""
        changing = self._service.enable(self._actor_of(call), number_of(call))
        return Answer(account_shown(await carried_out(changing, "id")))
