"""Carries requests to handlers: everything that every endpoint does, done once.

In this order, so that nothing is read or done for who may not ask: who is it (before, by the
middleware), may they, how often; then the body within its bounds, the schema, the idempotency key,
the handler. Whatever goes wrong is a problem in the caller's language, with the request's id.
"""

from collections.abc import Iterable
from functools import partial

import orjson
import structlog
from aiohttp import web

from console.accounts.actor import NotPermitted, NotVisible
from console.api.bearer import IDENTITY, SCOPES
from console.api.idempotency import Claim, Idempotency, checked_key
from console.api.language import preferred
from console.api.pace import Pace
from console.api.problems import not_permitted, refused
from console.api.reading import BodyReader
from console.api.refusals import ApiRefusal, Told
from console.api.request_id import request_id_of
from console.api.routes import Answer, Call, Route
from console.api.uploading import sent_file
from console.api.usage_count import COUNTED
from console.api.validation import read_body, read_query
from mta.model.envelope import Identity, Origin
from mta.model.errors import PermanentError, TransientError

RETRY_S = 5
UNSAFE = frozenset(("POST", "PUT", "PATCH", "DELETE"))
_NOBODY = Identity(0, 0, "")


class Endpoints:
    """All routes of the API in an application."""

    def __init__(
        self,
        *,
        reader: BodyReader,
        idempotency: Idempotency,
        pace: Pace,
        language: str,
    ) -> None:
        """`language`: of callers that name none."""
        self._reader = reader
        self._idempotency = idempotency
        self._pace = pace
        self._language = language
        self._log = structlog.get_logger("relevo.api")

    def add_routes(self, app: web.Application, routes: Iterable[Route]) -> None:
        """Bind each route to its handler."""
        table = tuple(routes)
        words = [route.path for route in table if "{" not in route.path]
        for route in table:
            path = route.path
            above, _, _ = path.partition("{id}")
            if above != path and any(word.startswith(above) for word in words):
                # `/segments/count` is no segment, and `Allow` must not say so: ids are numbers.
                path = path.replace("{id}", r"{id:\d+}")
            app.router.add_route(route.method, path, partial(self.serve, route))

    async def serve(self, route: Route, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        language = preferred(request.headers.get("Accept-Language", ""), self._language)
        request_id = request_id_of(request)
        try:
            response = await self._answer(route, request, language, request_id)
        except ApiRefusal as refusal:
            response = refused(refusal, language, request_id)
        except NotVisible:
            response = refused(ApiRefusal(404, "not_found"), language, request_id)
        except NotPermitted as error:
            response = refused(not_permitted(error), language, request_id)
        except PermanentError as error:
            response = refused(ApiRefusal(409, "conflict", str(error)), language, request_id)
        except TransientError as error:
            self._log.warning("request not answered", path=route.path, error=str(error))
            busy = ApiRefusal(503, "unavailable", headers={"Retry-After": str(RETRY_S)})
            response = refused(busy, language, request_id)
        except ConnectionResetError:  # gone in the middle of its body: no error of ours
            response = web.Response(status=400)
        except Exception:
            self._log.exception("request failed", path=route.path, request=request_id)
            response = refused(ApiRefusal(500, "internal"), language, request_id)
        response.headers["X-Request-Id"] = request_id
        response.headers["Content-Language"] = language
        if not route.is_open:
            for name, value in self._pace.headers(request[IDENTITY].credential_id).items():
                response.headers.setdefault(name, value)
        return response

    async def _answer(
        self, route: Route, request: web.Request, language: str, request_id: str
    ) -> web.Response:
        identity = _NOBODY if route.is_open else request[IDENTITY]
        scopes = frozenset() if route.is_open else request[SCOPES]
        if not route.is_open:
            self._let_in(route, request, identity)
        query = None if route.filters is None else read_query(route.filters, request.query)
        body = b""
        if route.takes is not None:
            if request.content_type != "application/json":
                raise ApiRefusal(415, "unsupported_media_type")
            body = await self._reader.read(request)
        call = Call(
            identity=identity,
            scopes=scopes,
            origin=Origin("HTTP", request.remote or "", "api", via="api"),
            path=request.match_info,
            query=query,
            body=None if route.takes is None else read_body(route.takes, body),
            language=language,
            request_id=request_id,
        )
        if route.max_file:
            call.file = await sent_file(request, route.max_file)
            body = f"{request.content_type} {request.content_length}".encode()  # it is not read yet
        if route.method in UNSAFE and (key := request.headers.get("Idempotency-Key")) is not None:
            call.idempotency_key = checked_key(key)
            response = await self._once(route, request, call, body)
        else:
            response = _response(await route.handler(call))
        if call.counted is not None:
            request[COUNTED] = call.counted
        return response

    def _let_in(self, route: Route, request: web.Request, identity: Identity) -> None:
        if route.scopes and not request[SCOPES].intersection(route.scopes):
            raise ApiRefusal(403, "not_permitted", Told("needs_scope", {"scope": route.scopes[0]}))
        if route.is_paced and not self._pace.take(identity.credential_id):
            raise ApiRefusal(429, "rate_limited", headers={"Retry-After": "1"})

    async def _once(
        self, route: Route, request: web.Request, call: Call, body: bytes
    ) -> web.Response:
        """Carry out what has an idempotency key."""
        claim = await self._idempotency.claim(
            call.identity.account_id,
            call.idempotency_key,
            f"{request.method} {request.path_qs}"[:500],
            body,
            atomic=route.commits_key,
        )
        if isinstance(claim, Answer):
            return _response(claim)
        try:
            if route.commits_key:
                call.keep = claim.keeper()
                return _response(await route.handler(call))
            return await self._kept(route, call, claim)
        finally:
            self._idempotency.release(claim)

    async def _kept(self, route: Route, call: Call, claim: Claim) -> web.Response:
        try:
            answer = await route.handler(call)
        except (ApiRefusal, PermanentError):
            await self._idempotency.forget(claim)
            raise
        body = answer.body.decode() or encoded(_without(answer.value, route.secret_fields))
        await self._idempotency.finish(claim, answer, body)
        return _response(answer)


def encoded(value: object) -> str:
    """A value as JSON."""
    return orjson.dumps(value).decode()


def _without(value: object, fields: tuple[str, ...]) -> object:
    """The value with its secrets left out."""
    if not fields or not isinstance(value, dict):
        return value
    return {name: None if name in fields else part for name, part in value.items()}


def _response(answer: Answer) -> web.Response:
    if answer.status == 204:
        return web.Response(status=204, headers=answer.headers)
    return web.Response(
        body=answer.pieces or answer.body or orjson.dumps(answer.value),
        status=answer.status,
        headers=answer.headers,
        content_type=answer.content_type,
    )
