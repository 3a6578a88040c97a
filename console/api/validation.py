"""Validates bodies and queries by their schema, and says what is wrong in our own codes."""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from console.api.refusals import ApiRefusal, Told, Violation, invalid

Model = TypeVar("Model", bound=BaseModel)
MAX_VIOLATIONS = 100
_PLACE = re.compile(r"line (?P<line>\d+),? column (?P<column>\d+)")

_CODES: Mapping[str, str] = MappingProxyType(
    {
        "missing": "required",
        "extra_forbidden": "unknown_field",
        "string_too_long": "too_long",
        "string_too_short": "too_short",
        "too_long": "too_long",
        "too_short": "too_short",
        "less_than_equal": "too_great",
        "greater_than_equal": "too_small",
        "enum": "invalid_choice",
        "literal_error": "invalid_choice",
    }
)
_LIMITS = ("max_length", "min_length", "le", "ge")
# pydantic's names of kinds of errors begin with the type that was expected.
_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "string_type": "text",
        "string_unicode": "text",
        "int": "number",
        "bool": "true / false",
        "list_type": "[…]",
        "dict_type": "{…}",
        "model_type": "{…}",
        "model_attributes_type": "{…}",
    }
)


def read_body(model: type[Model], body: bytes) -> Model:
    """The body as a model. Raises `ApiRefusal`: 400 for what is no JSON, 422 with violations."""
    try:
        return model.model_validate_json(body, by_alias=True, by_name=False)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        if found[0]["type"] == "json_invalid":
            detail = str(found[0].get("ctx", {}).get("error", ""))
            raise malformed_json(detail) from None
        raise _invalid(found) from None


def malformed_json(error: str) -> ApiRefusal:
    """The 400 for a body that is no JSON, with the place that the parser names."""
    place = _PLACE.search(error)
    if place is None:
        return ApiRefusal(400, "malformed_json", error)
    return ApiRefusal(400, "malformed_json", Told("json_at", place.groupdict()))


def read_query(model: type[Model], query: Mapping[str, str]) -> Model:
    """The query string as a model. Raises `ApiRefusal` with violations."""
    try:
        return model.model_validate(dict(query), by_alias=True, by_name=False)
    except ValidationError as error:
        raise _invalid(error.errors(include_url=False, include_input=False)) from None


def _invalid(errors: Sequence[Any]) -> ApiRefusal:
    return invalid(*[_violation(error) for error in errors[:MAX_VIOLATIONS]])


def _violation(error: Mapping[str, Any]) -> Violation:
    kind = str(error["type"])
    context = error.get("ctx", {})
    field = ".".join(str(part)[:80] for part in error["loc"])
    if kind == "value_error":  # raised by a model of ours: field and code
        where, _, code = str(context["error"]).partition(": ")
        return Violation(where, code) if code else Violation(field, where)
    if kind in _CODES:
        limit = next((str(context[name]) for name in _LIMITS if name in context), "")
        return Violation(
            field,
            _CODES[kind],
            {"limit": limit, "expected": str(context.get("expected", "")).replace(" or ", ", ")},
        )
    if kind.startswith(("datetime", "timezone")):
        return Violation(field, "invalid_time")
    if kind.startswith("date"):
        return Violation(field, "invalid_day")
    expected = next((text for name, text in _TYPES.items() if kind.startswith(name)), "")
    if expected:
        return Violation(field, "wrong_type", {"expected": expected})
    return Violation(field, "invalid_value", {"detail": str(error.get("msg", ""))})
