"""`/approvals`: what waits for this person's decision, and what this person asked others for."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from aiohttp import web

from console.accounts.approvals.service import ApprovalService
from console.accounts.approvals.values import Approval, ApprovalKind
from console.accounts.signin.sessions import Session
from console.pages.rendering import Renderer
from console.pages.sessions import session_of

MAX_SHOWN = 100
INBOX = "/approvals"

# Where the thing is that a request of each kind is about; there it is decided.
PLACES: Mapping[ApprovalKind, Callable[[Approval], str]] = MappingProxyType(
    {
        ApprovalKind.REFUND: lambda approval: f"/refunds/{approval.object}",
        ApprovalKind.CAMPAIGN_SEND: lambda approval: f"/campaigns/{approval.object}",
        ApprovalKind.ACCOUNT_ERASURE: lambda approval: f"/closing/decide/{approval.id}",
    }
)


class ApprovalPages:
    """Everybody sees his own; each request is decided on the page of what it is about."""

    def __init__(self, renderer: Renderer, approvals: ApprovalService) -> None:
        self._renderer = renderer
        self._approvals = approvals
        renderer.inbox_of = self.inbox_of

    def add_routes(self, app: web.Application) -> None:
        """The one."""
        app.router.add_get(INBOX, self.show)

    def inbox_of(self, session: Session) -> tuple[int, str]:
        """How much waits for this person, and where: with one thing alone, there."""
        waiting = self._approvals.waiting(session.actor)
        return len(waiting), place_of(waiting[0]) if len(waiting) == 1 else INBOX

    async def show(self, request: web.Request) -> web.Response:
        """What waits for a decision, the oldest first; below, one's own requests."""
        session = session_of(request)
        found = await self._approvals.list(session.actor, count=MAX_SHOWN)
        values = {
            "waiting": self._approvals.waiting(session.actor)[:MAX_SHOWN],
            "mine": [approval for approval in found if approval.was_asked_by(session.actor)],
            "accounts": {a.id: a.name for a in session.accounts.values()},
            "place_of": place_of,
        }
        return self._renderer.page(request, "approvals.html", values)


def place_of(approval: Approval) -> str:
    """The page of what it is about."""
    return PLACES[approval.kind](approval)
