"""Writes the OpenAPI 3.1 document out of the routes: the schemas in it are those that validate."""

import re
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Literal

from pydantic import BaseModel, TypeAdapter

from console.api.routes import Route
from console.api.wording import texts

REF = "#/components/schemas/{model}"
_PARAMETER = re.compile(r"\{(\w+)\}")
_UNSAFE = frozenset(("POST", "PUT", "PATCH", "DELETE"))
# The statuses that codes of problems come with; every code is in here (a test sees to it).
STATUS_OF: Mapping[str, int] = MappingProxyType(
    {
        "malformed_json": 400, "idempotency_key_invalid": 400, "unauthorized": 401,
        "quota_exhausted": 402, "quota_expired": 402, "quota_pending": 402,
        "not_permitted": 403, "person_required": 403, "sender_not_allowed": 403, "class_not_allowed": 403,
        "training_recipient_not_allowed": 403,
        "not_found": 404, "not_sandbox": 404, "method_not_allowed": 405, "request_timeout": 408,
        "conflict": 409, "idempotency_in_progress": 409, "idempotency_unknown": 409,
        "campaign_cancelled": 409, "too_large": 413, "unsupported_media_type": 415,
        "validation_failed": 422, "idempotency_key_reused": 422, "message_refused": 422,
        "too_many_recipients": 422, "rate_limited": 429, "internal": 500, "unavailable": 503,
    }
)  # fmt: skip
_ALWAYS = (
    "unauthorized",
    "not_permitted",
    "validation_failed",
    "rate_limited",
    "internal",
    "unavailable",
)
_WITH_BODY = ("malformed_json", "request_timeout", "too_large", "unsupported_media_type")
_WITH_KEY = (
    "idempotency_key_invalid", "idempotency_in_progress", "idempotency_unknown",
    "idempotency_key_reused",
)  # fmt: skip


class ProblemViolation(BaseModel):
    """One field that is wrong."""

    field: str
    code: str
    message: str


class Problem(BaseModel):
    """An error (RFC 9457). Programs decide by `code`; the texts are in the caller's language."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    violations: list[ProblemViolation] = []
    request_id: str = ""


def document(routes: Iterable[Route], *, server: str, version: str) -> Mapping[str, Any]:
    """The whole document; `server` is the URL that clients use."""
    schemas: dict[str, Any] = {}
    paths: dict[str, dict[str, Any]] = {}
    problem = _schema(Problem, schemas)
    for route in routes:
        if route.tag:
            paths.setdefault(route.path, {})[route.method.lower()] = _operation(
                route, schemas, problem
            )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Relevo",
            "version": version,
            "description": "Mail API. Identifiers are strings, times RFC 3339 in UTC.",
        },
        "servers": [{"url": server}],
        "security": [{"apiKey": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"apiKey": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(route: Route, schemas: dict[str, Any], problem: Any) -> Mapping[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "tags": [route.tag],
        "parameters": _parameters(route, schemas),
        "responses": _responses(route, schemas, problem),
    }
    if route.description:
        operation["description"] = route.description
    if route.scopes:
        operation["x-scopes"] = [str(scope) for scope in route.scopes]
    if route.is_open:
        operation["security"] = []
    if route.takes is not None:
        schema = _schema(route.takes, schemas)
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema}},
        }
    if route.max_file:
        binary = {"type": "string", "format": "binary"}
        form = {"type": "object", "required": ["file"], "properties": {"file": binary}}
        operation["requestBody"] = {
            "required": True,
            "content": {
                "application/octet-stream": {"schema": binary},
                "multipart/form-data": {"schema": form},
            },
        }
    return operation


def _parameters(route: Route, schemas: dict[str, Any]) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PARAMETER.findall(route.path)
    ]
    if route.filters is not None:
        schema = route.filters.model_json_schema(by_alias=True, ref_template=REF)
        schemas.update(schema.pop("$defs", {}))
        required = schema.get("required", ())
        for name, kind in schema["properties"].items():
            found.append(
                {"name": name, "in": "query", "required": name in required, "schema": kind}
            )
    if route.method in _UNSAFE:
        found.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "description": "The same request with the same key is carried out once, for 24 h.",
                "schema": {"type": "string", "minLength": 1, "maxLength": 256,
                           "pattern": "^[ -~]+$"},
            }
        )  # fmt: skip
    return found


def _responses(route: Route, schemas: dict[str, Any], problem: Any) -> Mapping[str, Any]:
    success: dict[str, Any] = {"description": HTTPStatus(route.status).phrase}
    content: dict[str, Any] = {
        kind: {"schema": {"type": "object" if kind == "application/json" else "string"}}
        for kind in route.also_gives
    }
    if route.answers is not None:
        answer = {"schema": _schema(route.answers, schemas, "serialization")}
        content = {"application/json": answer, **content}
    if content:
        success["content"] = content
    responses: dict[str, Any] = {str(route.status): success}
    by_status: dict[int, list[str]] = {}
    for code in codes_of(route):
        by_status.setdefault(STATUS_OF[code], []).append(code)
    titles = texts("en")["problems"]
    for status, codes in sorted(by_status.items()):
        responses[str(status)] = {
            "description": "; ".join(f"`{code}`: {titles[code]}" for code in codes),
            "content": {"application/problem+json": {"schema": problem}},
        }
    return responses


def codes_of(route: Route) -> Sequence[str]:
    """The codes of problems that a route may answer with."""
    if route.is_open:
        return ("internal",)
    codes = [*_ALWAYS, *route.errors]
    if route.takes is not None:
        codes += _WITH_BODY
    if route.max_file:
        codes += ("request_timeout", "too_large", "unsupported_media_type")
    if route.method in _UNSAFE:
        codes += _WITH_KEY
    return codes


def _schema(
    kind: Any,
    schemas: dict[str, Any],
    mode: Literal["validation", "serialization"] = "validation",
) -> Mapping[str, Any]:
    """A reference to the schema of a model, which joins `schemas`; other types stand in place."""
    schema = TypeAdapter(kind).json_schema(by_alias=True, ref_template=REF, mode=mode)
    schemas.update(schema.pop("$defs", {}))
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        schemas[kind.__name__] = schema
        return {"$ref": REF.format(model=kind.__name__)}
    return schema
