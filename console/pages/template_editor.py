"""`/templates/ID`: writing a template beside what it looks like, in slots or in code.

What is written is kept as a draft with every change and becomes a version when it is saved. Without
JavaScript the button that shows it does the same.
"""

from collections.abc import Sequence
from typing import Any

from aiohttp import web

from console.accounts.permissions import Permission
from console.accounts.ports import MailAttachment, Mailer, SystemMail
from console.content.preview import preview, preview_text
from console.content.structure import File
from console.pages.forms import id_of, text_of
from console.pages.rendering import Renderer
from console.pages.sessions import session_of
from console.pages.template_frame import LINKS, frame, sample_values
from console.pages.template_parts import (
    account_of,
    files_of,
    open_template,
    refused_to_http,
    said,
)
from console.templates.composing import CompiledDraft
from console.templates.designs import MAX_SLOT
from console.templates.differences import differences
from console.templates.media import MediaService
from console.templates.service import MAX_NAME, MAX_SOURCE, SavedMeanwhile, TemplateService
from console.templates.values import Draft, Template, Version
from mta.model.errors import PermanentError, RelevoError

DEVICES = (("desktop", 680), ("tablet", 768), ("phone", 375))
MAX_SUBJECT = 500


class TemplateEditorPages:
    """For those who see campaigns; who edits templates changes them."""

    def __init__(
        self,
        renderer: Renderer,
        service: TemplateService,
        media: MediaService,
        public_url: str,
        mailer: Mailer | None,
    ) -> None:
        """`mailer` sends tests; None when no server runs."""
        self._renderer = renderer
        self._service = service
        self._media = media
        self._public_url = public_url
        self._mailer = mailer

    def add_routes(self, app: web.Application) -> None:
        """All of them."""
        add = app.router
        add.add_get(r"/templates/{id:\d+}", self.edit)
        add.add_post(r"/templates/{id:\d+}", self.save)
        add.add_post(r"/templates/{id:\d+}/draft", self.keep)
        add.add_get(r"/templates/{id:\d+}/preview", self.show)
        add.add_get(r"/templates/{id:\d+}/frame", self.show_frame)
        add.add_get(r"/templates/{id:\d+}/versions", self.versions)
        add.add_get(r"/templates/{id:\d+}/diff", self.diff)
        add.add_post(r"/templates/{id:\d+}/restore", self.restore)
        add.add_post(r"/templates/{id:\d+}/source", self.to_source)
        add.add_post(r"/templates/{id:\d+}/discard", self.discard)
        add.add_post(r"/templates/{id:\d+}/test", self.test)

    async def edit(self, request: web.Request) -> web.Response:
        """The editor."""
        template = await open_template(self._service, request)
        version = await self._service.draft(session_of(request).actor, template.id)
        return await self._page(request, template, version)

    async def save(self, request: web.Request) -> web.StreamResponse:
        """A version, or only a look at it."""
        session, form = session_of(request), await request.post()
        template = await open_template(self._service, request)
        draft, base = await self._written(request, template)
        try:
            if form.get("do") in ("look", "test"):
                await self._service.keep_draft(session.actor, template.id, draft, base)
                if form.get("do") == "test":
                    await self._test(request, template)
                raise web.HTTPSeeOther(f"/templates/{template.id}")
            await self._service.save(
                session.actor, template.id, draft, note=text_of(form, "note", 200),
                name=text_of(form, "name", MAX_NAME), base=base,
            )  # fmt: skip
        except PermanentError as error:
            with refused_to_http():
                await self._service.keep_draft(session.actor, template.id, draft, base)
            version = await self._service.draft(session.actor, template.id)
            return await self._page(request, template, version, error)
        session.tell(self._renderer.texts(request)("templates.saved"))
        raise web.HTTPSeeOther(f"/templates/{template.id}")

    async def keep(self, request: web.Request) -> web.Response:
        """Keep the draft, and answer what is to be seen of it."""
        session = session_of(request)
        template = await open_template(self._service, request)
        draft, base = await self._written(request, template)
        with refused_to_http():
            await self._service.keep_draft(session.actor, template.id, draft, base)
        version = await self._service.draft(session.actor, template.id)
        values = await self._values(request, template, version)
        return self._renderer.page(request, "template_side.html", values)

    async def show(self, request: web.Request) -> web.Response:
        """As readers see it, on each of their devices."""
        template = await open_template(self._service, request)
        version = await self._service.draft(session_of(request).actor, template.id)
        query = {k: request.query.get(k, "") for k in ("view", "images", "with")}
        values = await self._values(request, template, version)
        devices = dict(DEVICES)
        view = query["view"] if query["view"] in (*devices, "dark", "text") else "all"
        values |= {"view": view, "images_off": query["images"] == "off", "with": query["with"],
                   "devices": DEVICES}  # fmt: skip
        return self._renderer.page(request, "template_preview.html", values)

    async def show_frame(self, request: web.Request) -> web.Response:
        """The mail alone, for a frame."""
        session = session_of(request)
        template = await open_template(self._service, request)
        number = id_of(request.query.get("version", ""))
        with refused_to_http():
            version = await (
                self._service.version(session.actor, template.id, number)
                if number
                else self._service.draft(session.actor, template.id)
            )
            compiled = await self._service.compile(template.account, version.draft)
        values = sample_values(compiled.fields, is_empty=request.query.get("with") == "empty")
        return frame(
            compiled, values, public_url=self._public_url,
            is_images_off=request.query.get("images") == "off",
            is_dark="dark" in request.query, is_text="text" in request.query,
        )  # fmt: skip

    async def versions(self, request: web.Request) -> web.Response:
        """What it was."""
        template = await open_template(self._service, request)
        found = await self._service.versions(session_of(request).actor, template.id)
        values = {"template": template, "versions": found, "may_edit": self._may_edit(request)}
        return self._renderer.page(request, "template_versions.html", values)

    async def diff(self, request: web.Request) -> web.Response:
        """What changed from one version to another, or to what is being written."""
        actor, template = session_of(request).actor, await open_template(self._service, request)
        first, second = (id_of(request.query.get(name, "")) for name in ("from", "to"))
        with refused_to_http():
            before = await self._service.version(actor, template.id, first)
            after = await (
                self._service.version(actor, template.id, second)
                if second
                else self._service.draft(actor, template.id)
            )
        design = self._service.gallery.find(after.draft.design)
        found = differences(before.draft, after.draft, design.defaults if design else None)
        values = {"template": template, "found": found, "first": first, "second": second}
        return self._renderer.page(request, "template_diff.html", values)

    async def restore(self, request: web.Request) -> web.StreamResponse:
        """What it was, as a new version."""
        session, form = session_of(request), await request.post()
        template = await open_template(self._service, request)
        number = id_of(text_of(form, "number"))
        with refused_to_http():
            await self._service.restore(session.actor, template.id, number)
        session.tell(self._renderer.texts(request)("templates.restored", n=number))
        raise web.HTTPSeeOther(f"/templates/{template.id}")

    async def to_source(self, request: web.Request) -> web.StreamResponse:
        """From slots to code."""
        template = await open_template(self._service, request)
        with refused_to_http():
            await self._service.to_source(session_of(request).actor, template.id)
        raise web.HTTPSeeOther(f"/templates/{template.id}")

    async def discard(self, request: web.Request) -> web.StreamResponse:
        """Back to what was saved."""
        template = await open_template(self._service, request)
        with refused_to_http():
            await self._service.drop_draft(session_of(request).actor, template.id)
        raise web.HTTPSeeOther(f"/templates/{template.id}")

    async def test(self, request: web.Request) -> web.StreamResponse:
        """One mail to oneself; it costs nothing."""
        template = await open_template(self._service, request)
        await self._test(request, template)
        raise web.HTTPSeeOther(f"/templates/{template.id}")

    async def _test(self, request: web.Request, template: Template) -> None:
        session, texts = session_of(request), self._renderer.texts(request)
        if not session.actor.may(Permission.CAMPAIGN_TEST, template.account):
            raise web.HTTPForbidden
        version = await self._service.draft(session.actor, template.id)
        try:
            compiled = await self._service.compile(template.account, version.draft)
            files = await self._media.attachments(template.account, version.draft.files)
            mark = texts("templates.test_mark")
            await self._send(session.email, texts.language, mark, compiled, files)
            session.tell(texts("templates.tested", address=session.email))
        except RelevoError as error:
            problem = said(texts, error)[0] if isinstance(error, PermanentError) else str(error)
            session.tell(texts("templates.not_tested", why=problem), tone="bad")

    async def _send(
        self, to: str, language: str, mark: str, compiled: CompiledDraft, files: Sequence[File]
    ) -> None:
        if self._mailer is None:
            raise PermanentError("no server runs")
        values = sample_values(compiled.fields)
        values |= dict.fromkeys(LINKS, self._public_url or "#")
        subject = f"[{mark}] {preview_text(compiled.subject, values)}"
        html = preview(compiled.body, values) if compiled.body.html else ""
        text = preview_text(compiled.body.text, values)
        await self._mailer.send(
            SystemMail(
                to,
                language,
                subject[:MAX_SUBJECT],
                text,
                html,
                tuple(MailAttachment(one.name, one.content_type, one.data) for one in files),
                kind="template-test",
            )
        )

    async def _written(self, request: web.Request, template: Template) -> tuple[Draft, int]:
        """What the form says, and the version it began with; a design stays what it is."""
        form = await request.post()
        version = await self._service.draft(session_of(request).actor, template.id)
        before, base = version.draft, id_of(text_of(form, "over") or text_of(form, "base"))
        subject = text_of(form, "subject", MAX_SUBJECT)
        slots = {
            key.removeprefix("slot."): str(value)[:MAX_SLOT]
            for key, value in form.items()
            if key.startswith("slot.") and isinstance(value, str)
        }
        source = form.get("source", before.source)
        text = source if isinstance(source, str) else before.source
        text = text.replace("\r\n", "\n")[: MAX_SOURCE + 1]
        part = form.get("text", before.text)
        own = part.replace("\r\n", "\n")[: MAX_SOURCE + 1] if isinstance(part, str) else ""
        files = files_of(form, before.files)
        draft = Draft(before.kind, subject, before.design, text, slots, files, own.strip("\n"))
        return draft, base or version.base

    async def _page(
        self,
        request: web.Request,
        template: Template,
        version: Version,
        error: PermanentError | None = None,
    ) -> web.Response:
        values = await self._values(request, template, version, error)
        status = 422 if error is not None else 200
        return self._renderer.page(request, "template_editor.html", values, status=status)

    async def _values(
        self,
        request: web.Request,
        template: Template,
        version: Version,
        error: PermanentError | None = None,
    ) -> dict[str, Any]:
        texts = self._renderer.texts(request)
        compiled = None
        try:
            compiled = await self._service.compile(template.account, version.draft)
        except PermanentError as mistake:
            error = error or mistake
        problem, line = said(texts, error) if error is not None else ("", 0)
        actor = session_of(request).actor
        newer = None
        if version.is_draft and version.base and version.base < template.version:
            newer = (await self._service.versions(actor, template.id))[0]
            problem = "" if isinstance(error, SavedMeanwhile) else problem
        with refused_to_http():
            files = await self._media.named(actor, template.account, version.draft.files)
        return {
            "newer": newer,
            "files": files,
            "template": template,
            "seen": version,
            "draft": version.draft,
            "design": self._service.gallery.find(version.draft.design),
            "compiled": compiled,
            "problem": problem,
            "line": line,
            "subject": preview_text(compiled.subject, sample_values(compiled.fields))
            if compiled
            else "",
            "stamp": version.at_ms,
            "may_edit": self._may_edit(request),
            "may_test": session_of(request).actor.may(Permission.CAMPAIGN_TEST, template.account),
        }

    def _may_edit(self, request: web.Request) -> bool:
        return session_of(request).actor.may(Permission.TEMPLATE_EDIT, account_of(request))
