"""Keeps templates: each save is a version, what is being written is a draft, nothing is lost.

Everybody has a draft of their own, under the number of their id below 0, so that no two people who
write at the same time lose anything; who saves is told when there is a newer version. Who sees campaigns of an account sees its templates; who edits templates changes them. Every save is
durable when the call returns.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import orjson

from console.accounts.actor import Actor, NotVisible
from console.accounts.audit import AuditTrail
from console.accounts.permissions import Permission
from console.content.errors import TemplateError
from console.templates.branding import Brand
from console.templates.composing import CompiledDraft, as_source, compile_draft
from console.templates.designs import MAX_SLOT, Design, Gallery
from console.templates.values import Draft, Template, Version, VersionLine
from mta.model.clock import Clock
from mta.model.errors import JobRefused, PermanentError
from mta.model.ids import IdGenerator, id_in
from mta.store.base import Store
from mta.store.work import Rows

PAGE = 48
MAX_NAME = 120
MAX_SOURCE = 512 * 1024
MAX_SLOTS = 60
MAX_FILES = 5
MAX_VERSIONS_SHOWN = 100
_LAST = (1 << 62, 1 << 62)


class SavedMeanwhile(PermanentError):
    """There is a version that whoever saves has not seen."""

    def __init__(self, version: VersionLine) -> None:
        super().__init__(f"{version.author} has saved version {version.number} meanwhile")
        self.version = version


class TemplateService:
    """Saved templates, their versions and drafts, and the account's look."""

    def __init__(
        self, store: Store, ids: IdGenerator, clock: Clock, trail: AuditTrail, gallery: Gallery
    ) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock
        self._trail = trail
        self.gallery = gallery

    async def observe_ids(self) -> None:
        """Tell the id generator of the greatest id on disk; once at start."""
        ((last,),) = await self._store.read("template_last_id")
        self._ids.observe(last)

    # -- looking -------------------------------------------------------------------------------

    async def list(
        self,
        actor: Actor,
        account: int,
        *,
        search: str = "",
        state: str = "active",
        before: tuple[int, int] = _LAST,
        limit: int = PAGE,
    ) -> list[Template]:
        """Those of the account, what was changed last first; `before`: changed_ms and id.

        `state`: active or archived.
        """
        see(actor, account)
        literal = search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        rows = await self._store.read(
            "template_page", account=account, search=f"%{literal}%", state=state,
            before_ms=before[0], before=before[1], count=limit,
        )  # fmt: skip
        return [Template.of(row) for row in rows]

    async def get(self, actor: Actor, template: int) -> Template:
        """One of them. Raises `NotVisible`."""
        rows = await self._store.read("template_get", template=template)
        if not rows or not (_may_see(actor, rows[0][1])):
            raise NotVisible(f"there is no template {template}")
        return Template.of(rows[0])

    async def version(self, actor: Actor, template: int, number: int | None = None) -> Version:
        """A version; None: the newest. Raises `NotVisible`."""
        found = await self.get(actor, template)
        version = await self._version(template, found.version if number is None else number)
        if version is None or version.is_draft:
            raise NotVisible(f"template {template} has no version {number}")
        return version

    async def draft(self, actor: Actor, template: int) -> Version:
        """What the actor is writing, or the newest version where they write nothing."""
        await self.get(actor, template)
        draft = await self._version(template, -actor.id)
        return draft or await self.version(actor, template)

    async def versions(self, actor: Actor, template: int) -> Sequence[VersionLine]:
        """All of them, the newest first."""
        await self.get(actor, template)
        rows = await self._store.read(
            "template_version_list", template=template, count=MAX_VERSIONS_SHOWN
        )
        return [VersionLine(*row) for row in rows]

    async def find(self, account: int, name: str) -> Version | None:
        """What a message of that account asks for: by id or name; None: there is none."""
        rows = await self._store.read(
            "template_named", account=account, name=name, template=id_in(name)
        )
        return await self._version(rows[0][0], rows[0][3]) if rows else None

    async def compile(self, account: int, draft: Draft) -> CompiledDraft:
        """The content with the account's look. Raises `TemplateError`."""
        return await compile_draft(draft, self.gallery, await self._brand(account))

    async def _version(self, template: int, number: int) -> Version | None:
        rows = await self._store.read("template_version_get", template=template, number=number)
        return Version.of(rows[0]) if rows else None

    # -- changing ------------------------------------------------------------------------------

    async def create(
        self, actor: Actor, account: int, name: str, draft: Draft, *, note: str = ""
    ) -> Template:
        """A new template with its first version. Raises `PermanentError`, `TemplateError`."""
        actor.require(Permission.TEMPLATE_EDIT, account)
        name, draft = _name(name), self._checked(draft)
        await self.compile(account, draft)
        identifier, now_ms = self._ids.new(), self._clock.now_ms()
        version = _row(identifier, 1, draft, note, actor.name, now_ms)
        await self._store.submit(
            [
                Rows("template_insert", [(identifier, account, name, now_ms)], expect=1),
                Rows("template_version_put", [version], expect=1),
                self._trail.entry(
                    actor, "template.created", account, identifier, after={"name": name}
                ),
            ]
        )
        return await self.get(actor, identifier)

    async def save(
        self,
        actor: Actor,
        template: int,
        draft: Draft,
        *,
        note: str = "",
        name: str = "",
        base: int = 0,
    ) -> Template:
        """A new version; the actor's draft is gone. `base`: the version it was made of.

        Raises `SavedMeanwhile` when that is not the newest any more, `PermanentError`,
        `TemplateError`.
        """
        found = await self._editable(actor, template)
        if base and base != found.version:
            raise SavedMeanwhile((await self.versions(actor, template))[0])
        draft = self._checked(draft)
        await self.compile(found.account, draft)
        number, now_ms = found.version + 1, self._clock.now_ms()
        change = (template, found.version, number, _name(name or found.name), "active", now_ms)
        version = _row(template, number, draft, note, actor.name, now_ms)
        audit = self._trail.entry(
            actor, "template.saved", found.account, template, after={"version": number}
        )
        try:
            await self._store.submit(
                [
                    Rows("template_change", [change], expect=1),
                    Rows("template_version_put", [version], expect=1),
                    Rows("template_draft_drop", [(template, -actor.id)]),
                    audit,
                ]
            )
        except JobRefused:
            raise PermanentError("somebody else has saved it just now: look again") from None
        return await self.get(actor, template)

    async def keep_draft(self, actor: Actor, template: int, draft: Draft, base: int = 0) -> None:
        """Keep what the actor is writing, mistakes and all; `base`: the version it began with."""
        found = await self._editable(actor, template)
        now_ms, begun = self._clock.now_ms(), str(base or found.version)
        row = _row(template, -actor.id, self._checked(draft), begun, actor.name, now_ms)
        await self._store.submit([Rows("template_version_put", [row])])

    async def drop_draft(self, actor: Actor, template: int) -> None:
        """Go back to what was saved."""
        await self._editable(actor, template)
        await self._store.submit([Rows("template_draft_drop", [(template, -actor.id)])])

    async def restore(self, actor: Actor, template: int, number: int) -> Template:
        """An earlier version becomes the newest, as a version of its own."""
        version = await self.version(actor, template, number)
        return await self.save(actor, template, version.draft, note=f"= {number}")

    async def duplicate(self, actor: Actor, template: int, name: str) -> Template:
        """Another template with the same content."""
        found = await self._editable(actor, template)
        version = await self.version(actor, template)
        return await self.create(actor, found.account, name, version.draft)

    async def rename(self, actor: Actor, template: int, name: str) -> Template:
        """Another name. Raises `PermanentError`."""
        found = await self._editable(actor, template)
        return await self._change(actor, found, "template.renamed", name=_name(name))

    async def archive(self, actor: Actor, template: int) -> Template:
        """Out of the list; `unarchive` undoes it."""
        found = await self._editable(actor, template)
        return await self._change(actor, found, "template.archived", state="archived")

    async def unarchive(self, actor: Actor, template: int) -> Template:
        """Back into the list."""
        found = await self._editable(actor, template)
        return await self._change(actor, found, "template.unarchived", state="active")

    async def to_source(self, actor: Actor, template: int) -> Template:
        """A design becomes MJML that can be edited by hand, as a new version."""
        version = await self.draft(actor, template)
        return await self.save(actor, template, as_source(version.draft, self.gallery))

    async def _change(
        self, actor: Actor, found: Template, what: str, *, name: str = "", state: str = ""
    ) -> Template:
        new = replace(found, name=name or found.name, state=state or found.state)
        now_ms = max(self._clock.now_ms(), found.changed_ms)
        row = (found.id, found.version, found.version, new.name, new.state, now_ms)
        audit = self._trail.entry(
            actor, what, found.account, found.id,
            before={"name": found.name}, after={"name": new.name},
        )  # fmt: skip
        await self._store.submit([Rows("template_change", [row], expect=1), audit])
        return replace(new, changed_ms=now_ms)

    async def _editable(self, actor: Actor, template: int) -> Template:
        found = await self.get(actor, template)
        actor.require(Permission.TEMPLATE_EDIT, found.account)
        return found

    def _checked(self, draft: Draft) -> Draft:
        """A draft within its bounds. Raises `PermanentError`."""
        if max(len(draft.source), len(draft.text)) > MAX_SOURCE or len(draft.slots) > MAX_SLOTS:
            raise TemplateError("html: too long", code="too_long")
        if any(len(text) > MAX_SLOT for text in draft.slots.values()):
            raise TemplateError(f"html: more than {MAX_SLOT} characters", code="too_long")
        if len(draft.files) > MAX_FILES:
            raise PermanentError(f"at most {MAX_FILES} files")
        if not draft.design:
            return replace(draft, slots={})
        design = self.gallery.find(draft.design)
        if design is None:
            raise TemplateError(f"html: there is no design {draft.design[:40]!r}", code="no_design")
        return replace(draft, kind=design.kind, source="", slots=_known(design, draft.slots))

    # -- branding ------------------------------------------------------------------------------

    async def brand(self, actor: Actor, account: int) -> Brand:
        """The account's look."""
        see(actor, account)
        return await self._brand(account)

    async def set_brand(self, actor: Actor, account: int, values: Mapping[str, str]) -> Brand:
        """Another look, for everything that is sent from now on. Raises `PermanentError`."""
        actor.require(Permission.TEMPLATE_EDIT, account)
        before = await self._brand(account)
        brand = Brand.of({**before.fields, **values})
        row = (account, orjson.dumps(brand.fields).decode(), self._clock.now_ms())
        audit = self._trail.entry(
            actor, "brand.changed", account, account, before.fields, brand.fields
        )
        await self._store.submit([Rows("brand_put", [row]), audit])
        return brand

    async def _brand(self, account: int) -> Brand:
        rows = await self._store.read("brand_get", account=account)
        return Brand.of(orjson.loads(rows[0][0])) if rows else Brand()


def see(actor: Actor, account: int) -> None:
    """Raise `NotVisible` or `NotPermitted` for who may not see an account's templates."""
    if not actor.may(Permission.TEMPLATE_EDIT, account):
        actor.require(Permission.CAMPAIGN_VIEW, account)


def _may_see(actor: Actor, account: int) -> bool:
    return actor.may(Permission.TEMPLATE_EDIT, account) or actor.may(
        Permission.CAMPAIGN_VIEW, account
    )


def _name(name: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise PermanentError(f"a template's name has 1 to {MAX_NAME} characters")
    return name


def _known(design: Design, slots: Mapping[str, str]) -> dict[str, str]:
    keys = {key for slot in design.slots for key in slot.keys}
    return {key: text for key, text in slots.items() if key in keys}


def _row(
    template: int, number: int, draft: Draft, note: str, author: str, at_ms: int
) -> tuple[int | str, ...]:
    return (
        template, number, draft.kind.value, draft.design, draft.subject, draft.source,
        orjson.dumps(dict(draft.slots)).decode(), orjson.dumps(draft.files).decode(),
        note[:200], author, at_ms, draft.text,
    )  # fmt: skip
