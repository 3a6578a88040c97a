"""From a request to what the intake takes: a whole message, or a template with its recipients."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from console.api.messages.checks import MAX_MERGE, Checks
from console.api.messages.request import MessageRequest, Track
from console.api.messages.result import ItemStatus, SendItem
from console.api.refusals import Violation, invalid
from console.content.compiling import MessageTemplate, compile_template
from console.content.composing import Box, PlainMessage, compose
from console.content.fields import TemplateError
from console.content.structure import File
from console.tracking.instrumenting import TrackingOptions
from mta.intake.batch import BatchSubmission
from mta.intake.recipients import TemplateRecipient
from mta.model.address import Address, parse_address
from mta.model.envelope import Envelope, Identity, Origin, Recipient, Submission
from mta.model.errors import AddressSyntaxError
from mta.model.traffic import TrafficClass

TO_NAME = "to_name"  # the field that holds the name of a personalised recipient


@dataclass(frozen=True, slots=True)
class Composed:
    """A request that is ready for the intake, and the recipients that it cannot have."""

    submission: Submission | BatchSubmission
    rejected: Sequence[tuple[int, SendItem]] = ()  # with their places in the request


@dataclass(frozen=True, slots=True)
class _Head:
    """What both kinds of messages have."""

    author: Address
    author_name: str
    reply_to: Box | None
    headers: tuple[tuple[str, str], ...]
    files: tuple[File, ...]
    tags: tuple[str, ...]
    metadata: str


def composed(
    request: MessageRequest,
    identity: Identity,
    origin: Origin,
    key: str,
    tracking: TrackingOptions | None = None,
) -> Composed:
    """The request as a submission; no I/O, milliseconds for a thousand recipients.

    `tracking`: what is tracked of a personalised message; others are prepared by the intake.
    Raises `ApiRefusal` with every violation that was found.
    """
    if request.template is not None:
        raise invalid(Violation("template", "template_unknown"))
    checks = Checks()
    author, author_name = checks.mailbox("from", request.sender)
    reply_to = None
    if request.reply_to is not None:
        address, name = checks.mailbox("reply_to", request.reply_to)
        reply_to = (name, str(address))
    checks.one_line("subject", request.subject)
    checks.one_line("campaign", request.campaign)
    checks.body("text", request.text)
    checks.body("html", request.html)
    if not (request.text or request.html or request.attachments):
        checks.add("text", "no_content")
    head = _Head(
        author or Address("", ""),
        author_name,
        reply_to,
        checks.headers(request),
        checks.files(request.attachments),
        checks.tags(request.tags),
        checks.metadata(request.metadata),
    )
    try:
        if request.recipients:
            return _batch(request, head, checks, identity, origin, key, tracking)
        return _plain(request, head, checks, identity, origin, key)
    except TemplateError as error:
        field = str(error).partition(":")[0].partition(",")[0]
        raise invalid(Violation(field, "unusable_text", {"detail": str(error)})) from None


def _plain(
    request: MessageRequest,
    head: _Head,
    checks: Checks,
    identity: Identity,
    origin: Origin,
    key: str,
) -> Composed:
    to, cc, bcc = (
        checks.mailboxes(field, boxes)
        for field, boxes in (("to", request.to), ("cc", request.cc), ("bcc", request.bcc))
    )
    checks.finish()
    message = PlainMessage(
        author=(head.author_name, str(head.author)),
        to=[(name, str(address)) for address, name in to],
        cc=[(name, str(address)) for address, name in cc],
        reply_to=head.reply_to,
        subject=request.subject,
        text=request.text,
        html=request.html,
        headers=head.headers,
        files=head.files,
    )
    recipients = tuple(Recipient(address) for address, _ in (*to, *cc, *bcc))
    envelope = Envelope(head.author, recipients, smtputf8=True, release_at_ms=request.send_at_ms)
    return Composed(
        Submission(
            identity,
            envelope,
            compose(message),
            origin,
            key,
            tags=head.tags,
            metadata=head.metadata,
            klass=_class_of(request, identity),
            campaign=request.campaign,
            track=tracked(request.track),
            unsubscribe=request.unsubscribe,
        )
    )


def _batch(
    request: MessageRequest,
    head: _Head,
    checks: Checks,
    identity: Identity,
    origin: Origin,
    key: str,
    tracking: TrackingOptions | None,
) -> Composed:
    recipients, rejected = _personal(request, checks)
    checks.finish()
    reply_to_name, reply_to = head.reply_to or ("", "")
    has_names = any(one.name for one in request.recipients)
    compiled = compile_template(
        MessageTemplate(
            author=str(head.author),
            author_name=head.author_name,
            to_name=f"{{{{ {TO_NAME} }}}}" if has_names else "",
            reply_to=reply_to,
            reply_to_name=reply_to_name,
            subject=request.subject,
            text=request.text,
            html=request.html,
            headers=head.headers,
            files=head.files,
            tracking=tracking,
        )
    )
    submission = BatchSubmission(
        identity=identity,
        sender=head.author,
        compiled=compiled,
        recipients=recipients,
        subject=request.subject,
        klass=_class_of(request, identity),
        campaign=request.campaign,
        release_at_ms=request.send_at_ms,
        idempotency_key=key,
        digest=_digest(compiled, recipients) if key else "",
        tags=orjson.dumps(head.tags).decode() if head.tags else "",
        metadata=head.metadata,
        track=tracked(request.track),
        unsubscribe=request.unsubscribe,
        source=origin.peer,
        door=origin.door,
    )
    return Composed(submission, rejected)


def _personal(
    request: MessageRequest, checks: Checks
) -> tuple[list[TemplateRecipient], list[tuple[int, SendItem]]]:
    """Recipients, and those whose address is none: one wrong address stops nobody else's mail."""
    recipients: list[TemplateRecipient] = []
    rejected: list[tuple[int, SendItem]] = []
    for n, one in enumerate(request.recipients):
        try:
            address = parse_address(one.email)
        except AddressSyntaxError:
            rejected.append((n, SendItem(one.email, ItemStatus.REJECTED, code="invalid_address")))
            continue
        values = one.merge
        if one.name:
            values = {TO_NAME: checks.one_line(f"recipients.{n}.name", one.name), **values}
        merge = checks.json(f"recipients.{n}.merge", values, MAX_MERGE) if values else ""
        recipients.append(TemplateRecipient(address, merge))
    if not recipients:
        for n, _ in rejected:
            checks.add(f"recipients.{n}.email", "invalid_address", detail="")
    return recipients, rejected


def _class_of(request: MessageRequest, identity: Identity) -> TrafficClass:
    return identity.default_class if request.klass is None else request.klass.traffic


def tracked(track: Track) -> frozenset[str]:
    """The names of what is counted."""
    return frozenset(
        name for name, is_on in (("opens", track.opens), ("clicks", track.clicks)) if is_on
    )


def _digest(compiled: bytes, recipients: Sequence[TemplateRecipient]) -> str:
    state = hashlib.blake2b(compiled, digest_size=16)
    for address, merge, _ in recipients:
        state.update(f"\0{address}\0{merge}".encode())
    return state.hexdigest()
