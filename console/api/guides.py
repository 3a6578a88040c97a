"""The endpoints about usage guides: mailed to a person once more, and what became of the last (T-k)."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

from pydantic import BaseModel, Field

from console.accounts.actor import Actor
from console.accounts.permissions import Permission
from console.accounts.users import UserService
from console.accounts.values import Role, Scope, User
from console.api.acting import ActorOf, carried_out, number_of
from console.api.messages.schemas import Id, Time
from console.api.refusals import ApiRefusal
from console.api.routes import Answer, Call, Route
from console.training.guides import GuideBook, GuideMail
from mta.events.record import rfc3339

_PATH = "/api/v1/users/{id}/guide"


class GuideSender(Protocol):
    """Mails guides and knows what became of them."""

    book: GuideBook

    async def send_guide(self, actor: Actor, email: str) -> int:
        """Gives the mail's id. Raises `NotPermitted`, `PermanentError`."""
        ...


class GuideState(StrEnum):
    """What became of the mail."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    NONE = "none"


class GuideAnswer(BaseModel):
    """The newest guide of a person."""

    message: Id
    account: Id
    role: Role = Field(description="That the guide is about.")
    language: str
    sent: Time
    state: GuideState = Field(description="`none`: nothing is known of it any more.")
    changed: Time | None
    reply: str | None = Field(description="Of the person's server, or why it was given up.")


class GuideEndpoints:
    """Handlers; `routes` declares them."""

    def __init__(self, users: UserService, sender: GuideSender, actor_of: ActorOf) -> None:
        self._users = users
        self._sender = sender
        self._actor_of = actor_of

    def routes(self) -> Sequence[Route]:
        """The table."""
        manage, missing = (Scope.USER_MANAGE,), ("not_found",)
        return (
            Route(
                "POST", _PATH, "sendGuide", "Mail a person the usage guide once more", self.send,
                manage, GuideAnswer, status=202, tag="users", errors=missing,
                description="Of the first role that the key manages, in the person's language.",
            ),
            Route(
                "GET", _PATH, "getGuide", "What became of a person's usage guide", self.get,
                manage, GuideAnswer, tag="users", errors=missing,
            ),
        )  # fmt: skip

    async def send(self, call: Call) -> Answer:
        """`POST /users/{id}/guide`."""
        user, actor = await self._known(call), self._actor_of(call)
        await carried_out(self._sender.send_guide(actor, user.email), "id")
        return Answer(await self._shown(actor, user), 202)

    async def get(self, call: Call) -> Answer:
        """`GET /users/{id}/guide`."""
        return Answer(await self._shown(self._actor_of(call), await self._known(call)))

    async def _known(self, call: Call) -> User:
        number = number_of(call)
        for user in await self._users.list(self._actor_of(call)):
            if user.id == number:
                return user
        raise ApiRefusal(404, "not_found")

    async def _shown(self, actor: Actor, user: User) -> dict[str, object]:
        last = await self._sender.book.last(user.id)
        if last is None or not actor.may(Permission.USER_MANAGE, last.account):
            raise ApiRefusal(404, "not_found")
        return _json(last)


def _json(guide: GuideMail) -> dict[str, object]:
    return {
        "message": str(guide.message),
        "account": str(guide.account),
        "role": guide.role.value,
        "language": guide.language,
        "sent": rfc3339(guide.sent_ms),
        "state": guide.state,
        "changed": rfc3339(guide.changed_ms) if guide.changed_ms else None,
        "reply": guide.reply or None,
    }
