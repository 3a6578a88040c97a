"""SendGrid's v3 API: `POST /v3/mail/send` and what its libraries ask beside it.

An answer is `202` without a body and with `X-Message-Id`, an error
`{"errors": [{"message", "field", "help"}]}`.
"""

import secrets
from collections.abc import Callable, Sequence

import orjson
from aiohttp import web
from pydantic import ValidationError

from console.api.dialects.dialect import (
    UNAUTHORIZED,
    Backend,
    Failure,
    Route,
    failure_of,
    request_id,
)
from console.api.dialects.faults import Fault, Faulty, faults_of
from console.api.dialects.sendgrid_batches import SendGridBatches
from console.api.dialects.sendgrid_schema import Mail
from console.api.dialects.sendgrid_suppressions import SendGridSuppressions
from console.api.dialects.sendgrid_translation import Outgoing, field_of, translate
from console.api.messages.result import SendResult
from console.api.refusals import ApiRefusal

SCOPES = (
    "mail.batch.create",
    "mail.send",
    "user.scheduled_sends.create",
    "user.scheduled_sends.read",
)

_MESSAGES = {
    UNAUTHORIZED: "The provided authorization grant is invalid, expired, or revoked",
    "not_found": "not found",
    "not_permitted": "access forbidden",
    "malformed_json": "Bad Request",
    "quota_exhausted": "Maximum credits exceeded",
    "quota_expired": "Maximum credits exceeded: the term of the credits is over",
    "quota_pending": "Maximum credits exceeded: the term of the credits has not begun",
    "rate_limited": "too many requests",
    "too_large": "the request is too large",
    "sender_not_allowed": "The from address does not match a verified Sender Identity. "
    "Mail cannot be sent until this error is resolved.",
    "unavailable": "the server cannot answer now, try again later",
    "internal": "internal error, see the log of the server",
}
_FIELD = {"sender_not_allowed": "from"}


class SendGrid:
    """The dialect."""

    name = "sendgrid"
    prefixes = ("/v3/",)

    def __init__(
        self, backend: Backend, suppressions: SendGridSuppressions, batches: SendGridBatches
    ) -> None:
        self._backend = backend
        self._batches = batches
        self._suppressions = suppressions

    def key_of(self, request: web.Request) -> str:
        """`Authorization: Bearer`."""
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        return key.strip() if scheme.lower() == "bearer" else ""

    def is_open(self, _: web.Request) -> bool:
        """Nothing is."""
        return False

    def routes(self) -> Sequence[Route]:
        """`/v3/…`."""
        return (
            ("POST", "/v3/mail/send", self.send),
            ("POST", "/v3/mail/batch", self.make_batch),
            *self._batches.routes(),
            ("GET", "/v3/scopes", self.scopes),
            *self._suppressions.routes(),
        )

    def failed(self, failure: Failure) -> web.Response:
        """400 for what is wrong with the request, else the status of our own API."""
        text = _MESSAGES.get(failure.code, failure.detail or failure.code)
        faults = failure.faults or [Fault(_FIELD.get(failure.code, ""), text)]
        body = {
            "errors": [
                {"message": message, "field": field or None, "help": None}
                for field, message in faults
            ]
        }
        status = 400 if failure.status == 422 else failure.status
        return _json(body, status, dict(failure.headers))

    async def send(self, request: web.Request) -> web.StreamResponse:
        """Take every personalization, or none that is wrong."""
        mail = _read(await self._backend.json(request))
        outgoing = translate(mail)
        if mail.is_sandboxed or len(outgoing) > 1:
            await self._check(request, outgoing)
        if mail.is_sandboxed:
            return web.Response(headers={"X-Message-Id": request_id()})
        results = await self._backend.send(request, self.name, [one.request for one in outgoing])
        failures = [n for n, one in enumerate(results) if isinstance(one, ApiRefusal)]
        if failures:
            return self._partly(outgoing, results, failures[0])
        first = results[0]
        assert isinstance(first, SendResult)
        return web.Response(status=202, headers={"X-Message-Id": str(first.id)})

    async def _check(self, request: web.Request, outgoing: Sequence[Outgoing]) -> None:
        for one in outgoing:
            try:
                await self._backend.check(request, self.name, [one.request])
            except ApiRefusal as refusal:
                failure = failure_of(refusal, _names(one))
                if failure.faults:
                    raise Faulty(*failure.faults) from None
                raise

    def _partly(
        self,
        outgoing: Sequence[Outgoing],
        results: "Sequence[SendResult | ApiRefusal]",
        failed: int,
    ) -> web.Response:
        """Each personalization is a mail of its own, so some may have been taken."""
        refusal = results[failed]
        assert isinstance(refusal, ApiRefusal)
        response = self.failed(failure_of(refusal, _names(outgoing[failed])))
        taken = [
            n
            for one, result in zip(outgoing, results, strict=True)
            if isinstance(result, SendResult)
            for n in one.personalizations
        ]
        if not taken:
            return response
        assert isinstance(response.body, bytes)
        body = orjson.loads(response.body)
        body["errors"].append(
            {
                "message": "accepted all the same: personalizations "
                f"{', '.join(map(str, sorted(taken)))}",
                "field": "personalizations",
                "help": None,
            }
        )
        headers = {k: v for k, v in response.headers.items() if k == "Retry-After"}
        return _json(body, response.status, headers)

    async def make_batch(self, _: web.Request) -> web.StreamResponse:
        """An id under which the messages of several requests belong together."""
        return _json({"batch_id": secrets.token_hex(24)}, 201, {})

    async def scopes(self, _: web.Request) -> web.StreamResponse:
        """What the key may do here."""
        return _json({"scopes": list(SCOPES)}, 200, {})


def _read(body: object) -> Mail:
    try:
        return Mail.model_validate(body)
    except ValidationError as error:
        raise Faulty(*faults_of(error)) from None


def _names(one: Outgoing) -> Callable[[str], str]:
    return lambda native: field_of(native, one.personalizations)


def _json(body: object, status: int, headers: dict[str, str]) -> web.Response:
    return web.Response(
        body=orjson.dumps(body), status=status, content_type="application/json", headers=headers
    )
