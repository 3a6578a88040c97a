"""`/templates`: the gallery, saved templates, and the account's look."""

from typing import Any

from aiohttp import web

from console.accounts.permissions import Permission
from console.content.source import SourceKind
from console.pages.forms import id_of, refusal, text_of
from console.pages.rendering import Renderer
from console.pages.sessions import session_of
from console.pages.template_frame import frame, sample_values
from console.pages.template_parts import account_of, open_template, refused_to_http
from console.templates.branding import Brand
from console.templates.service import MAX_NAME, PAGE, TemplateService
from console.templates.values import Draft

_BLANK = (
    "<mjml>\n  <mj-body>\n    <mj-section>\n      <mj-column>\n        <mj-text>Hola {{ nombre | "
    'default: "estimado/a" }}:</mj-text>\n      </mj-column>\n    </mj-section>\n  </mj-body>\n</mjml>\n'
)


class TemplateListPages:
    """For those who see campaigns; the service checks each step again."""

    def __init__(self, renderer: Renderer, service: TemplateService, public_url: str) -> None:
        self._renderer = renderer
        self._service = service
        self._public_url = public_url

    def add_routes(self, app: web.Application) -> None:
        """All of them."""
        add = app.router
        add.add_get("/templates", self.saved)
        add.add_post("/templates", self.create)
        add.add_get("/templates/gallery", self.gallery)
        add.add_get("/templates/gallery/{key}/frame", self.design_frame)
        add.add_get("/templates/brand", self.brand)
        add.add_post("/templates/brand", self.set_brand)
        add.add_post(r"/templates/{id:\d+}/duplicate", self.duplicate)
        add.add_post(r"/templates/{id:\d+}/archive", self.archive)

    async def saved(self, request: web.Request) -> web.Response:
        """The account's own, what was changed last first."""
        session, account = session_of(request), account_of(request)
        search = request.query.get("q", "").strip()[:MAX_NAME]
        state = "archived" if request.query.get("state") == "archived" else "active"
        place = [id_of(part) for part in request.query.get("before", "").split("-")]
        before = {"before": (place[0], place[1])} if len(place) == 2 else {}
        with refused_to_http():
            found = await self._service.list(
                session.actor, account, search=search, state=state, limit=PAGE + 1, **before
            )
            archived = id_of(request.query.get("archived", ""))
            gone = await self._service.get(session.actor, archived) if archived else None
        values = {
            "templates": found[:PAGE], "search": search, "state": state,
            "older": f"{found[PAGE - 1].changed_ms}-{found[PAGE - 1].id}" if found[PAGE:] else "",
            "may_edit": self._may_edit(request),
            "gone": gone if gone and gone.state == "archived" else None,
        }  # fmt: skip
        return self._renderer.page(request, "template_list.html", values)

    async def gallery(self, request: web.Request) -> web.Response:
        """Every design, with its picture."""
        with refused_to_http():
            await self._service.brand(session_of(request).actor, account_of(request))
        values = {
            "designs": self._service.gallery.designs,
            "may_edit": self._may_edit(request),
            "problem": "",
        }
        return self._renderer.page(request, "template_gallery.html", values)

    async def design_frame(self, request: web.Request) -> web.Response:
        """A design as it comes, in the account's colours."""
        session, account = session_of(request), account_of(request)
        design = self._service.gallery.find(request.match_info["key"])
        if design is None:
            raise web.HTTPNotFound
        with refused_to_http():
            await self._service.brand(session.actor, account)
        draft = Draft(design.kind, design.subject, design.key)
        compiled = await self._service.compile(account, draft)
        values = sample_values(compiled.fields)
        return frame(compiled, values, public_url=self._public_url)

    async def create(self, request: web.Request) -> web.StreamResponse:
        """Of a design, or from nothing in HTML or MJML."""
        session, form = session_of(request), await request.post()
        design = self._service.gallery.find(text_of(form, "design"))
        kind = SourceKind(text_of(form, "kind") or "mjml") if design is None else design.kind
        texts = self._renderer.texts(request)
        if design is None:
            source = _BLANK if kind is SourceKind.MJML else "<p>Hola</p>\n"
            draft = Draft(kind, "", "", "Hola\n" if kind is SourceKind.TEXT else source)
            name = texts("templates.blank")
        else:
            draft = Draft(kind, design.subject, design.key, "", dict(design.defaults))
            name = design.names[texts.language]
        with refused_to_http():
            made = await self._service.create(
                session.actor, account_of(request), text_of(form, "name", MAX_NAME) or name, draft
            )
        raise web.HTTPSeeOther(f"/templates/{made.id}")

    async def duplicate(self, request: web.Request) -> web.StreamResponse:
        """The same again, to be changed."""
        session = session_of(request)
        found = await open_template(self._service, request)
        name = self._renderer.texts(request)("templates.copy_of", name=found.name)[:MAX_NAME]
        with refused_to_http():
            made = await self._service.duplicate(session.actor, found.id, name)
        raise web.HTTPSeeOther(f"/templates/{made.id}")

    async def archive(self, request: web.Request) -> web.StreamResponse:
        """Out of the list, or back into it."""
        session, form = session_of(request), await request.post()
        found = await open_template(self._service, request)
        with refused_to_http():
            if form.get("undo"):
                await self._service.unarchive(session.actor, found.id)
                raise web.HTTPSeeOther("/templates")
            await self._service.archive(session.actor, found.id)
        raise web.HTTPSeeOther(f"/templates?archived={found.id}")

    async def brand(self, request: web.Request) -> web.Response:
        """Colours, logo and sender's address."""
        session = session_of(request)
        with refused_to_http():
            brand = await self._service.brand(session.actor, account_of(request))
        return self._brand_page(request, brand.fields)

    async def set_brand(self, request: web.Request) -> web.StreamResponse:
        """Keep them."""
        session, form = session_of(request), await request.post()
        given = {name: text_of(form, name) for name in Brand().fields}
        with refused_to_http():
            problem = await refusal(
                self._service.set_brand(session.actor, account_of(request), given)
            )
        if problem:
            return self._brand_page(request, given, problem)
        session.tell(self._renderer.texts(request)("templates.brand_kept"))
        raise web.HTTPSeeOther("/templates/brand")

    def _brand_page(self, request: web.Request, brand: Any, problem: str = "") -> web.Response:
        values = {"brand": brand, "problem": problem, "may_edit": self._may_edit(request)}
        status = 422 if problem else 200
        return self._renderer.page(request, "template_brand.html", values, status=status)

    def _may_edit(self, request: web.Request) -> bool:
        return session_of(request).actor.may(Permission.TEMPLATE_EDIT, account_of(request))
