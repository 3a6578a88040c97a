"""The endpoints about messages: send, list, show, cancel, send again."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

import orjson

from console.accounts.values import Scope
from console.api.acting import carried_out, number_of
from console.api.messages.log import MessageLog, Viewer
from console.api.messages.request import MessageRequest
from console.api.messages.result import SendResult
from console.api.messages.schemas import (
    Cancelled,
    DeliveryPage,
    Message,
    MessageFilter,
    Resent,
    Taken,
)
from console.api.messages.service import JoinedAnswer, SendService
from console.api.routes import Answer, Call, Route
from console.api.usage_count import Counted
from mta.store.work import Rows

ACCEPTED = 202
SEND_ERRORS = (
    "quota_exhausted", "quota_expired", "quota_pending", "sender_not_allowed",
    "class_not_allowed", "training_recipient_not_allowed", "campaign_cancelled",
    "message_refused", "too_many_recipients",
)  # fmt: skip


# The queue operation `cancel`: cancels what `id` names, its answer has `changed`.
Canceller = Callable[[dict[str, object]], Awaitable[object]]
# Sends a delivery once more for who asks; gives the new message's id.
Resender = Callable[[Call, int], Awaitable[int]]


class MessageEndpoints:
    """Handlers; `routes` declares them."""

    def __init__(
        self, service: SendService, log: MessageLog, cancel: Canceller, resend: Resender
    ) -> None:
        self._service = service
        self._log = log
        self._cancel = cancel
        self._resend = resend

    def routes(self) -> Sequence[Route]:
        """The table."""
        see = (Scope.MAIL_VIEW, Scope.SEND)
        return (
            Route(
                "POST", "/api/v1/messages", "sendMessage", "Send a message", self.send,
                (Scope.SEND,), Taken, MessageRequest, status=ACCEPTED, tag="messages",
                errors=SEND_ERRORS,
                commits_key=True, is_paced=False,
                description="One message to the people in `to`, `cc` and `bcc`, or personalised, "
                "to up to 1,000 `recipients`. All of it is accepted durably, or nothing.",
            ),
            Route(
                "GET", "/api/v1/messages", "listMessages", "Search messages", self.list,
                see, DeliveryPage, filters=MessageFilter, tag="messages",
                description="Deliveries, the newest first. A key without `mail.view` sees what it "
                "sent itself.",
            ),
            Route(
                "GET", "/api/v1/messages/{id}", "getMessage", "What happened to a message",
                self.get, see, Message, tag="messages", errors=("not_found",),
                description="The id is that of a message or of one of its deliveries.",
            ),
            Route(
                "POST", "/api/v1/messages/{id}/cancel", "cancelMessage", "Cancel what waits",
                self.cancel, (Scope.MAIL_CANCEL, Scope.SEND), Cancelled, tag="messages",
                errors=("not_found",),
                description="What was not tried yet costs nothing.",
            ),
            Route(
                "POST", "/api/v1/messages/{id}/resend", "resendMessage",
                "Send to a recipient once more", self.resend, (Scope.MAIL_CANCEL,), Resent,
                status=ACCEPTED, tag="messages", errors=("not_found", "not_permitted"),
                description="The id is that of a delivery that is over. The mail is a new one, and "
                "charged; the key needs `mail.view` too.",
            ),
        )  # fmt: skip

    async def send(self, call: Call) -> Answer:
        """`POST /messages`."""
        joined: JoinedAnswer | None = None
        if call.keep is not None:
            keep = call.keep

            def rows(result: SendResult) -> Sequence[Rows]:
                return keep(_taken(result))

            joined = rows
        result = await self._service.send(
            call.identity,
            call.content(MessageRequest),
            origin=call.origin,
            idempotency_key=call.idempotency_key,
            joined=joined,
        )
        call.counted = Counted(result.accepted, result.rejected)
        return _taken(result)

    async def list(self, call: Call) -> Answer:
        """`GET /messages`."""
        return Answer(await self._log.list(_viewer(call), call.filters(MessageFilter)))

    async def get(self, call: Call) -> Answer:
        """`GET /messages/{id}`."""
        return Answer(await self._log.show(_viewer(call), call.path["id"]))

    async def cancel(self, call: Call) -> Answer:
        """`POST /messages/{id}/cancel`; what is over already is no error."""
        viewer = _viewer(call, Scope.MAIL_CANCEL)
        message, rows = await self._log.find(viewer, call.path["id"])
        if not any(row.delivery.state < 10 for row in rows):
            return Answer({"cancelled": 0})
        one = rows[0].delivery.id if int(call.path["id"]) != message.id else message.id
        told = await self._cancel({"id": str(one)})
        return Answer({"cancelled": told.get("changed", 0) if isinstance(told, Mapping) else 0})

    async def resend(self, call: Call) -> Answer:
        """`POST /messages/{id}/resend`."""
        made = await carried_out(self._resend(call, number_of(call)), "id")
        return Answer({"id": str(made)}, ACCEPTED)


def _viewer(call: Call, scope: Scope = Scope.MAIL_VIEW) -> Viewer:
    identity = call.identity
    everything = scope in call.scopes
    return Viewer(identity.account_id, 0 if everything else identity.credential_id)


def _taken(result: SendResult) -> Answer:
    body = {
        "id": str(result.id),
        "accepted": result.accepted,
        "rejected": result.rejected,
        "items": [
            {
                "recipient": item.recipient,
                "id": str(item.id) if item.id else None,
                "status": item.status,
                "code": item.code or None,
            }
            for item in result.items
        ],
        "quota": {"remaining": result.remaining},
    }
    return Answer(status=ACCEPTED, body=orjson.dumps(body))
