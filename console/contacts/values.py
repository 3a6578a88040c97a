"""Contacts, lists, uploads and audiences as the tables have them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self


class UploadState(StrEnum):
    """`received` waits for its columns to be confirmed."""

    RECEIVED = "received"
    READING = "reading"  # its process reads and judges the rows
    STORING = "storing"  # they go into the database
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """Which column is what, and what is to happen to rows that are not plainly good."""

    email: int
    fields: Mapping[str, int]
    has_header: bool = True
    sheet: str = ""
    keep: str = "first"
    skip_roles: bool = False
    skip_typos: bool = True
    skip_hidden: bool = True  # rows that a workbook does not show
    save_as_list: int = 0  # the list that the contacts go onto as well
    continues: int = 0  # the upload whose rows come first: this one corrects what it left out


@dataclass(frozen=True, slots=True)
class AudienceColumn:
    """A value that the rows of an audience have."""

    name: str
    filled: int
    sample: str = ""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file on its way to an audience."""

    id: int
    account: int
    name: str
    size: int
    sha256: str
    state: UploadState
    problem: str
    kind: Mapping[str, Any]
    options: Mapping[str, Any]
    counts: Mapping[str, int]
    columns: Sequence[AudienceColumn]
    audience: int
    stored: int
    created_by: str
    created_ms: int
    changed_ms: int

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> Self:
        """From a row of `upload_by_id`."""
        columns = [AudienceColumn(**one) for one in json.loads(row[10])]
        return cls(
            row[0], row[1], row[2], row[3], row[4], UploadState(row[5]), row[6],
            json.loads(row[7]), json.loads(row[8]), json.loads(row[9]), columns, *row[11:],
        )  # fmt: skip

    @property
    def is_open(self) -> bool:
        """Whether it is being read."""
        return self.state in (UploadState.READING, UploadState.STORING)

    @property
    def is_over(self) -> bool:
        """Whether nothing happens to it by itself any more."""
        return self.state in (UploadState.READY, UploadState.FAILED)


@dataclass(frozen=True, slots=True)
class Audience:
    """Rows that do not change any more."""

    id: int
    account: int
    name: str
    state: str
    total: int
    counts: Mapping[str, int] = field(default_factory=dict)
    columns: Sequence[AudienceColumn] = ()

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> Self:
        """From a row of `audience_by_id`."""
        columns = [AudienceColumn(**one) for one in json.loads(row[6])]
        return cls(row[0], row[1], row[2], row[3], row[4], json.loads(row[5]), columns)


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody an account writes to."""

    id: int
    account: int
    email: str
    attrs: Mapping[str, str]
    status: str
    language: str
    source: str
    created_ms: int
    changed_ms: int

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> Self:
        """From a row of `contact_by_id`."""
        return cls(row[0], row[1], row[2], json.loads(row[3]), *row[4:])

    @property
    def name(self) -> str:
        """As people call them."""
        first = _first(self.attrs, ("first_name", "nombre", "nombres"))
        last = _first(self.attrs, ("last_name", "apellido", "apellidos", "apellido_paterno"))
        whole = _first(self.attrs, ("full_name", "nombre_completo", "nombres_y_apellidos"))
        return " ".join(part for part in (first, last) if part) or whole


@dataclass(frozen=True, slots=True)
class ContactList:
    """A list that contacts are on."""

    id: int
    account: int
    name: str
    kind: str  # audience | topic
    optin: str  # single | double
    description: str
    state: str
    members: int
    created_ms: int
    changed_ms: int


def _first(attrs: Mapping[str, str], names: Sequence[str]) -> str:
    """The first value that there is under one of the names; files call them as they like."""
    return next((attrs[name] for name in names if attrs.get(name)), "")
