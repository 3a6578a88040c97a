"""`/credentials/{id}/first`: the first mail of a new key, which the page with its secret waits for."""

from aiohttp import web

from console.accounts.actor import NotPermitted, NotVisible
from console.accounts.credentials import CredentialService
from console.accounts.permissions import Permission
from console.maillog.search import LogRow, Search
from console.maillog.service import MailLogService
from console.pages.activity import TONES
from console.pages.rendering import Renderer
from console.pages.sessions import session_of


class FirstMailPages:
    """For those who may see the key and its mail."""

    def __init__(
        self, renderer: Renderer, credentials: CredentialService, log: MailLogService
    ) -> None:
        self._renderer = renderer
        self._credentials = credentials
        self._log = log

    def add_routes(self, app: web.Application) -> None:
        """The one; a page asks it again and again, and stands by itself without scripts."""
        app.router.add_get("/credentials/{id:[0-9]{1,19}}/first", self.show)

    async def show(self, request: web.Request) -> web.Response:
        """Waiting, or the newest mail that the key sent."""
        session = session_of(request)
        try:
            credential = await self._credentials.get(session.actor, request.match_info["id"])
        except NotVisible:
            raise web.HTTPNotFound from None
        except NotPermitted:
            raise web.HTTPForbidden from None
        mail: LogRow | None = None
        if session.actor.may(Permission.MAIL_VIEW, credential.account):
            wanted = Search(credential=credential.id, since_ms=credential.created_ms)
            page = await self._log.search(session.actor, credential.account, wanted, limit=1)
            mail = page.rows[0] if page.rows else None
        is_part = "HX-Request" in request.headers
        values = {"credential": credential, "mail": mail, "tones": TONES, "is_part": is_part}
        template = "first_mail_part.html" if is_part else "first_mail.html"
        return self._renderer.page(request, template, values)
