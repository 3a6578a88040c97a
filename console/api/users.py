"""The endpoints about people: invited, given another role, disabled, taken out of an account.

A key gives and takes only roles whose every permission it has itself, as anybody else. Nothing here
answers a password or a link: who is new sets one by the mail that an invitation sends.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Protocol

from pydantic import BaseModel, Field

from console.accounts.actor import Actor
from console.accounts.operations import user_shown
from console.accounts.users import UserService
from console.accounts.values import Role, Scope, State, User
from console.api.acting import ActorOf, carried_out, number_of
from console.api.messages.request import Address, Schema
from console.api.messages.schemas import Id, Time
from console.api.pagination import page
from console.api.refusals import ApiRefusal, Violation, invalid
from console.api.routes import Answer, Call, Route

_PATH = "/api/v1/users"
_LAST = (1 << 63) - 1
_WITHIN = "A key gives and takes only roles whose permissions it has itself."
Number = Annotated[str, Field(pattern=r"^[0-9]{1,19}$", description="Else the key's account.")]


class Inviter(Protocol):
    """Gives a person a role and mails who is new a link to choose a password."""

    async def __call__(
        self, actor: Actor, email: str, role: Role, account: int, *, name: str, language: str
    ) -> object:
        """Raises `PermanentError`, `TransientError`."""
        ...


class NewUser(Schema):
    """A person and the role; who is known already gets the role and no mail."""

    email: Address
    role: Role
    account: Number | None = None
    name: Annotated[str, Field(max_length=100)] = ""
    language: Annotated[str, Field(pattern="^(es|en)$", description="Of mail and pages.")] = ""


class UserState(StrEnum):
    """What a person's state may be set to."""

    ACTIVE = "active"
    DISABLED = "disabled"


class UserChange(Schema):
    """Another role in an account, or another state: one of them a request."""

    role: Role | None = None
    account: Number | None = None
    state: Annotated[
        UserState | None,
        Field(description="`active` also ends a lock by failed sign-ins."),
    ] = None


class MembershipAnswer(BaseModel):
    """A role in an account."""

    account: Id
    account_name: str
    role: Role


class UserAnswer(BaseModel):
    """A person, with the roles that the key may see."""

    id: Id
    email: str
    state: State
    locked_until: Time | None
    created: Time | None
    memberships: list[MembershipAnswer]


class UserList(BaseModel):
    """All that the key sees."""

    items: list[UserAnswer]
    next: None


class UserEndpoints:
    """Handlers; `routes` declares them."""

    def __init__(self, users: UserService, invite: Inviter, actor_of: ActorOf) -> None:
        self._users = users
        self._invite = invite
        self._actor_of = actor_of

    def routes(self) -> Sequence[Route]:
        """The table."""
        manage = (Scope.USER_MANAGE,)
        missing = ("not_found",)
        one = f"{_PATH}/{{id}}"
        return (
            Route(
                "GET", _PATH, "listUsers", "List people and their roles", self.list, manage,
                UserList, tag="users",
            ),
            Route(
                "POST", _PATH, "inviteUser", "Give a person a role; invite who is new",
                self.invite, manage, UserAnswer, NewUser, status=201, tag="users",
                errors=missing, description=_WITHIN,
            ),
            Route(
                "PATCH", one, "changeUser", "Another role, disable or enable", self.change,
                manage, UserAnswer, UserChange, tag="users", errors=missing, description=_WITHIN,
            ),
            Route(
                "DELETE", f"{one}/memberships/{{account}}", "removeMembership",
                "Take a role in an account away", self.remove, manage, status=204, tag="users",
                errors=missing, description=_WITHIN,
            ),
        )  # fmt: skip

    async def list(self, call: Call) -> Answer:
        """`GET /users`."""
        found = await self._users.list(self._actor_of(call))
        return Answer(page([user_shown(one) for one in found], None))

    async def invite(self, call: Call) -> Answer:
        """`POST /users`."""
        asked, actor = call.content(NewUser), self._actor_of(call)
        inviting = self._invite(
            actor, asked.email, asked.role, _account(asked.account, call),
            name=asked.name, language=asked.language or call.language,
        )  # fmt: skip
        await carried_out(inviting, "email")
        return Answer(user_shown(await self._users.get(actor, asked.email)), 201)

    async def change(self, call: Call) -> Answer:
        """`PATCH /users/{id}`."""
        asked, actor = call.content(UserChange), self._actor_of(call)
        if (asked.role is None) is (asked.state is None) or (asked.state and asked.account):
            detail = {"detail": "expected either state, or role with or without account"}
            raise invalid(Violation("state", "unusable_text", detail))
        email = (await self._known(actor, call)).email
        if asked.role is not None:
            changing = self._users.change_role(
                actor, email, _account(asked.account, call), asked.role
            )
            await carried_out(changing, "role")
        elif asked.state is UserState.DISABLED:
            await carried_out(self._users.disable(actor, email), "state")
        else:
            await carried_out(self._users.unlock(actor, email), "state")
        return Answer(user_shown(await self._users.get(actor, email)))

    async def remove(self, call: Call) -> Answer:
        """`DELETE /users/{id}/memberships/{account}`."""
        actor, account = self._actor_of(call), number_of(call, "account")
        email = (await self._known(actor, call)).email
        await carried_out(self._users.remove(actor, email, account), "account")
        return Answer(status=204)

    async def _known(self, actor: Actor, call: Call) -> User:
        number = number_of(call)
        for user in await self._users.list(actor):
            if user.id == number:
                return user
        raise ApiRefusal(404, "not_found")


def _account(text: str | None, call: Call) -> int:
    return call.identity.account_id if text is None else min(int(text), _LAST)
