"""What commands can ask of webhooks: a name, arguments as JSON, a result as JSON."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from console.accounts.actor import Actor
from console.webhooks.service import OVERLAP_S, NewWebhook, WebhookService
from console.webhooks.values import Answer, Delivery, Webhook
from mta.events.record import rfc3339
from mta.model.errors import PermanentError
from mta.model.ids import id_in

Arguments = Mapping[str, Any]
Operation = Callable[[Arguments], Awaitable[object]]
AccountFinder = Callable[[str | None], Awaitable[int]]  # by name or id; None: the only one
ACTOR = Actor.command()


class WebhookOperations:
    """Carried out for an operator."""

    def __init__(self, service: WebhookService, find_account: AccountFinder) -> None:
        self._service = service
        self._find_account = find_account

    def operations(self) -> dict[str, Operation]:
        """All by the names that the control socket knows."""
        return {
            "webhook.add": self.add,
            "webhook.list": self.list,
            "webhook.change": self.change,
            "webhook.pause": self.pause,
            "webhook.enable": self.enable,
            "webhook.remove": self.remove,
            "webhook.rotate": self.rotate,
            "webhook.test": self.test,
            "webhook.log": self.log,
            "webhook.replay": self.replay,
        }

    async def add(self, arguments: Arguments) -> object:
        """`url`, `account`, `types`, `description`; the secret is in the result."""
        account = await self._find_account(arguments.get("account"))
        new = await self._service.add(
            ACTOR, account, _text(arguments, "url"), types=arguments.get("types") or (),
            description=arguments.get("description") or "",
        )  # fmt: skip
        return new_webhook_json(new)

    async def list(self, arguments: Arguments) -> object:
        """Those of one `account` if given."""
        wanted = arguments.get("account")
        account = None if wanted is None else await self._find_account(wanted)
        return [webhook_json(hook) for hook in await self._service.all(ACTOR, account)]

    async def change(self, arguments: Arguments) -> object:
        """`webhook`, and what is to change: `url`, `types`, `description`."""
        changed = await self._service.change(
            ACTOR, _id(arguments, "webhook"), url=arguments.get("url"),
            types=arguments.get("types"), description=arguments.get("description"),
        )  # fmt: skip
        return webhook_json(changed)

    async def pause(self, arguments: Arguments) -> object:
        """`webhook`."""
        return webhook_json(await self._service.pause(ACTOR, _id(arguments, "webhook")))

    async def enable(self, arguments: Arguments) -> object:
        """`webhook`, `from_now`: without what waited."""
        from_now = bool(arguments.get("from_now"))
        hook = await self._service.enable(ACTOR, _id(arguments, "webhook"), from_now=from_now)
        return webhook_json(hook)

    async def remove(self, arguments: Arguments) -> object:
        """`webhook`."""
        number = _id(arguments, "webhook")
        await self._service.remove(ACTOR, number)
        return {"id": str(number)}

    async def rotate(self, arguments: Arguments) -> object:
        """`webhook`, `overlap_s`; the new secret is in the result."""
        overlap_s = float(arguments.get("overlap_s", OVERLAP_S))
        new = await self._service.rotate(ACTOR, _id(arguments, "webhook"), overlap_s)
        return new_webhook_json(new)

    async def test(self, arguments: Arguments) -> object:
        """`webhook`; what its receiver answered."""
        return answer_json(await self._service.test(ACTOR, _id(arguments, "webhook")))

    async def log(self, arguments: Arguments) -> object:
        """`webhook`: its newest deliveries, `limit` of them."""
        found = await self._service.deliveries(
            ACTOR, _id(arguments, "webhook"), count=int(arguments.get("limit", 50))
        )
        return [delivery_json(line) for line in found]

    async def replay(self, arguments: Arguments) -> object:
        """`webhook`, `delivery`; what its receiver answered."""
        answer = await self._service.replay(
            ACTOR, _id(arguments, "webhook"), _id(arguments, "delivery")
        )
        return answer_json(answer)


def webhook_json(hook: Webhook) -> dict[str, object]:
    """An endpoint as programs see it, without its secret."""
    return {
        "id": str(hook.id),
        "account": str(hook.account),
        "url": hook.url,
        "description": hook.description,
        "types": [kind.value for kind in hook.types],
        "state": hook.state,
        "reason": hook.reason,
        "failing_since": _time(hook.failing_since_ms),
        "attempts": hook.attempts,
        "next_attempt": _time(hook.next_ms),
        "created": _time(hook.created_ms),
    }


def new_webhook_json(new: NewWebhook) -> dict[str, object]:
    """The same with its secret."""
    return {**webhook_json(new.webhook), "secret": new.secret}


def delivery_json(line: Delivery) -> dict[str, object]:
    """A line of the delivery log."""
    return {
        "id": str(line.id),
        "at": rfc3339(line.at_ms),
        "kind": line.kind,
        "first_event": str(line.first),
        "last_event": str(line.last),
        "events": line.events,
        "attempt": line.attempt,
        "status": line.status,
        "taken": line.is_taken,
        "took_ms": line.took_ms,
        "answer": line.answer,
    }


def answer_json(answer: Answer) -> dict[str, object]:
    """What became of a POST."""
    return {
        "status": answer.status, "taken": answer.is_taken, "took_ms": answer.took_ms,
        "answer": answer.text,
    }  # fmt: skip


def _time(at_ms: int) -> str | None:
    return rfc3339(at_ms) if at_ms else None


def _text(arguments: Arguments, key: str) -> str:
    value = arguments.get(key)
    if not isinstance(value, str) or not value:
        raise PermanentError(f"the argument {key!r} is missing")
    return value


def _id(arguments: Arguments, key: str) -> int:
    text = _text(arguments, key)
    if not (number := id_in(text)):
        raise PermanentError(f"{text!r} is no id")
    return number
