"""Errors of the API as RFC 9457 problem details, and its other answers."""

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType

import orjson
from aiohttp import web

from console.accounts.actor import NotPermitted
from console.api.refusals import ApiRefusal, Told, Violation
from console.api.wording import worded
from console.reasons import said

CONTENT_TYPE = "application/problem+json"
_NOTHING: Mapping[str, str] = MappingProxyType({})


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    language: str = "en",
    violations: tuple[Violation, ...] = (),
    request_id: str = "",
) -> web.Response:
    """A response that programs decide on by `code` and people read in `title` and `detail`."""
    title = worded("problems", language, code, HTTPStatus(status).phrase)
    body: dict[str, object] = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "code": code,
        "detail": detail or title,
    }
    if violations:
        body["violations"] = [
            {
                "field": one.field,
                "code": one.code,
                "message": worded(
                    "violations", language, one.code, one.code, _values(one.values, language)
                ),
            }
            for one in violations
        ]
    if request_id:
        body["request_id"] = request_id
    return web.Response(
        body=orjson.dumps(body), status=status, content_type=CONTENT_TYPE, headers=headers
    )


def _values(values: Mapping[str, str], language: str) -> Mapping[str, str]:
    """What goes into a text; names of types in its language."""
    return {
        name: said(worded("types", language, value, value), language)
        for name, value in values.items()
    }


def not_permitted(error: NotPermitted) -> ApiRefusal:
    """The 403 for what a service does not let somebody do."""
    if error.permission:
        return ApiRefusal(
            403, "not_permitted", Told("lacks_permission", {"permission": error.permission})
        )
    return ApiRefusal(403, "not_permitted", str(error))


def refused(refusal: ApiRefusal, language: str = "en", request_id: str = "") -> web.Response:
    """The response to a request that was refused."""
    return problem(
        refusal.status,
        refusal.code,
        refusal.detail_in(language),
        headers=refusal.headers,
        language=language,
        violations=refusal.violations,
        request_id=request_id,
    )


def answer(
    value: object, status: int = 200, *, headers: Mapping[str, str] = _NOTHING
) -> web.Response:
    """A JSON response."""
    return web.Response(
        body=orjson.dumps(value), status=status, content_type="application/json", headers=headers
    )
