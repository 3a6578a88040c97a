"""From a draft to a mail's content: the design's source with slots and branding, compiled."""

import asyncio
from dataclasses import dataclass, replace

from console.content.errors import TemplateError
from console.content.fields import parse
from console.content.slots import filled_slots
from console.content.source import CompiledBody, FieldUse, SourceKind, compile_source, fields_of
from console.templates.branding import Brand
from console.templates.designs import Design, Gallery, places
from console.templates.values import Draft

MAX_SUBJECT = 500


@dataclass(frozen=True, slots=True)
class CompiledDraft:
    """A mail without recipients: subject and body."""

    subject: str
    body: CompiledBody

    @property
    def fields(self) -> tuple[FieldUse, ...]:
        """Those of the subject and the body together."""
        return fields_of(self.subject, self.body.html, self.body.text)


async def compile_draft(draft: Draft, gallery: Gallery, brand: Brand) -> CompiledDraft:
    """The content, off the loop. Raises `TemplateError`."""
    return await asyncio.to_thread(compiled, draft, gallery, brand)


def compiled(draft: Draft, gallery: Gallery, brand: Brand) -> CompiledDraft:
    """The content. Raises `TemplateError`."""
    if len(draft.subject) > MAX_SUBJECT:
        raise TemplateError(f"subject: more than {MAX_SUBJECT} characters", code="too_long")
    parse(draft.subject, "subject")
    if draft.design:
        design = design_of(draft, gallery)
        body = compile_source(design.kind, design.source, places(design, draft.slots, brand))
    elif draft.kind is SourceKind.TEXT:
        body = compile_source(draft.kind, draft.source)
    else:
        body = compile_source(draft.kind, draft.source, brand.places())
    if draft.text.strip() and body.html:
        parse(draft.text, "text")
        body = replace(body, text=draft.text)
    return CompiledDraft(draft.subject, body)


def design_of(draft: Draft, gallery: Gallery) -> Design:
    """The draft's design. Raises `TemplateError` when this release has it no more."""
    design = gallery.find(draft.design)
    if design is None:
        raise TemplateError(f"html: there is no design {draft.design!r}", code="no_design")
    return design


def as_source(draft: Draft, gallery: Gallery) -> Draft:
    """A draft with a design as one with a source of its own; the account's look stays variable."""
    if not draft.design:
        return draft
    design = design_of(draft, gallery)
    filled = places(design, draft.slots, Brand())
    source = filled_slots(design.source, filled, kept="brand.")
    return replace(draft, design="", kind=design.kind, source=source, slots={})
