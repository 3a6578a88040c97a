"""Why a request cannot be carried out, as values; in words only when it is known who reads them."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

_NOTHING: Mapping[str, str] = MappingProxyType({})


class Violation(NamedTuple):
    """One thing that is wrong with one field; `values` go into its text."""

    field: str  # "recipients.3.email"
    code: str
    values: Mapping[str, str] = _NOTHING


class ApiRefusal(Exception):
    """Ends a request with a problem; raised where a value would go through many hands.

    `code` names its texts; `detail` says more, where there is more to say (in English, from within).
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str = "",
        *,
        violations: Sequence[Violation] = (),
        headers: Mapping[str, str] = _NOTHING,
    ) -> None:
        super().__init__(detail or code)
        self.status = status
        self.code = code
        self.detail = detail
        self.violations = tuple(violations)
        self.headers = headers


def invalid(*violations: Violation) -> ApiRefusal:
    """The refusal of a request that is understood and cannot be done: 422."""
    return ApiRefusal(422, "validation_failed", violations=violations)
