"""`/templates/media`: the images and files that mail links to."""

from aiohttp import web

from console.accounts.permissions import Permission
from console.pages.forms import id_of, text_of
from console.pages.rendering import Renderer
from console.pages.sessions import session_of
from console.pages.template_parts import account_of, refused_to_http
from console.templates.images import MAX_UPLOAD, ImageRefused
from console.templates.media import LAST, MAX_FILE, PAGE, MediaService
from console.templates.values import Media

UPLOAD = "/templates/media"
CHOOSE = "/templates/media/choose"
KINDS = ("image", "file")
MAX_BODY = max(MAX_FILE, MAX_UPLOAD) + 64 * 1024


class MediaLibraryPages:
    """For those who see campaigns; who edits templates uploads and removes."""

    def __init__(self, renderer: Renderer, media: MediaService, public_url: str) -> None:
        self._renderer = renderer
        self._media = media
        self._public_url = public_url

    def add_routes(self, app: web.Application) -> None:
        """All of them."""
        app.router.add_get(UPLOAD, self.show)
        app.router.add_post(UPLOAD, self.upload)
        app.router.add_post(f"{UPLOAD}/remove", self.remove)
        app.router.add_get(CHOOSE, self.choose)
        app.router.add_post(CHOOSE, self.upload_chosen)

    async def show(self, request: web.Request) -> web.Response:
        """The library."""
        return await self._page(request)

    async def upload(self, request: web.Request) -> web.StreamResponse:
        """An image or a file, told apart by what is in it."""
        media, problem = await self._taken(request)
        if problem:
            return await self._page(request, problem)
        if media is not None:
            texts = self._renderer.texts(request)
            session_of(request).tell(texts("media.added", name=media.name))
        raise web.HTTPSeeOther(UPLOAD)

    async def choose(self, request: web.Request) -> web.Response:
        """What there is to choose from, inside of an editor."""
        return await self._choice(request)

    async def upload_chosen(self, request: web.Request) -> web.Response:
        """The same after one more was uploaded, which is chosen."""
        media, problem = await self._taken(request)
        return await self._choice(request, media, problem)

    async def _taken(self, request: web.Request) -> tuple[Media | None, str]:
        """What was uploaded, or why it was not."""
        form = await request.post()
        field = form.get("file")
        if not isinstance(field, web.FileField) or not field.filename:
            return None, ""
        data = field.file.read(MAX_BODY)
        is_file = data.startswith((b"%PDF-", b"PK\x03\x04"))
        add = self._media.add_file if is_file else self._media.add_image
        try:
            with refused_to_http():
                account, name = account_of(request), field.filename
                try:
                    return await add(session_of(request).actor, account, name, data), ""
                except ImageRefused as error:
                    texts = self._renderer.texts(request)
                    return None, texts(f"media.refused.{error.code}", name=name)
        finally:
            field.file.close()

    async def _choice(
        self, request: web.Request, added: Media | None = None, problem: str = ""
    ) -> web.Response:
        session, account = session_of(request), account_of(request)
        kind = request.query.get("kind", "")
        if added is not None and added.kind != kind:
            texts = self._renderer.texts(request)
            problem = texts(f"media.not_here.{added.kind}", name=added.name)
        with refused_to_http():
            found = await self._media.list(
                session.actor, account, kind=kind if kind in KINDS else "image"
            )
        values = {
            "kind": kind if kind in KINDS else "image",
            "found": found,
            "chosen": added.id if added is not None else 0,
            "problem": problem,
            "public_url": self._public_url,
            "may_edit": session.actor.may(Permission.TEMPLATE_EDIT, account),
        }
        return self._renderer.page(request, "media_choose.html", values)

    async def remove(self, request: web.Request) -> web.StreamResponse:
        """Out of the library, or back into it."""
        session, form = session_of(request), await request.post()
        media = id_of(text_of(form, "id"))
        with refused_to_http():
            if form.get("undo"):
                await self._media.put_back(session.actor, media)
                raise web.HTTPSeeOther(UPLOAD)
            await self._media.remove(session.actor, media)
        raise web.HTTPSeeOther(f"{UPLOAD}?removed={media}")

    async def _page(self, request: web.Request, problem: str = "") -> web.Response:
        session, account = session_of(request), account_of(request)
        with refused_to_http():
            before = id_of(request.query.get("before", ""))
            found = await self._media.list(
                session.actor, account, before=before or LAST, limit=PAGE + 1
            )
            older = found[PAGE - 1].id if found[PAGE:] else 0
            found = found[:PAGE]
            removed = id_of(request.query.get("removed", ""))
            gone = await self._media.get(session.actor, removed) if removed else None
        values = {
            "older": older,
            "images": [one for one in found if one.kind == "image"],
            "files": [one for one in found if one.kind == "file"],
            "problem": problem,
            "gone": gone if gone and gone.state == "removed" else None,
            "public_url": self._public_url,
            "may_edit": session.actor.may(Permission.TEMPLATE_EDIT, account),
        }
        status = 422 if problem else 200
        return self._renderer.page(request, "media.html", values, status=status)
