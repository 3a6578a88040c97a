"""`/api/v1/sandbox/messages`: what the receiving simulator got."""

from aiohttp import web

from console.api.problems import ApiRefusal, answer
from mta.sandbox.inbox import Inbox

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000
_MAX_FILTER = 320  # the longest address


class SandboxApi:
    """List, get and clear; outside sandbox mode there is nothing."""

    def __init__(self, inbox: Inbox | None) -> None:
        self._inbox = inbox

    def add_routes(self, app: web.Application) -> None:
        """Under `/api/v1/sandbox`."""
        app.router.add_get("/api/v1/sandbox/messages", self.list)
        app.router.add_delete("/api/v1/sandbox/messages", self.clear)
        app.router.add_get("/api/v1/sandbox/messages/{id}", self.get)

    async def list(self, request: web.Request) -> web.Response:
        """`{"messages": […], "kept": n, "next_before": id or null}`, newest first."""
        inbox = self._inbox_or_refuse()
        query = request.query
        limit = _integer(query.get("limit", str(DEFAULT_LIMIT)), "limit", 1, MAX_LIMIT)
        before = _integer(query.get("before", "0"), "before", 0, 2**63 - 1)
        filters = {name: query.get(name, "")[:_MAX_FILTER] for name in _FILTERS}
        found = inbox.list(limit=limit + 1, before=before, **filters)
        shown = found[:limit]
        return answer(
            {
                "messages": [message.summary() for message in shown],
                "kept": len(inbox),
                "next_before": str(shown[-1].id) if len(found) > limit else None,
            }
        )

    async def get(self, request: web.Request) -> web.Response:
        """One message with its headers and its source."""
        inbox = self._inbox_or_refuse()
        identifier = request.match_info["id"]
        message = inbox.get(int(identifier)) if _is_id(identifier) else None
        if message is None:
            raise ApiRefusal(
                404, "not_found", f"there is no message {identifier[:64]!r} (any more)"
            )
        return answer(message.details())

    async def clear(self, _: web.Request) -> web.Response:
        """Forget all messages; says how many."""
        return answer({"deleted": self._inbox_or_refuse().clear()})

    def _inbox_or_refuse(self) -> Inbox:
        if self._inbox is None:
            raise ApiRefusal(404, "not_sandbox", "this server does not run in sandbox mode")
        return self._inbox


_FILTERS = ("sender", "recipient", "text")


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 20


def _integer(text: str, name: str, least: int, most: int) -> int:
    if not _is_id(text) or not least <= int(text) <= most:
        raise ApiRefusal(
            400,
            "invalid_parameter",
            f"{name} = {text[:64]!r}: expected a number, {least} to {most}",
        )
    return int(text)
