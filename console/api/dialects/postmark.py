"""Postmark's API: `POST /email`, `/email/batch`, and what its libraries ask beside them.

Every answer carries an `ErrorCode`, 0 for success. A batch is answered with 200 and one answer for
each of its mails, in order.
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson
from aiohttp import web
from pydantic import ValidationError

from console.api.bearer import IDENTITY
from console.api.dialects.dialect import (
    UNAUTHORIZED,
    Backend,
    Failure,
    Route,
    failure_of,
    request_id,
    suppressed,
)
from console.api.dialects.faults import Fault, Faulty, faults_of
from console.api.dialects.postmark_schema import (
    MAX_BATCH,
    Email,
    TemplatedBatch,
    TemplatedEmail,
)
from console.api.dialects.postmark_translation import (
    field_of,
    inactive,
    translate,
    translate_template,
)
from console.api.messages.request import MessageRequest
from console.api.messages.result import SendResult
from console.api.refusals import ApiRefusal
from mta.events.record import rfc3339
from mta.model.clock import Clock

TOKEN = "X-Postmark-Server-Token"  # the header's name
TEST_TOKEN = "POSTMARK_API_TEST"  # everybody's: checks a mail and sends nothing

BAD_TOKEN, INVALID, SENDER, CREDITS, INACTIVE = 10, 300, 400, 405, 406
NOT_JSON, TOO_MANY, RATE, NO_TEMPLATE, OUT_OF_ORDER = 402, 410, 429, 1101, 100
# Of our own API's code: Postmark's, the HTTP status, the text.
_CODES: Mapping[str, tuple[int, int, str]] = {
    UNAUTHORIZED: (BAD_TOKEN, 401, "Bad or missing Server API token."),
    "malformed_json": (NOT_JSON, 422, "Invalid JSON."),
    "quota_exhausted": (CREDITS, 422, "Not allowed to send: you have run out of credits."),
    "quota_expired": (CREDITS, 422, "Not allowed to send: the term of the credits is over."),
    "quota_pending": (CREDITS, 422, "Not allowed to send: the term of the credits has not begun."),
    "sender_not_allowed": (
        SENDER,
        422,
        "The 'From' address is not a Sender Signature of yours: its domain is not the account's.",
    ),
    "rate_limited": (RATE, 429, "Rate limit exceeded, try again later."),
    "too_large": (INVALID, 413, "The request is too large."),
    "unavailable": (OUT_OF_ORDER, 503, "The server cannot answer now, try again later."),
    "internal": (OUT_OF_ORDER, 500, "Internal error, see the log of the server."),
    "not_found": (0, 404, "not found"),
}


class Postmark:
    """The dialect."""

    name = "postmark"
    prefixes = ("/email", "/server")

    def __init__(self, backend: Backend, clock: Clock) -> None:
        self._backend = backend
        self._clock = clock

    def key_of(self, request: web.Request) -> str:
        """`X-Postmark-Server-Token`."""
        return request.headers.get(TOKEN, "").strip()

    def is_open(self, request: web.Request) -> bool:
        """Whether the key is everybody's test key."""
        return self.key_of(request) == TEST_TOKEN

    def routes(self) -> Sequence[Route]:
        """`/email…` and `/server`; postmarker writes some with a slash at the end."""
        return (
            ("POST", "/email", self.send),
            ("POST", "/email/batch", self.send_batch),
            ("POST", "/email/withTemplate", self.send_template),
            ("POST", "/email/withTemplate/", self.send_template),
            ("POST", "/email/batchWithTemplates", self.send_templates),
            ("POST", "/email/batchWithTemplates/", self.send_templates),
            ("GET", "/server", self.server),
        )

    def failed(self, failure: Failure) -> web.Response:
        """422 with a code for what is wrong with the request."""
        status, body = _failed(failure)
        return _json(body, status, failure.headers)

    async def send(self, request: web.Request) -> web.StreamResponse:
        """One mail."""
        return await self._one(request, _read_email)

    async def send_template(self, request: web.Request) -> web.StreamResponse:
        """One mail with a stored template."""
        return await self._one(request, _read_template)

    async def send_batch(self, request: web.Request) -> web.StreamResponse:
        """Up to 500 mails, each for itself."""
        body = await self._backend.json(request)
        if not isinstance(body, list):
            raise Faulty(Fault("", "expected an array of mails"))
        return await self._many(request, body, _read_email)

    async def send_templates(self, request: web.Request) -> web.StreamResponse:
        """The same with stored templates."""
        try:
            batch = TemplatedBatch.model_validate(await self._backend.json(request))
        except ValidationError as error:
            raise Faulty(*faults_of(error)) from None
        return await self._many(request, batch.messages, _read_template)

    async def server(self, request: web.Request) -> web.StreamResponse:
        """Whose key it is: what monitoring asks to see whether the key is good.

        Unlike Postmark's the ID is a string: JavaScript would round it.
        """
        identity = request.get(IDENTITY)
        if identity is None:
            return _json({"ID": "0", "Name": "test", "DeliveryType": "Sandbox"}, 200)
        kind = "Sandbox" if identity.is_test else "Live"
        return _json(
            {"ID": str(identity.account_id), "Name": identity.name, "DeliveryType": kind}, 200
        )

    async def _one(
        self, request: web.Request, read: Callable[[object], MessageRequest]
    ) -> web.StreamResponse:
        message = read(await self._backend.json(request))
        if self.is_open(request):
            return _json(self._test_answer(message), 200)
        (result,) = await self._backend.send(request, self.name, [message])
        status, body = self._answer(message, result)
        headers = result.headers if isinstance(result, ApiRefusal) else {}
        return _json(body, status, headers)

    async def _many(
        self,
        request: web.Request,
        bodies: Sequence[object],
        read: Callable[[object], MessageRequest],
    ) -> web.StreamResponse:
        if len(bodies) > MAX_BATCH:
            text = f"A batch request can have at most {MAX_BATCH} mails."
            return _json({"ErrorCode": TOO_MANY, "Message": text}, 422)
        answers: list[dict[str, Any]] = [{}] * len(bodies)
        good: list[tuple[int, MessageRequest]] = []
        for n, body in enumerate(bodies):
            try:
                good.append((n, read(body)))
            except Faulty as error:
                answers[n] = _failed(Failure(422, "validation_failed", error.faults))[1]
        if self.is_open(request):
            for n, message in good:
                answers[n] = self._test_answer(message)
            return _json(answers, 200)
        results = await self._backend.send(request, self.name, [one for _, one in good])
        for (n, message), result in zip(good, results, strict=True):
            answers[n] = self._answer(message, result)[1]
        return _json(answers, 200)

    def _answer(
        self, message: MessageRequest, result: SendResult | ApiRefusal
    ) -> tuple[int, dict[str, Any]]:
        if isinstance(result, ApiRefusal):
            return _failed(failure_of(result, field_of))
        gone = suppressed(result)
        if gone and len(gone) == len(result.items):
            text = (
                "You tried to send to recipient(s) that have been marked as inactive. "
                f"Found {inactive(gone)}"
            )
            return 422, {"ErrorCode": INACTIVE, "Message": text}
        text = f"Message OK, but will not deliver to these {inactive(gone)}" if gone else "OK"
        return 200, {
            "To": _to(message),
            "SubmittedAt": rfc3339(self._clock.now_ms()),
            "MessageID": str(message_uuid(result.id)),
            "ErrorCode": 0,
            "Message": text,
            "RelevoID": str(result.id),
        }

    def _test_answer(self, message: MessageRequest) -> dict[str, Any]:
        return {
            "To": _to(message),
            "SubmittedAt": rfc3339(self._clock.now_ms()),
            "MessageID": request_id(),
            "ErrorCode": 0,
            "Message": "Test job accepted",
        }


def message_uuid(number: int) -> uuid.UUID:
    """A message's id in the form of Postmark's, which some libraries insist on (RFC 9562 §5.8).

    The first 48 bits of the 63, version 8, the next 12, the variant, the last 3, and zeros.
    """
    return uuid.UUID(
        int=(number >> 15) << 80 | 0x8 << 76 | (number >> 3 & 0xFFF) << 64 | 0b10 << 62
        | (number & 0b111) << 59
    )  # fmt: skip


def _failed(failure: Failure) -> tuple[int, dict[str, Any]]:
    if failure.code in _CODES:
        code, status, text = _CODES[failure.code]
    else:
        code = NO_TEMPLATE if any(f.field == "TemplateId" for f in failure.faults) else INVALID
        status = failure.status
        text = " ".join(_sentence(one) for one in failure.faults) or failure.detail or failure.code
    return status, {"ErrorCode": code, "Message": text}


def _sentence(fault: Fault) -> str:
    """What libraries look for begins with the provider's own words."""
    if not fault.field or fault.message.startswith(("Error parsing", "Invalid '", "Zero", "Prov")):
        return fault.message
    return f"{fault.field}: {fault.message}."


def _read_email(body: object) -> MessageRequest:
    try:
        return translate(Email.model_validate(body))
    except ValidationError as error:
        raise Faulty(*faults_of(error)) from None


def _read_template(body: object) -> MessageRequest:
    try:
        return translate_template(TemplatedEmail.model_validate(body))
    except ValidationError as error:
        raise Faulty(*faults_of(error)) from None


def _to(message: MessageRequest) -> str:
    return ", ".join(f'"{b.name}" <{b.email}>' if b.name else b.email for b in message.to)


def _json(body: object, status: int, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(
        body=orjson.dumps(body), status=status, content_type="application/json", headers=headers
    )
