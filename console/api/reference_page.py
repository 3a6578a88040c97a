"""The reference page of the API, made from its routes and the words of its errors.

`python -m console.api.reference_page > docs/reference/api.md` writes it; a test compares the two.
"""

import sys
from collections.abc import Sequence
from typing import Any

from console.api.accounts import AccountEndpoints
from console.api.application import RouteGroup
from console.api.automations import AutomationEndpoints
from console.api.campaign_report import CampaignReportEndpoints
from console.api.campaigns import CampaignEndpoints
from console.api.contact_details import ContactDetailEndpoints
from console.api.contacts import ContactEndpoints
from console.api.credentials import CredentialEndpoints
from console.api.documents import DocumentEndpoints
from console.api.domains import DomainEndpoints
from console.api.exports import ExportEndpoints
from console.api.guides import GuideEndpoints
from console.api.imports import ImportEndpoints
from console.api.incidents import IncidentEndpoints
from console.api.media import MediaEndpoints
from console.api.messages.endpoint import MessageEndpoints
from console.api.openapi import STATUS_OF, codes_of
from console.api.queue import QueueEndpoints
from console.api.quota import QuotaEndpoints
from console.api.refunds import RefundEndpoints
from console.api.reports import ReportEndpoints
from console.api.routes import Route
from console.api.sandbox import SandboxEndpoints
from console.api.segments import SegmentEndpoints
from console.api.suppressions import SuppressionEndpoints
from console.api.templates import TemplateEndpoints
from console.api.tracking import TrackingEndpoints
from console.api.usage import UsageEndpoints
from console.api.users import UserEndpoints
from console.api.webhooks import WebhookEndpoints
from console.api.wording import texts

_HEAD = """\
# HTTP API

JSON under `/api/v1` on `[console] listen`, behind `[server] public_url`. The server describes itself
exactly, with every field and limit, at `/api/v1/openapi.json` (OpenAPI 3.1, made from the schemas
that validate). This page is generated from the same routes.

- **Who asks**: `Authorization: Bearer <api key>`; the key is the password of the same credential at
  SMTP. A key that begins with `test` goes the whole way into the built-in simulator and costs nothing.
- **Bodies** are `application/json` in UTF-8, also with `Content-Encoding: gzip`. Unknown fields are
  errors. Identifiers are strings, times RFC 3339 with an offset.
- **Languages**: errors come in the language of `Accept-Language` (es, en), else `[server] language`.
- **Repeating**: with an `Idempotency-Key` (1 to 256 printable ASCII characters) a request is carried
  out once within 24 hours, also over a restart; the same answer comes again with
  `Idempotency-Replayed: true`. While the first is under way: 409. With another body: 422. A request
  that failed leaves its key free. Secrets in an answer are not repeated.
- **Pages**: lists take `limit` (1 to 500) and `cursor`, and answer with `items` and `next`, the cursor
  of the next page or null. A page may be shorter than `limit`: go on while there is a `next`.
- **Pace**: `RateLimit-Limit`, `-Remaining`, `-Reset` (also as `X-RateLimit-…`) tell the requests a key
  may make in a minute; sending is limited by recipients instead. 429 comes with `Retry-After`.
- **`X-Request-Id`** of a request comes back with the answer and in problems; one is made if it is
  missing.

## Endpoints

A key needs one of the scopes.

| method | path | what it does | scopes | success |
| --- | --- | --- | --- | --- |
"""

_ERRORS = """
## Errors

Problem details (RFC 9457, `application/problem+json`): `type`, `title`, `status`, `code`, `detail`,
`request_id`, and for 422 `violations`, each with `field` (`recipients.3.merge`), `code` and `message`.

| status | code | meaning | where |
| --- | --- | --- | --- |
"""

_VIOLATIONS = """
### Violations

| code | meaning |
| --- | --- |
"""

_PERSONAL = """
## Personalised messages

`recipients` holds up to 1,000 people, each with `merge`, an object of at most 16,384 characters as JSON.
A text has at most 5,000 fields; values add at most 1 MiB to a mail and make no header field longer than 10,000
characters: mail that would be more bounces.
Subject, text, HTML, the sender's name and header values may hold fields: `{{ nombre }}`,
`{{ nombre | default: "vecina" }}`. A field that is missing or blank shows its default, or nothing. In
HTML a value is text, never markup. `{{ email }}`, `{{ to_name }}` and `{{ delivery_id }}` exist always.
The content is stored once; everything about the request is one transaction. An address that is none
is rejected alone (`items[].status`), unless all are.

## Header fields

`headers` may not set what the server writes or what says who gets the mail: From, To, Cc, Bcc, Subject,
Date, Message-ID, Reply-To, Sender, MIME-Version, Content-…, Resent-…, ARC-…, X-Relevo-…,
DKIM-Signature, Received, Return-Path, Authentication-Results and their kin. Values hold no line end.
"""


def all_groups() -> Sequence[RouteGroup]:
    """Every group of routes, without what their handlers need."""
    nothing: Any = None
    return (
        MessageEndpoints(nothing, nothing, nothing, nothing),
        UsageEndpoints(nothing, nothing),
        SuppressionEndpoints(nothing, nothing),
        WebhookEndpoints(nothing, nothing),
        AutomationEndpoints(nothing, nothing, nothing),
        CampaignEndpoints(nothing, nothing),
        CampaignReportEndpoints(nothing, nothing, nothing, nothing),
        TemplateEndpoints(nothing, nothing),
        MediaEndpoints(nothing, nothing, nothing),
        ContactEndpoints(nothing, nothing),
        ContactDetailEndpoints(nothing, nothing, nothing),
        SegmentEndpoints(nothing, nothing),
        ImportEndpoints(nothing, nothing, nothing),
        TrackingEndpoints(nothing, nothing),
        DomainEndpoints(nothing, nothing),
        CredentialEndpoints(nothing, nothing),
        AccountEndpoints(nothing, nothing),
        UserEndpoints(nothing, nothing, nothing),
        GuideEndpoints(nothing, nothing, nothing),
        IncidentEndpoints(nothing, nothing),
        QuotaEndpoints(nothing, nothing),
        RefundEndpoints(nothing, nothing),
        ExportEndpoints(nothing, nothing),
        ReportEndpoints(nothing, nothing, nothing, nothing),
        DocumentEndpoints(nothing, nothing, nothing),
        QueueEndpoints(nothing, nothing, nothing),
        SandboxEndpoints(None, nothing),
    )


def all_routes() -> Sequence[Route]:
    """Every route that is documented."""
    return [route for group in all_groups() for route in group.routes()]


def reference_page() -> str:
    """The page as Markdown."""
    routes = all_routes()
    lines = [_HEAD]
    for route in routes:
        scopes = ", ".join(f"`{scope}`" for scope in route.scopes) or "any key"
        lines.append(
            f"| {route.method} | `{route.path}` | {route.summary} | {scopes} | {route.status} |\n"
        )
    lines.append("| GET | `/api/v1/openapi.json` | This document | nobody is asked | 200 |\n")
    lines.append(_ERRORS)
    words = texts("en")
    everywhere = set.intersection(*(set(codes_of(route)) for route in routes))
    for code, status in sorted(STATUS_OF.items(), key=lambda item: (item[1], item[0])):
        users = [route.name for route in routes if code in codes_of(route)]
        where = "all" if code in everywhere else ", ".join(f"`{name}`" for name in users) or "–"
        lines.append(f"| {status} | `{code}` | {words['problems'][code]} | {where} |\n")
    lines.append(_VIOLATIONS)
    lines += [f"| `{code}` | {text} |\n" for code, text in sorted(words["violations"].items())]
    lines.append(_PERSONAL)
    return "".join(lines)


if __name__ == "__main__":
    sys.stdout.write(reference_page())
