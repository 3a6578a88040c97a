"""A flat view of the schema: every key with its path, kind, default and description.

The loader, the environment, the display and the documentation all go by this one walk.
"""

import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal, Union

from pydantic.fields import FieldInfo

from mta.settings.schema import Settings
from mta.settings.table import Table
from mta.settings.values import Kind

ENV_PREFIX = "RELEVO_"
ENV_SEPARATOR = "__"


@dataclass(frozen=True)
class Key:
    """One key of the schema."""

    path: tuple[str, ...]  # ("queue", "expire", "urgent")
    field: FieldInfo

    @property
    def name(self) -> str:
        """`queue.expire.urgent`."""
        return ".".join(self.path)

    @property
    def section(self) -> str:
        """The table of the file: `queue`."""
        return self.path[0]

    @property
    def name_in_section(self) -> str:
        """The key as it stands under its table: `expire.urgent`."""
        return ".".join(self.path[1:])

    @property
    def variable(self) -> str:
        """The environment variable: `RELEVO_QUEUE__EXPIRE__URGENT`."""
        return ENV_PREFIX + ENV_SEPARATOR.join(self.path).upper()

    @property
    def default(self) -> Any:
        """The default in the notation of the file."""
        return self.field.default

    @property
    def description(self) -> str:
        """What the key means."""
        return self.field.description or ""

    @cached_property
    def leaves(self) -> tuple[object, ...]:
        """The plain types and literals of the annotation, `Kind`s included."""
        return tuple(_leaves(self.field.annotation)) + tuple(self.field.metadata)

    @cached_property
    def is_list(self) -> bool:
        """True for lists, of values or of tables."""
        return typing.get_origin(_bare(self.field.annotation)) is tuple

    @cached_property
    def entry(self) -> type[Table] | None:
        """The schema of the entries of an array of tables."""
        return next((x for x in self.leaves if isinstance(x, type) and issubclass(x, Table)), None)

    @cached_property
    def kind(self) -> Kind | None:
        """The kind of the value, or of each value of a list."""
        return next((x for x in self.leaves if isinstance(x, Kind)), None)

    @property
    def choices(self) -> tuple[str, ...]:
        """The words allowed, when only some are."""
        return tuple(x for x in self.leaves if isinstance(x, str))

    @property
    def kind_name(self) -> str:
        """What the documentation says of the value."""
        if self.entry is not None:
            return "array of tables"
        one = " or ".join(f'"{c}"' for c in self.choices) or (
            self.kind.name if self.kind else "text"
        )
        return f"list of {one}" if self.is_list else one


def _bare(annotation: Any) -> Any:
    return (
        typing.get_args(annotation)[0] if typing.get_origin(annotation) is Annotated else annotation
    )


def _leaves(annotation: Any) -> Iterator[object]:
    origin = typing.get_origin(annotation)
    if origin is Annotated:
        first, *metadata = typing.get_args(annotation)
        yield from _leaves(first)
        yield from metadata
    elif origin is Literal:
        yield from typing.get_args(annotation)
    elif origin in (tuple, Union, types.UnionType):
        for argument in typing.get_args(annotation):
            yield from _leaves(argument)
    else:
        yield annotation


def table_keys(schema: type[Table], above: tuple[str, ...] = ()) -> Iterator[Key]:
    """Every key of a table, those of its inner tables included, in the order of the schema."""
    for name, field in schema.model_fields.items():
        path = (*above, name)
        if isinstance(field.annotation, type) and issubclass(field.annotation, Table):
            yield from table_keys(field.annotation, path)
        else:
            yield Key(path, field)


def all_keys() -> tuple[Key, ...]:
    """Every key of the settings."""
    return tuple(table_keys(Settings))
