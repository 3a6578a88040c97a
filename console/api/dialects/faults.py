"""What is wrong with a request in a dialect, before it is told in the provider's form."""

from collections.abc import Sequence
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

UNSUPPORTED = "not supported by Relevo, and not ignored because the reader would miss it"


class Fault(NamedTuple):
    """One thing that is wrong; `field` is the provider's name of it, as in `from.email`."""

    field: str
    message: str


class Faulty(Exception):
    """A request that cannot be carried out."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__("; ".join(f"{field}: {message}" for field, message in faults))
        self.faults: Sequence[Fault] = faults


class Schema(BaseModel):
    """Of a provider's JSON: a field that is not known is an error, never dropped."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def faults_of(error: ValidationError) -> list[Fault]:
    """What the schema found, with the place in dotted form."""
    return [Fault(_place(one["loc"]), _text(one)) for one in error.errors(include_url=False)]


def _place(steps: tuple[int | str, ...]) -> str:
    return ".".join(str(step) for step in steps)


def _text(error: ErrorDetails) -> str:
    if error["type"] == "extra_forbidden":
        return "unknown field; not ignored because it might matter to the reader"
    return error["msg"].removeprefix("Value error, ")
