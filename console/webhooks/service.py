"""What people and programs do with webhooks: add, change, rotate, test, look, replay."""

import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace

from console.accounts.actor import Actor, NotVisible
from console.accounts.audit import AuditTrail
from console.accounts.permissions import Permission
from console.webhooks.batches import BATCH_TYPE, TEST_TYPE, body_of, event_of
from console.webhooks.courier import log_row
from console.webhooks.posting import Poster
from console.webhooks.signing import Signer
from console.webhooks.targets import AddressRefused, TargetPolicy
from console.webhooks.values import Answer, Delivery, Kind, Webhook, WebhookState
from mta.events.record import rfc3339
from mta.model.clock import Clock
from mta.model.errors import JobRefused, PermanentError
from mta.model.ids import IdGenerator
from mta.model.traffic import EventType
from mta.store.base import Store
from mta.store.work import Rows

MAX_WEBHOOKS = 50  # of an account
MAX_DESCRIPTION = 200
OVERLAP_S = 24 * 3600.0  # for which the secret before a rotation signs too
PAGE = 50


class NoSuchWebhook(NotVisible):
    """There is none with that id, or not for this actor: 404."""


@dataclass(frozen=True, slots=True)
class NewWebhook:
    """An endpoint with its secret, which is shown when it is made or rotated."""

    webhook: Webhook
    secret: str


class WebhookService:
    """Every method takes who acts, and checks what that one may do."""

    def __init__(
        self,
        store: Store,
        ids: IdGenerator,
        clock: Clock,
        trail: AuditTrail,
        signer: Signer,
        policy: TargetPolicy,
        poster: Poster,
    ) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock
        self._trail = trail
        self._signer = signer
        self._policy = policy
        self._poster = poster
        self.on_change: Callable[[], Awaitable[None]] | None = None  # the running hub's refresh

    # -- looking -------------------------------------------------------------------------------

    async def all(self, actor: Actor, account: int | None = None) -> list[Webhook]:
        """Endpoints of an account, or of all that the actor may see."""
        if account is not None:
            actor.require(Permission.WEBHOOK_VIEW, account)
        found = map(Webhook.of, await self._store.read("webhook_all"))
        return [
            hook for hook in found
            if account in (None, hook.account) and actor.may(Permission.WEBHOOK_VIEW, hook.account)
        ]  # fmt: skip

    async def get(
        self, actor: Actor, webhook_id: int, permission: Permission = Permission.WEBHOOK_VIEW
    ) -> Webhook:
        """One endpoint. Raises `NoSuchWebhook`, `NotPermitted`."""
        rows = await self._store.read("webhook_by_id", id=webhook_id)
        if not rows or not actor.may(
            Permission.WEBHOOK_VIEW, (hook := Webhook.of(rows[0])).account
        ):
            raise NoSuchWebhook(f"there is no webhook {webhook_id}")
        actor.require(permission, hook.account)
        return hook

    async def deliveries(
        self, actor: Actor, webhook_id: int, *, before: int = 0, count: int = PAGE
    ) -> list[Delivery]:
        """The log of an endpoint, newest first; `before`: the id of a line, 0 for the newest."""
        await self.get(actor, webhook_id)
        rows = await self._store.read(
            "webhook_deliveries", webhook=webhook_id, before=before or 1 << 62, count=count
        )
        return [Delivery.of(row) for row in rows]

    # -- changing ------------------------------------------------------------------------------

    async def add(
        self,
        actor: Actor,
        account: int,
        url: str,
        *,
        types: Iterable[str] = (),
        description: str = "",
    ) -> NewWebhook:
        """A new endpoint; it gets what happens from now on. `types` empty: everything."""
        actor.require(Permission.WEBHOOK_MANAGE, account)
        present = map(Webhook.of, await self._store.read("webhook_all"))
        if sum(hook.account == account for hook in present) >= MAX_WEBHOOKS:
            raise PermanentError(f"an account has at most {MAX_WEBHOOKS} webhooks")
        now_ms = self._clock.now_ms()
        ((newest,),) = await self._store.read("event_last")
        hook = Webhook(
            self._ids.new(), account, self._url(url), _description(description), read_types(types),
            WebhookState.ACTIVE, "", 1, 0, 0, 0, 0, 0, now_ms, newest,
        )  # fmt: skip
        row = (
            hook.id, account, hook.url, hook.description, _json(hook.types), hook.state, now_ms,
        )  # fmt: skip
        await self._change(
            Rows("webhook_insert", [row]),
            Rows("event_cursor_insert", [(hook.cursor, newest, now_ms)]),
            self._trail.entry(actor, "webhook.created", account, hook.id, after=_shown(hook)),
        )
        return NewWebhook(hook, self._signer.secret(hook.id, 1))

    async def change(
        self,
        actor: Actor,
        webhook_id: int,
        *,
        url: str | None = None,
        types: Iterable[str] | None = None,
        description: str | None = None,
    ) -> Webhook:
        """What is not given stays."""
        hook = await self.get(actor, webhook_id, Permission.WEBHOOK_MANAGE)
        after = replace(
            hook,
            url=hook.url if url is None else self._url(url),
            types=hook.types if types is None else read_types(types),
            description=hook.description if description is None else _description(description),
        )
        row = (hook.id, after.url, after.description, _json(after.types))
        await self._change(
            Rows("webhook_change", [row], expect=1),
            self._trail.entry(
                actor, "webhook.changed", hook.account, hook.id, _shown(hook), _shown(after)
            ),
        )
        return after

    async def pause(self, actor: Actor, webhook_id: int) -> Webhook:
        """Send nothing until it is enabled; events wait."""
        return await self._set_state(actor, webhook_id, WebhookState.PAUSED, "webhook.paused")

    async def enable(self, actor: Actor, webhook_id: int, *, from_now: bool = False) -> Webhook:
        """Send again, first what waited; with `from_now` only what happens from now on."""
        skip: list[Rows] = []
        if from_now:
            hook = await self.get(actor, webhook_id, Permission.WEBHOOK_MANAGE)
            ((newest,),) = await self._store.read("event_last")
            if newest > hook.position:
                move = (hook.cursor, hook.position, newest, self._clock.now_ms())
                skip.append(Rows("event_cursor_move", [move], expect=1))
        return await self._set_state(
            actor, webhook_id, WebhookState.ACTIVE, "webhook.enabled", *skip
        )

    async def remove(self, actor: Actor, webhook_id: int) -> None:
        """Forget the endpoint and how far it had got, with its delivery log."""
        hook = await self.get(actor, webhook_id, Permission.WEBHOOK_MANAGE)
        await self._change(
            Rows("webhook_delete", [(hook.id,)], expect=1),
            Rows("event_cursor_delete", [(hook.cursor,)]),
            Rows("webhook_delivery_delete", [(hook.id,)]),
            self._trail.entry(actor, "webhook.removed", hook.account, hook.id, _shown(hook)),
        )

    async def rotate(
        self, actor: Actor, webhook_id: int, overlap_s: float = OVERLAP_S
    ) -> NewWebhook:
        """A new secret; the one before signs too until the overlap is over."""
        hook = await self.get(actor, webhook_id, Permission.WEBHOOK_MANAGE)
        until_ms = self._clock.now_ms() + round(overlap_s * 1000)
        after = replace(hook, generation=hook.generation + 1, previous_until_ms=until_ms)
        try:
            await self._change(
                Rows("webhook_rotate", [(hook.id, hook.generation, until_ms)], expect=1),
                self._trail.entry(
                    actor,
                    "webhook.rotated",
                    hook.account,
                    hook.id,
                    {"generation": hook.generation},
                    {"generation": after.generation, "overlap_until": rfc3339(until_ms)},
                ),
            )
        except JobRefused:
            raise PermanentError("somebody else rotated it at this moment") from None
        return NewWebhook(after, self._signer.secret(hook.id, after.generation))

    # -- sending -------------------------------------------------------------------------------

    async def test(self, actor: Actor, webhook_id: int) -> Answer:
        """POST an event `webhook.test` now, whatever the endpoint's state; once."""
        hook = await self.get(actor, webhook_id, Permission.WEBHOOK_MANAGE)
        now_ms = self._clock.now_ms()
        number = self._ids.new()
        event: dict[str, object] = {
            "id": str(number), "type": TEST_TYPE, "at": rfc3339(now_ms),
            "account": str(hook.account), "data": {"webhook": str(hook.id), "by": actor.name},
        }  # fmt: skip
        body = body_of(TEST_TYPE, now_ms, [event])
        answer = await self._poster.post(hook, f"whd_{hook.id}_test_{number}", body)
        await self._store.submit([log_row(hook, Kind.TEST, 0, 0, 1, 1, now_ms, answer)])
        return answer

    async def replay(self, actor: Actor, webhook_id: int, delivery_id: int) -> Answer:
        """POST the events of a line of the log again, under the same `webhook-id`; once."""
        hook = await self.get(actor, webhook_id, Permission.WEBHOOK_MANAGE)
        rows = await self._store.read("webhook_delivery_by_id", id=delivery_id)
        if not rows or (line := Delivery.of(rows[0])).webhook != hook.id or not line.last:
            raise PermanentError(f"webhook {webhook_id} has no delivery {delivery_id} with events")
        found = await self._store.read(
            "webhook_events", after=line.first - 1, upto=line.last, account=hook.account,
            types=hook.codes, count=line.events,
        )  # fmt: skip
        if not found:
            raise PermanentError("these events are past their retention")
        now_ms = self._clock.now_ms()
        body = body_of(BATCH_TYPE, now_ms, [event_of(row) for row in found])
        message_id = f"whd_{hook.id}_{line.first}_{line.last}"
        answer = await self._poster.post(hook, message_id, body)
        await self._store.submit(
            [
                log_row(hook, Kind.REPLAY, line.first, line.last, len(found), 1, now_ms, answer),
                self._trail.entry(
                    actor,
                    "webhook.replayed",
                    hook.account,
                    hook.id,
                    after={"first": line.first, "last": line.last, "status": answer.status},
                ),
            ]
        )
        return answer

    # -- below ---------------------------------------------------------------------------------

    async def _set_state(
        self, actor: Actor, webhook_id: int, state: WebhookState, action: str, *more: Rows
    ) -> Webhook:
        hook = await self.get(actor, webhook_id, Permission.WEBHOOK_MANAGE)
        await self._change(
            Rows("webhook_state", [(hook.id, state, "")], expect=1),
            *more,
            self._trail.entry(
                actor, action, hook.account, hook.id, {"state": hook.state}, {"state": state}
            ),
        )
        return replace(hook, state=state, reason="")

    async def _change(self, *work: Rows) -> None:
        await self._store.submit(work)
        if self.on_change is not None:
            await self.on_change()

    def _url(self, url: str) -> str:
        try:
            return self._policy.checked_url(url)
        except AddressRefused as error:
            raise PermanentError(str(error)) from None


def read_types(names: Iterable[str]) -> tuple[EventType, ...]:
    """Event types by name, each once. Raises `PermanentError` for one that does not exist."""
    found: list[EventType] = []
    for name in names:
        try:
            kind = EventType(name)
        except ValueError:
            known = ", ".join(EventType)
            raise PermanentError(f"{name!r} is no event type: expected {known}") from None
        if kind not in found:
            found.append(kind)
    return tuple(found)


def _description(text: str) -> str:
    text = text.strip()
    if len(text) > MAX_DESCRIPTION or not text.isprintable():
        raise PermanentError(f"a description has at most {MAX_DESCRIPTION} printable characters")
    return text


def _json(types: Iterable[EventType]) -> str:
    return json.dumps([kind.value for kind in types])


def _shown(hook: Webhook) -> dict[str, object]:
    return {
        "url": hook.url, "description": hook.description, "state": hook.state,
        "types": [kind.value for kind in hook.types],
    }  # fmt: skip
