"""What templates, versions, branding, images and files are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import orjson

from console.content.source import SourceKind


@dataclass(frozen=True, slots=True)
class Template:
    """A saved template, with what its newest version is."""

    id: int
    account: int
    name: str
    version: int
    state: str
    created_ms: int
    changed_ms: int
    kind: SourceKind
    design: str
    subject: str

    @classmethod
    def of(cls, row: Sequence[Any]) -> Self:
        """From a row of `template_get`."""
        identifier, account, name, version, state, created, changed, kind, design, subject = row
        return cls(
            identifier, account, name, version, state, created, changed, SourceKind(kind), design,
            subject,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Draft:
    """What somebody writes: a design with its slots filled, or a source of their own."""

    kind: SourceKind
    subject: str = ""
    design: str = ""  # of the gallery; then `source` is empty
    source: str = ""
    slots: Mapping[str, str] = field(default_factory=dict)
    files: tuple[int, ...] = ()  # media that are attached
    text: str = ""  # of the text part; empty: made of the HTML


@dataclass(frozen=True, slots=True)
class Version:
    """What a template was at some time; a number below 1 is somebody's draft."""

    template: int
    number: int
    draft: Draft
    note: str
    author: str
    at_ms: int

    @property
    def is_draft(self) -> bool:
        """Whether it is being written."""
        return self.number <= 0

    @property
    def base(self) -> int:
        """The version that a draft began with; of a version its own number."""
        if not self.is_draft:
            return self.number
        return int(self.note) if self.note.isdigit() else 0

    @classmethod
    def of(cls, row: Sequence[Any]) -> Self:
        """From a row of `template_version_get`."""
        template, number, kind, design, subject, source, slots, files, *rest, text = row
        draft = Draft(
            SourceKind(kind), subject, design, source, orjson.loads(slots),
            tuple(orjson.loads(files)), text,
        )  # fmt: skip
        return cls(template, number, draft, *rest)


@dataclass(frozen=True, slots=True)
class VersionLine:
    """A version in a list."""

    number: int
    subject: str
    note: str
    author: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Media:
    """An image or a file."""

    id: int
    account: int
    token: str
    kind: str  # image | file
    name: str
    media_type: str
    size: int
    width: int
    height: int
    parts: int
    state: str
    author: str
    at_ms: int

    @property
    def path(self) -> str:
        """Where the public site has it."""
        return f"/i/{self.token}" if self.kind == "image" else f"/f/{self.token}"
