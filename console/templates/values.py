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


@dataclass(frozen=True, slots=True)
class Version:
    """What a template was at some time; the number 0 is a draft."""

    template: int
    number: int
    draft: Draft
    note: str
    author: str
    at_ms: int

    @classmethod
    def of(cls, row: Sequence[Any]) -> Self:
        """From a row of `template_version_get`."""
        template, number, kind, design, subject, source, slots, files, note, author, at_ms = row
        draft = Draft(
            SourceKind(kind), subject, design, source, orjson.loads(slots),
            tuple(orjson.loads(files)),
        )  # fmt: skip
        return cls(template, number, draft, note, author, at_ms)


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
