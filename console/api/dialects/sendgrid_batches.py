"""SendGrid's scheduled sends: what was sent with a `batch_id` and waits can be cancelled as a whole.

A batch is a campaign of the account, so what would still come with its id is refused from then on.
Pausing is the operator's here (`relevo queue hold`), and cancelling is not undone.
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal

import orjson
from aiohttp import web
from pydantic import Field, ValidationError

from console.accounts.permissions import Permission
from console.api.bearer import IDENTITY
from console.api.dialects.dialect import Backend, Route
from console.api.dialects.faults import Fault, Faulty, Schema, faults_of
from console.api.dialects.sendgrid_suppressions import ActorOf
from console.api.refusals import ApiRefusal
from mta.model.traffic import Gate
from mta.spool.inspection import PickedFlow

Cancel = Callable[[dict[str, object]], Awaitable[object]]
FlowsOf = Callable[[int, str], Awaitable[Sequence[PickedFlow]]]
CAMPAIGN = "campaign"
_PATH = "/v3/user/scheduled_sends"
_BATCH = re.compile(r"[0-9a-f]{48}\Z")  # as `POST /v3/mail/batch` makes them, no other campaign
_ENDED = Fault("status", "what is cancelled cannot be resumed")


class Scheduled(Schema):
    """The body that cancels."""

    batch_id: str = Field(min_length=1, max_length=100)
    status: Literal["cancel", "pause"]


class Change(Schema):
    """The body of PATCH."""

    status: Literal["cancel", "pause"]


class SendGridBatches:
    """Routes of the dialect; the key needs `mail.cancel`, to look `mail.view` does."""

    def __init__(
        self, backend: Backend, flows_of: FlowsOf, cancel: Cancel, actor_of: ActorOf
    ) -> None:
        """`flows_of` an account by name ("": all); `cancel`: the queue's operation."""
        self._backend = backend
        self._flows_of = flows_of
        self._cancel = cancel
        self._actor_of = actor_of

    def routes(self) -> Sequence[Route]:
        """`/v3/user/scheduled_sends…`."""
        one = f"{_PATH}/{{batch_id}}"
        return (
            ("POST", _PATH, self.add),
            ("GET", _PATH, self.look),
            ("GET", one, self.show),
            ("PATCH", one, self.change),
            ("DELETE", one, self.resume),
        )

    async def add(self, request: web.Request) -> web.StreamResponse:
        """`{"batch_id": …, "status": "cancel"}`."""
        wanted = _read(Scheduled, await self._backend.json(request))
        await self._end(request, wanted.batch_id, wanted.status)
        return _json({"batch_id": wanted.batch_id, "status": wanted.status}, 201)

    async def change(self, request: web.Request) -> web.StreamResponse:
        """`{"status": "cancel"}`."""
        wanted = _read(Change, await self._backend.json(request))
        await self._end(request, request.match_info["batch_id"], wanted.status)
        return web.Response(status=204)

    async def look(self, request: web.Request) -> web.StreamResponse:
        """The batches that are cancelled."""
        return _json(await self._cancelled(request, ""))

    async def show(self, request: web.Request) -> web.StreamResponse:
        """The same for one; nothing while it goes on."""
        return _json(await self._cancelled(request, request.match_info["batch_id"]))

    async def resume(self, request: web.Request) -> web.StreamResponse:
        """Refused for what is cancelled; otherwise there is nothing to resume."""
        if await self._cancelled(request, request.match_info["batch_id"]):
            raise Faulty(_ENDED)
        raise ApiRefusal(404, "not_found")

    async def _end(self, request: web.Request, batch: str, status: str) -> None:
        if status != "cancel":
            raise Faulty(Fault("status", "pause is not supported: cancel, or ask the operator"))
        account = self._account(request, Permission.MAIL_CANCEL)
        if not await self._flows(account, batch):
            raise ApiRefusal(404, "not_found")
        await self._cancel({"account": str(account), "campaign": batch})

    async def _cancelled(self, request: web.Request, batch: str) -> Sequence[dict[str, str]]:
        account = self._account(request, Permission.MAIL_VIEW, Permission.MAIL_CANCEL)
        found = await self._flows(account, batch)
        return [
            {"batch_id": name, "status": "cancel"}
            for name in dict.fromkeys(
                one.flow.name for one in found if one.flow.gate == Gate.CANCELLED
            )
        ]

    async def _flows(self, account: int, batch: str) -> Sequence[PickedFlow]:
        if batch and not _BATCH.match(batch):
            raise ApiRefusal(404, "not_found")
        return [one for one in await self._flows_of(account, batch) if one.flow.kind == CAMPAIGN]

    def _account(self, request: web.Request, *permissions: Permission) -> int:
        identity = request[IDENTITY]
        actor = self._actor_of(identity, request.remote or "")
        if not any(actor.may(permission, identity.account_id) for permission in permissions):
            raise ApiRefusal(403, "not_permitted")
        return identity.account_id


def _read(model: type[Any], body: object) -> Any:
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise Faulty(*faults_of(error)) from None


def _json(body: object, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json")
