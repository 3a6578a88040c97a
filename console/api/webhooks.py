"""The endpoints about webhooks."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from console.accounts.values import Scope
from console.api.acting import ActorOf, carried_out, number_of
from console.api.messages.schemas import Id, Time
from console.api.pagination import Paged, page, place_of
from console.api.routes import Answer, Call, Route
from console.webhooks.operations import (
    answer_json,
    delivery_json,
    new_webhook_json,
    webhook_json,
)
from console.webhooks.service import MAX_DESCRIPTION, OVERLAP_S, WebhookService
from console.webhooks.targets import MAX_URL
from mta.model.traffic import EventType

_VIEW = (Scope.WEBHOOK_VIEW, Scope.WEBHOOK_MANAGE)
_MANAGE = (Scope.WEBHOOK_MANAGE,)
_PATH = "/api/v1/webhooks"

Url = Annotated[str, Field(max_length=MAX_URL, examples=["https://app.example.org/relevo"])]
Description = Annotated[str, Field(max_length=MAX_DESCRIPTION)]
Types = Annotated[list[EventType], Field(max_length=100, description="Empty: all.")]


class _Taken(BaseModel):
    model_config = ConfigDict(extra="forbid")


class WebhookRequest(_Taken):
    """A new webhook."""

    url: Url
    types: Types = []
    description: Description = ""


class WebhookChange(_Taken):
    """What is to change; what is left out stays."""

    url: Url | None = None
    types: Types | None = None
    description: Description | None = None


class WebhookEnable(_Taken):
    """How it goes on."""

    from_now: bool = Field(False, description="Without the events that waited.")


class WebhookRotate(_Taken):
    """How long both secrets sign."""

    overlap_s: Annotated[int, Field(ge=0, le=30 * 86_400)] = int(OVERLAP_S)


class Webhook(BaseModel):
    """An endpoint that gets the account's events."""

    id: Id
    account: Id
    url: str
    description: str
    types: list[EventType]
    state: Literal["active", "paused", "disabled"]
    reason: str = Field(description="Why Relevo disabled it: `failing` or `gone`.")
    failing_since: Time | None
    attempts: int
    next_attempt: Time | None
    created: Time


class NewWebhook(Webhook):
    """The same with its secret, which is shown once."""

    secret: str


class WebhookList(BaseModel):
    """All of the account."""

    items: list[Webhook]
    next: None


class Attempt(BaseModel):
    """What its receiver answered."""

    status: int = Field(description="HTTP; 0: there was no answer.")
    taken: bool
    took_ms: int
    answer: str = Field(description="The beginning of the answer, or why there was none.")


class WebhookDelivery(Attempt):
    """One POST."""

    id: Id
    at: Time
    kind: Literal["events", "test", "replay"]
    first_event: Id
    last_event: Id
    events: int
    attempt: int


class WebhookDeliveryPage(BaseModel):
    """Some POSTs, the newest first."""

    items: list[WebhookDelivery]
    next: str | None


class WebhookEndpoints:
    """Handlers; `routes` declares them."""

    def __init__(self, service: WebhookService, actor_of: ActorOf) -> None:
        self._service = service
        self._actor_of = actor_of

    def routes(self) -> Sequence[Route]:
        """The table."""
        one = f"{_PATH}/{{id}}"
        return (
            Route(
                "GET", _PATH, "listWebhooks", "List webhooks", self.list, _VIEW, WebhookList,
                tag="webhooks",
            ),
            Route(
                "POST", _PATH, "addWebhook", "Add a webhook", self.add, _MANAGE, NewWebhook,
                WebhookRequest, status=201, tag="webhooks", secret_fields=("secret",),
                description="It gets what happens from now on. The secret is shown once.",
            ),
            Route(
                "GET", one, "getWebhook", "Show a webhook", self.get, _VIEW, Webhook,
                tag="webhooks", errors=("not_found",),
            ),
            Route(
                "PATCH", one, "changeWebhook", "Change a webhook", self.change, _MANAGE, Webhook,
                WebhookChange, tag="webhooks", errors=("not_found",),
            ),
            Route(
                "DELETE", one, "removeWebhook", "Remove a webhook", self.remove, _MANAGE,
                status=204, tag="webhooks", errors=("not_found",),
            ),
            Route(
                "POST", f"{one}/pause", "pauseWebhook", "Send nothing until it is enabled",
                self.pause, _MANAGE, Webhook, tag="webhooks", errors=("not_found",),
            ),
            Route(
                "POST", f"{one}/enable", "enableWebhook", "Send again, first what waited",
                self.enable, _MANAGE, Webhook, WebhookEnable, tag="webhooks",
                errors=("not_found",),
            ),
            Route(
                "POST", f"{one}/rotate", "rotateWebhook", "Make a new secret", self.rotate,
                _MANAGE, NewWebhook, WebhookRotate, tag="webhooks", errors=("not_found",),
                secret_fields=("secret",),
            ),
            Route(
                "POST", f"{one}/test", "testWebhook", "Send a test event now", self.test,
                _MANAGE, Attempt, tag="webhooks", errors=("not_found",),
            ),
            *self._log_routes(one),
        )  # fmt: skip

    def _log_routes(self, one: str) -> Sequence[Route]:
        return (
            Route(
                "GET", f"{one}/deliveries", "listWebhookDeliveries", "What was sent", self.log,
                _VIEW, WebhookDeliveryPage, filters=Paged, tag="webhooks", errors=("not_found",),
            ),
            Route(
                "POST", f"{one}/deliveries/{{delivery}}/replay", "replayWebhookDelivery",
                "Send the events of a delivery again", self.replay, _MANAGE, Attempt,
                tag="webhooks", errors=("not_found",),
            ),
        )  # fmt: skip

    async def list(self, call: Call) -> Answer:
        """`GET /webhooks`."""
        found = await self._service.all(self._actor_of(call), call.identity.account_id)
        return Answer(page([webhook_json(hook) for hook in found], None))

    async def add(self, call: Call) -> Answer:
        """`POST /webhooks`."""
        asked = call.content(WebhookRequest)
        adding = self._service.add(
            self._actor_of(call), call.identity.account_id, asked.url, types=asked.types,
            description=asked.description,
        )  # fmt: skip
        return Answer(new_webhook_json(await carried_out(adding, "url")), 201)

    async def get(self, call: Call) -> Answer:
        """`GET /webhooks/{id}`."""
        return Answer(
            webhook_json(
                await carried_out(self._service.get(self._actor_of(call), number_of(call)))
            )
        )

    async def change(self, call: Call) -> Answer:
        """`PATCH /webhooks/{id}`."""
        asked = call.content(WebhookChange)
        changing = self._service.change(
            self._actor_of(call), number_of(call), url=asked.url, types=asked.types,
            description=asked.description,
        )  # fmt: skip
        return Answer(webhook_json(await carried_out(changing, "url")))

    async def remove(self, call: Call) -> Answer:
        """`DELETE /webhooks/{id}`."""
        await carried_out(self._service.remove(self._actor_of(call), number_of(call)))
        return Answer(status=204)

    async def pause(self, call: Call) -> Answer:
        """`POST /webhooks/{id}/pause`."""
        pausing = self._service.pause(self._actor_of(call), number_of(call))
        return Answer(webhook_json(await carried_out(pausing)))

    async def enable(self, call: Call) -> Answer:
        """`POST /webhooks/{id}/enable`."""
        from_now = call.content(WebhookEnable).from_now
        enabling = self._service.enable(self._actor_of(call), number_of(call), from_now=from_now)
        return Answer(webhook_json(await carried_out(enabling)))

    async def rotate(self, call: Call) -> Answer:
        """`POST /webhooks/{id}/rotate`."""
        overlap_s = call.content(WebhookRotate).overlap_s
        rotating = self._service.rotate(self._actor_of(call), number_of(call), overlap_s)
        return Answer(new_webhook_json(await carried_out(rotating)))

    async def test(self, call: Call) -> Answer:
        """`POST /webhooks/{id}/test`."""
        answer = await carried_out(self._service.test(self._actor_of(call), number_of(call)))
        return Answer(answer_json(answer))

    async def log(self, call: Call) -> Answer:
        """`GET /webhooks/{id}/deliveries`."""
        asked = call.filters(Paged)
        place = place_of(asked.cursor, (int,))
        before = int(place[0]) if place is not None else 0
        reading = self._service.deliveries(
            self._actor_of(call), number_of(call), before=before, count=asked.limit
        )
        found = await carried_out(reading)
        following = [found[-1].id] if len(found) == asked.limit else None
        return Answer(page([delivery_json(line) for line in found], following))

    async def replay(self, call: Call) -> Answer:
        """`POST /webhooks/{id}/deliveries/{delivery}/replay`."""
        delivery = number_of(call, "delivery")
        replaying = self._service.replay(self._actor_of(call), number_of(call), delivery)
        return Answer(answer_json(await carried_out(replaying)))
