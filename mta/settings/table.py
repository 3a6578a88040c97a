"""What all tables of the settings have in common."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Table(BaseModel):
    """One table: frozen, and a key that it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


def setting(default: Any, description: str, **constraints: Any) -> Any:
    """A key with its default as it would stand in the file, and its description.

    `constraints` are pydantic's (`ge`, `le`, `min_length`, …).
    """
    return Field(default=default, description=description, **constraints)


def required(description: str, example: str, **constraints: Any) -> Any:
    """A key that has no default; `example` is what the sample shows."""
    return Field(description=description, examples=[example], **constraints)


def table(description: str) -> Any:
    """A table inside a table; when it is absent its own defaults hold."""
    return Field(default={}, description=description)
