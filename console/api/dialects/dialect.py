"""What every dialect has: a name, its routes, its key, its words for errors; and what they share."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple, Protocol

import orjson
import structlog
from aiohttp import web

from console.api.bearer import IDENTITY, BearerCheck
from console.api.dialects.faults import Fault, Faulty
from console.api.idempotency import checked_key
from console.api.messages.request import MessageRequest
from console.api.messages.result import ItemStatus, SendResult
from console.api.messages.service import SendService
from console.api.reading import BodyReader
from console.api.refusals import ApiRefusal
from console.api.usage_count import COUNTED, DOOR, Counted
from console.api.validation import malformed_json
from console.api.wording import worded
from mta.model.envelope import Origin
from mta.model.errors import TransientError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Route = tuple[str, str, Handler]  # method, path, handler

IDEMPOTENCY_KEY = "Idempotency-Key"
AT_ONCE = 25  # messages of one request: enough for a group commit, and short on the loop
UNAUTHORIZED = "unauthorized"
NOT_FOUND = "not_found"
_RETRY_S = "5"
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Failure(NamedTuple):
    """Why a request was not carried out, before a dialect finds its own words."""

    status: int
    code: str  # as in our own API: "quota_exhausted"
    faults: Sequence[Fault] = ()
    detail: str = ""
    headers: Mapping[str, str] = _NO_HEADERS


class Dialect(Protocol):
    """One provider's API."""

    @property
    def name(self) -> str:
        """Of the door, in reports and metrics."""
        ...

    @property
    def prefixes(self) -> Sequence[str]:
        """Paths below them are this dialect's."""
        ...

    def key_of(self, request: web.Request) -> str:
        """The API key that came with a request; empty: none."""
        ...

    def failed(self, failure: Failure) -> web.Response:
        """The error in the provider's form."""
        ...

    def routes(self) -> Sequence[Route]:
        """What it answers."""
        ...

    def is_open(self, request: web.Request) -> bool:
        """Whether a request needs no key (a provider's public test key)."""
        ...


@dataclass(frozen=True, slots=True)
class Backend:
    """What carries requests out."""

    bearer: BearerCheck
    reader: BodyReader
    open_reader: BodyReader  # for whoever came without a key of their own
    service: SendService

    async def json(self, request: web.Request) -> object:
        """The body. Raises `ApiRefusal`."""
        reader = self.reader if IDENTITY in request else self.open_reader
        body = await reader.read(request)
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise malformed_json(str(error)) from None

    async def send(
        self, http: web.Request, door: str, messages: Sequence[MessageRequest]
    ) -> "list[SendResult | ApiRefusal]":
        """Send each; the n-th result is that of the n-th message.

        With an idempotency key the whole request can be repeated: what was taken is not taken again.
        """
        given = http.headers.get(IDEMPOTENCY_KEY)
        key = "" if given is None else checked_key(given)
        identity, origin = http[IDENTITY], origin_of(http, door)
        answers: list[SendResult | BaseException] = []
        for start in range(0, len(messages), AT_ONCE):
            part = enumerate(messages[start : start + AT_ONCE], start)
            answers += await asyncio.gather(
                *(
                    self.service.send(
                        identity,
                        message,
                        origin=origin,
                        idempotency_key=f"{key}:{n}" if key and len(messages) > 1 else key,
                    )
                    for n, message in part
                ),
                return_exceptions=True,
            )
        results: list[SendResult | ApiRefusal] = []
        for answer in answers:
            if isinstance(answer, TransientError):
                answer = ApiRefusal(503, "unavailable", headers={"Retry-After": _RETRY_S})
            if isinstance(answer, BaseException) and not isinstance(answer, ApiRefusal):
                raise answer
            results.append(answer)
        http[COUNTED] = _counted(messages, results)
        return results

    async def check(self, http: web.Request, door: str, messages: Sequence[MessageRequest]) -> None:
        """Everything that can be said without taking them. Raises `ApiRefusal`."""
        for message in messages:
            await self.service.check(http[IDENTITY], message, origin=origin_of(http, door))
            await asyncio.sleep(0)  # the mail of others goes on between two of them


def origin_of(request: web.Request, door: str) -> Origin:
    """Where a message of this request comes from."""
    tls = "TLS" if request.secure else ""
    return Origin("HTTPS" if tls else "HTTP", request.remote or "", via=door)


def guarded(dialect: Dialect, backend: Backend, handler: Handler) -> Handler:
    """The handler behind the dialect's key; whatever fails is told in the dialect's form."""
    log = structlog.get_logger("relevo.api")

    async def answer(request: web.Request) -> web.StreamResponse:
        request[DOOR] = dialect.name
        try:
            if not dialect.is_open(request):
                identity = backend.bearer.identity(dialect.key_of(request), request.remote or "")
                if identity is None:
                    return dialect.failed(Failure(401, UNAUTHORIZED))
                request[IDENTITY] = identity
            return await handler(request)
        except Faulty as error:
            return dialect.failed(Failure(422, "validation_failed", error.faults))
        except ApiRefusal as refusal:
            return dialect.failed(failure_of(refusal))
        except TransientError as error:
            log.warning("request_not_answered", path=request.path, error=str(error))
            headers = {"Retry-After": _RETRY_S}
            return dialect.failed(Failure(503, "unavailable", headers=headers))
        except web.HTTPException:
            raise
        except Exception:
            log.exception("request_failed", method=request.method, path=request.path)
            return dialect.failed(Failure(500, "internal"))

    return answer


def failure_of(refusal: ApiRefusal, name: Callable[[str], str] = lambda native: native) -> Failure:
    """A refusal of our own API; `name` gives the dialect's name of a field of ours."""
    faults = [Fault(name(one.field), _text(one.code, one.values)) for one in refusal.violations]
    return Failure(refusal.status, refusal.code, faults, refusal.detail, refusal.headers)


def request_id() -> str:
    """For answers that need an id while nothing was stored."""
    return str(uuid.uuid4())


def _text(code: str, values: Mapping[str, str]) -> str:
    detail = values.get("detail") or values.get("limit", "")
    text = worded("violations", "en", code, code.replace("_", " "), values)
    return text if not detail or detail in text else f"{text}: {detail}"


def _counted(
    messages: Sequence[MessageRequest], results: "Sequence[SendResult | ApiRefusal]"
) -> Counted:
    recipients = refused = 0
    for message, result in zip(messages, results, strict=True):
        if isinstance(result, ApiRefusal):
            refused += len(message.recipients) or len(message.addressed)
        else:
            recipients += result.accepted
            refused += result.rejected
    return Counted(recipients, refused)


def suppressed(result: SendResult) -> list[str]:
    """The addresses that will not be written to."""
    return [item.recipient for item in result.items if item.status is ItemStatus.SUPPRESSED]
