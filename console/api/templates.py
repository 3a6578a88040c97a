"""The endpoints about templates: the account's own, and the gallery to begin with."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from console.accounts.values import Scope
from console.api.acting import ActorOf, carried_out, number_of
from console.api.messages.schemas import Id, Time
from console.api.pagination import Paged, page, place_of
from console.api.routes import Answer, Call, Route
from console.content.preview import preview, preview_text
from console.content.source import SourceKind
from console.templates.designs import MAX_SLOT
from console.templates.service import MAX_FILES, MAX_NAME, MAX_SLOTS, MAX_SOURCE, TemplateService
from console.templates.values import Draft, Template, Version
from mta.events.record import rfc3339

_VIEW = (Scope.CAMPAIGN_VIEW, Scope.TEMPLATE_EDIT)
_EDIT = (Scope.TEMPLATE_EDIT,)
_PATH = "/api/v1/templates"
_LAST = 1 << 62
_Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME, examples=["Aviso de vencimiento"])]


class TemplateSummary(BaseModel):
    """A template in a list."""

    id: Id
    name: str
    subject: str
    kind: SourceKind
    design: str = Field(description="Of the gallery; empty for a source of its own.")
    version: int
    created: Time
    changed: Time


class TemplatePage(BaseModel):
    """Some templates, what was changed last first."""

    items: list[TemplateSummary]
    next: str | None


class TemplateFields(BaseModel):
    """What a template is made of: a design with its slots, or a source."""

    model_config = ConfigDict(extra="forbid")

    subject: Annotated[str, Field(max_length=500)] = ""
    design: Annotated[str, Field(max_length=40, description="Of the gallery.")] = ""
    slots: Annotated[
        dict[str, Annotated[str, Field(max_length=MAX_SLOT)]], Field(max_length=MAX_SLOTS)
    ] = Field(default_factory=dict, description="Texts of a design, `button.url` and the like.")
    kind: SourceKind = SourceKind.HTML
    source: Annotated[
        str, Field(max_length=MAX_SOURCE, description="HTML, MJML or text, with fields.")
    ] = ""
    files: Annotated[
        list[Id], Field(max_length=MAX_FILES, description="Of the library, to be attached.")
    ] = Field(default_factory=list)

    def draft(self) -> Draft:
        """As the service takes it."""
        files = tuple(map(int, self.files))
        return Draft(self.kind, self.subject, self.design, self.source, self.slots, files)


class NewTemplate(TemplateFields):
    """A template to keep."""

    name: _Name


class NewVersion(TemplateFields):
    """What a template is from now on."""

    name: Annotated[str, Field(max_length=MAX_NAME, description="Empty: as before.")] = ""
    note: Annotated[str, Field(max_length=200)] = ""


class FieldShown(BaseModel):
    """A field that a mail of the template asks for."""

    name: str
    default: str
    needed: bool = Field(description="Somewhere it stands without a default.")


class FindingShown(BaseModel):
    """What to know before it is sent."""

    code: str
    severity: str
    shown: str


class TemplateShown(TemplateSummary):
    """A template with its content."""

    slots: dict[str, str]
    source: str
    files: list[Id]
    fields: list[FieldShown]
    findings: list[FindingShown]
    size: int = Field(description="Octets of the HTML.")


class Values(BaseModel):
    """One recipient's values."""

    model_config = ConfigDict(extra="forbid")

    merge: dict[str, Any] = Field(default_factory=dict, max_length=200)


class Shown(BaseModel):
    """The mail with those values."""

    subject: str
    html: str
    text: str


class TemplateEndpoints:
    """Handlers; `routes` declares them."""

    def __init__(self, service: TemplateService, actor_of: ActorOf) -> None:
        self._service = service
        self._actor_of = actor_of

    def routes(self) -> Sequence[Route]:
        """The table."""
        one = f"{_PATH}/{{id}}"
        return (
            Route(
                "GET", _PATH, "listTemplates", "List templates", self.list, _VIEW, TemplatePage,
                filters=Paged, tag="templates",
            ),
            Route(
                "POST", _PATH, "addTemplate", "Keep a template", self.add, _EDIT, TemplateShown,
                NewTemplate, status=201, tag="templates",
                description="A design of the gallery with its slots filled, or a source. It is "
                "compiled at once: what cannot be sent is refused, with its line.",
            ),
            Route(
                "GET", one, "getTemplate", "Show a template", self.get, _VIEW, TemplateShown,
                tag="templates", errors=("not_found",),
            ),
            Route(
                "PUT", one, "saveTemplate", "Save a new version", self.save, _EDIT, TemplateShown,
                NewVersion, tag="templates", errors=("not_found",),
            ),
            Route(
                "DELETE", one, "archiveTemplate", "Archive a template", self.archive, _EDIT,
                status=204, tag="templates", errors=("not_found",),
            ),
            Route(
                "POST", f"{one}/preview", "previewTemplate", "See a template as one recipient does",
                self.preview, _VIEW, Shown, Values, tag="templates", errors=("not_found",),
            ),
        )  # fmt: skip

    async def list(self, call: Call) -> Answer:
        """`GET /templates`."""
        wanted = call.filters(Paged)
        place = place_of(wanted.cursor, (int, int))
        before = (int(place[0]), int(place[1])) if place else (_LAST, _LAST)
        found = await carried_out(
            self._service.list(
                self._actor_of(call), call.identity.account_id, before=before,
                limit=wanted.limit + 1,
            )
        )  # fmt: skip
        items = found[: wanted.limit]
        more = (items[-1].changed_ms, items[-1].id) if len(found) > wanted.limit else None
        return Answer(page([_summary(one) for one in items], more))

    async def add(self, call: Call) -> Answer:
        """`POST /templates`."""
        asked = call.content(NewTemplate)
        made = await carried_out(
            self._service.create(
                self._actor_of(call), call.identity.account_id, asked.name, asked.draft()
            ),
            "source",
        )
        return Answer(await self._shown(call, made), 201)

    async def get(self, call: Call) -> Answer:
        """`GET /templates/{id}`."""
        found = await carried_out(self._service.get(self._actor_of(call), number_of(call)))
        return Answer(await self._shown(call, found))

    async def save(self, call: Call) -> Answer:
        """`PUT /templates/{id}`."""
        asked = call.content(NewVersion)
        saved = await carried_out(
            self._service.save(
                self._actor_of(call), number_of(call), asked.draft(), note=asked.note,
                name=asked.name,
            ),
            "source",
        )  # fmt: skip
        return Answer(await self._shown(call, saved))

    async def archive(self, call: Call) -> Answer:
        """`DELETE /templates/{id}`."""
        await carried_out(self._service.archive(self._actor_of(call), number_of(call)))
        return Answer(status=204)

    async def preview(self, call: Call) -> Answer:
        """`POST /templates/{id}/preview`."""
        version = await self._version(call, number_of(call))
        account = (await self._service.get(self._actor_of(call), version.template)).account
        compiled = await carried_out(self._service.compile(account, version.draft))
        values = call.content(Values).merge
        body = compiled.body
        return Answer(
            {
                "subject": preview_text(compiled.subject, values),
                "html": preview(body, values) if body.html else "",
                "text": preview_text(body.text, values),
            }
        )

    async def _version(self, call: Call, template: int) -> Version:
        return await carried_out(self._service.version(self._actor_of(call), template))

    async def _shown(self, call: Call, found: Template) -> dict[str, object]:
        version = await self._version(call, found.id)
        compiled = await carried_out(self._service.compile(found.account, version.draft))
        return {
            **_summary(found),
            "slots": dict(version.draft.slots),
            "source": version.draft.source,
            "files": [str(one) for one in version.draft.files],
            "fields": [
                {"name": one.name, "default": one.default, "needed": one.is_bare}
                for one in compiled.fields
            ],
            "findings": [
                {"code": one.code, "severity": one.severity.value, "shown": one.shown}
                for one in compiled.body.findings
            ],
            "size": compiled.body.size,
        }


def _summary(found: Template) -> dict[str, object]:
    return {
        "id": str(found.id),
        "name": found.name,
        "subject": found.subject,
        "kind": found.kind.value,
        "design": found.design,
        "version": found.version,
        "created": rfc3339(found.created_ms),
        "changed": rfc3339(found.changed_ms),
    }
