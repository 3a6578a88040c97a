"""Why a request cannot be carried out, as values; in words only when it is known who reads them."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from console.api.wording import worded
from console.reasons import said

_NOTHING: Mapping[str, str] = MappingProxyType({})


class Violation(NamedTuple):
    """One thing that is wrong with one field; `values` go into its text."""

    field: str  # "recipients.3.email"
    code: str
    values: Mapping[str, str] = _NOTHING


class Told(NamedTuple):
    """What a detail says, by its code; `values` go into its text."""

    code: str
    values: Mapping[str, str] = _NOTHING


class ApiRefusal(Exception):
    """Ends a request with a problem; raised where a value would go through many hands.

    `code` names its texts; `detail` says more, where there is more to say. A text from within is
    English, and is told to nobody who asks for another language.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str | Told = "",
        *,
        violations: Sequence[Violation] = (),
        headers: Mapping[str, str] = _NOTHING,
    ) -> None:
        self._told = detail
        super().__init__(self.detail_in("en") or code)
        self.status = status
        self.code = code
        self.violations = tuple(violations)
        self.headers = headers

    @property
    def detail(self) -> str:
        """In English."""
        return self.detail_in("en")

    def detail_in(self, language: str) -> str:
        """In a language; "" where nothing more is to be said in it."""
        told = self._told
        if isinstance(told, Told):
            return worded("details", language, told.code, "", told.values)
        return said(told, language, otherwise="")


def invalid(*violations: Violation) -> ApiRefusal:
    """The refusal of a request that is understood and cannot be done: 422."""
    return ApiRefusal(422, "validation_failed", violations=violations)
