"""What people and programs see when a request cannot be answered."""

from collections.abc import Mapping

import structlog
from aiohttp import web
from aiohttp.typedefs import Middleware

from console.accounts.actor import NotPermitted, NotVisible
from console.api.language import preferred
from console.api.problems import refused
from console.api.refusals import ApiRefusal
from console.api.request_id import request_id_of
from console.pages.rendering import Renderer
from console.web.access import API
from console.web.forwarded import Handler
from mta.model.errors import TransientError

RETRY_AFTER_S = 5
_KINDS = {401: "refused", 403: "forbidden", 404: "missing", 413: "large", 503: "busy"}
_CODES = {
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    503: "unavailable",
}


class Failures:
    """The middleware that turns exceptions into pages, or into problem details for the API."""

    def __init__(self, renderer: Renderer, language: str = "en") -> None:
        """`language`: of callers of the API that name none."""
        self._renderer = renderer
        self._language = language
        self._log = structlog.get_logger("relevo.console")

    def middleware(self) -> Middleware:
        """For the application."""

        @web.middleware
        async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
            try:
                return await handler(request)
            except ApiRefusal as refusal:
                return self._told(request, refusal)
            except web.HTTPException as error:
                if error.status < 400:
                    raise
                return self._failed(request, error.status, error.headers, _reason_of(error))
            except NotVisible:
                return self._failed(request, 404, {})
            except NotPermitted:
                return self._failed(request, 403, {})
            except TransientError as error:
                self._log.warning("request_not_answered", route=_route(request), error=str(error))
                return self._failed(request, 503, {"Retry-After": str(RETRY_AFTER_S)})
            except ConnectionResetError:  # gone in the middle of its body: no error of ours
                return web.Response(status=400)
            except Exception:
                self._log.exception("request_failed", method=request.method, route=_route(request))
                return self._failed(request, 500, {})

        return answer

    def _failed(
        self, request: web.Request, status: int, headers: Mapping[str, str], reason: str = ""
    ) -> web.Response:
        """`reason`: why, as a service said it, where it is the person who has to know."""
        if request.path.startswith(API):
            code = _CODES.get(status, "internal" if status >= 500 else "refused")
            response = self._told(request, ApiRefusal(status, code))
        else:
            kind = _KINDS.get(status, "failed" if status >= 500 else "refused")
            values = {"kind": kind, "status": status, "reason": reason}
            response = self._renderer.page(request, "error.html", values, status=status)
        for name in ("Allow", "Retry-After"):
            if name in headers:
                response.headers[name] = headers[name]
        return response

    def _told(self, request: web.Request, refusal: ApiRefusal) -> web.Response:
        """A problem in the caller's language, with the id of the request in body and header."""
        language = preferred(request.headers.get("Accept-Language", ""), self._language)
        request_id = request_id_of(request)
        response = refused(refusal, language, request_id)
        response.headers["Content-Language"] = language
        response.headers["X-Request-Id"] = request_id
        return response


def _reason_of(error: web.HTTPException) -> str:
    """What a handler says to somebody whose request cannot be met; nothing where it said nothing."""
    if error.status != 422 or error.text == f"{error.status}: {error.reason}":
        return ""
    return error.text or ""


def _route(request: web.Request) -> str:
    """What the log says: `/link/{token}`, not the token."""
    resource = request.match_info.route.resource
    return request.path[:200] if resource is None else resource.canonical
