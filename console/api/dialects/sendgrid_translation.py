"""From SendGrid's request to ours: each personalization is a mail of its own.

Personalizations to one person each that differ in nothing but their values become one personalised
message, whose content is stored once and which is taken in one transaction. All others are messages
of their own.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from pydantic import ValidationError

from console.api.dialects import sendgrid_schema as schema
from console.api.dialects.faults import Fault, Faulty, faults_of
from console.api.dialects.sendgrid_limits import HTML, TEXT, unsupported
from console.api.dialects.substitution import (
    TaggedTexts,
    Texts,
    TooMuch,
    flat,
    has_braces,
    with_fields,
)
from console.api.messages.request import (
    Attachment,
    Mailbox,
    MessageRequest,
    PersonalRecipient,
    Track,
)
from console.content.fields import TemplateError
from mta.model.address import parse_address
from mta.model.errors import AddressSyntaxError

# Of what is stored for one request when its content cannot be shared.
MAX_EXPANDED = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message of ours, and the personalizations that it carries out."""

    request: MessageRequest
    personalizations: Sequence[int]


def translate(mail: schema.Mail) -> list[Outgoing]:
    """The messages to send. Raises `Faulty` with everything that is wrong."""
    faults = [*unsupported(mail), *_addresses(mail)]
    if faults:
        raise Faulty(*faults)
    return _Translation(mail).run()


class _Translation:
    def __init__(self, mail: schema.Mail) -> None:
        self._mail = mail
        self._made: list[Outgoing] = []
        parts = {
            one.type.lower().partition(";")[0].strip(): one.value for one in mail.content or ()
        }
        self._text, self._html = parts.get(TEXT, ""), parts.get(HTML, "")
        self._sections = mail.sections or {}
        self._attachments = [_attachment(n, one) for n, one in enumerate(mail.attachments or ())]
        self._expanded = 0

    def run(self) -> list[Outgoing]:
        """All messages, in the order of their first personalizations."""
        groups: dict[bytes, list[int]] = {}
        for n, one in enumerate(self._mail.personalizations):
            groups.setdefault(self._likeness(n, one), []).append(n)
        for numbers in groups.values():
            self._send(numbers)
        return self._made

    def _likeness(self, n: int, one: schema.Personalization) -> bytes:
        """Equal for personalizations that can be one message."""
        if len(one.to) > 1 or one.cc or one.bcc:
            return str(n).encode()
        same = one.model_dump(include={"sender", "subject", "headers", "custom_args", "send_at"})
        try:
            return orjson.dumps([same, one.dynamic_template_data is None])
        except TypeError as error:
            raise Faulty(Fault(f"personalizations.{n}.custom_args", str(error))) from None

    def _send(self, numbers: list[int]) -> None:
        first = self._mail.personalizations[numbers[0]]
        people = [self._mail.personalizations[n] for n in numbers]
        texts = Texts(first.subject or self._mail.subject or "", self._text, self._html)
        if first.dynamic_template_data is not None:
            self._send_fields(numbers, people, texts)
        else:
            self._send_tags(numbers, people, texts)

    def _send_fields(
        self, numbers: list[int], people: Sequence[schema.Personalization], texts: Texts
    ) -> None:
        values = [flat(one.dynamic_template_data or {}) for one in people]
        if len(people) > 1 and not self._has_braces(people[0]):
            self._add(numbers, texts, recipients=_recipients(people, values))
            return
        for n, one, known in zip(numbers, people, values, strict=True):
            try:
                own = with_fields(texts, known)
            except TemplateError as error:
                raise Faulty(Fault("content", str(error))) from None
            self._add([n], own, to=one)

    def _send_tags(
        self, numbers: list[int], people: Sequence[schema.Personalization], texts: Texts
    ) -> None:
        values = [self._tags(one) for one in people]
        try:
            tagged = TaggedTexts(texts, {tag for one in values for tag in one})
        except TooMuch:
            raise Faulty(Fault("personalizations", "too many substitutions")) from None
        if len(people) > 1 and not self._has_braces(people[0]):
            shared = tagged.shared(values)
            if shared is not None:
                template, fields = shared
                self._add(numbers, template, recipients=_recipients(people, fields))
                return
        for n, one, known in zip(numbers, people, values, strict=True):
            self._add([n], tagged.of(known), to=one, tags=known)

    def _tags(self, one: schema.Personalization) -> dict[str, str]:
        """Tags and their values; sections are texts that values name, or the content itself."""
        values = dict(self._sections)
        for tag, value in (one.substitutions or {}).items():
            text = value or ""
            for section, replacement in self._sections.items():
                text = text.replace(section, replacement)
            values[tag] = text
        values.pop("", None)
        return values

    def _has_braces(self, one: schema.Personalization) -> bool:
        """Where only names and links stand, a template has no way to say a brace."""
        headers = {**(self._mail.headers or {}), **(one.headers or {})}
        boxes = [one.sender or self._mail.sender, self._reply_to()]
        names = [box.name for box in boxes if box is not None and box.name]
        return any(map(has_braces, (*headers.values(), *names)))

    def _reply_to(self) -> schema.Mailbox | None:
        mail = self._mail
        return mail.reply_to or (mail.reply_to_list[0] if mail.reply_to_list else None)

    def _add(
        self,
        numbers: list[int],
        texts: Texts,
        *,
        to: schema.Personalization | None = None,
        recipients: Sequence[PersonalRecipient] = (),
        tags: dict[str, str] | None = None,
    ) -> None:
        mail = self._mail
        one = mail.personalizations[numbers[0]]
        if self._made:  # what the first message holds was sent to us
            self._expanded += sum(map(len, texts)) + sum(
                len(file.content) for file in self._attachments
            )
        if self._expanded > MAX_EXPANDED:
            raise Faulty(
                Fault("personalizations", "too large for texts that differ by personalization")
            )
        reply_to = self._reply_to()
        values: dict[str, Any] = {
            "sender": _mailbox(one.sender or mail.sender),
            "recipients": list(recipients),
            "to": _mailboxes(to.to if to is not None else None),
            "cc": _mailboxes(to.cc if to is not None else None),
            "bcc": _mailboxes(to.bcc if to is not None else None),
            "reply_to": None if reply_to is None else _mailbox(reply_to, tags or {}),
            "subject": texts.subject,
            "text": texts.text,
            "html": texts.html,
            "template": mail.template_id,
            "attachments": self._attachments,
            "headers": {**(mail.headers or {}), **(one.headers or {})},
            "send_at": _moment(numbers[0], one, mail),
            "tags": list(mail.categories or ()),
            "metadata": {**(mail.custom_args or {}), **(one.custom_args or {})},
            "track": _track(mail.tracking_settings),
            "campaign": mail.batch_id or "",
        }
        try:
            request = MessageRequest(**values)
        except ValidationError as error:
            raise Faulty(
                *(
                    Fault(field_of(fault.field, numbers), fault.message)
                    for fault in faults_of(error)
                )
            ) from None
        self._made.append(Outgoing(request, numbers))


_FIELDS = {
    "text": "content",
    "html": "content",
    "template": "template_id",
    "tags": "categories",
    "metadata": "custom_args",
    "campaign": "batch_id",
    "track": "tracking_settings",
}


def field_of(native: str, personalizations: Sequence[int]) -> str:
    """SendGrid's name of a field of ours."""
    head, _, rest = native.partition(".")
    if head == "recipients":
        place, _, rest = rest.partition(".")
        number = personalizations[int(place)] if place.isdigit() else personalizations[0]
        part = "dynamic_template_data" if rest.startswith("merge") else f"to.0.{rest}"
        return f"personalizations.{number}.{part}".removesuffix(".")
    if head in ("to", "cc", "bcc", "send_at"):
        return f"personalizations.{personalizations[0]}.{native}"
    name = _FIELDS.get(head, head)
    return f"{name}.{rest}" if rest else name


def _addresses(mail: schema.Mail) -> Iterable[Fault]:
    """One wrong address refuses the whole request, as at SendGrid."""
    for n, one in enumerate(mail.personalizations):
        for kind, boxes in (("to", one.to), ("cc", one.cc), ("bcc", one.bcc)):
            for m, box in enumerate(boxes or ()):
                try:
                    parse_address(box.email)
                except AddressSyntaxError as error:
                    yield Fault(
                        f"personalizations.{n}.{kind}.{m}.email",
                        f"Does not contain a valid address: {error}",
                    )


def _recipients(
    people: Sequence[schema.Personalization], values: Sequence[dict[str, Any]]
) -> list[PersonalRecipient]:
    return [
        PersonalRecipient(email=one.to[0].email, name=one.to[0].name or "", merge=known)
        for one, known in zip(people, values, strict=True)
    ]


def _mailbox(box: schema.Mailbox, tags: dict[str, str] | None = None) -> Mailbox:
    email, name = box.email, box.name or ""
    for tag, value in (tags or {}).items():
        email, name = email.replace(tag, value), name.replace(tag, value)
    return Mailbox.model_construct(email=email, name=name)


def _mailboxes(boxes: Sequence[schema.Mailbox] | None) -> list[Mailbox]:
    return [_mailbox(box) for box in boxes or ()]


def _attachment(n: int, one: schema.Attachment) -> Attachment:
    is_inline = one.disposition == "inline"
    return Attachment.model_construct(
        content=one.content,
        filename=one.filename or f"attachment-{n + 1}",
        content_type=one.type or "application/octet-stream",
        content_id=(one.content_id or f"inline-{n + 1}") if is_inline else "",
    )


def _moment(n: int, one: schema.Personalization, mail: schema.Mail) -> datetime | None:
    seconds = one.send_at or mail.send_at
    if not seconds:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        raise Faulty(
            Fault(f"personalizations.{n}.send_at", "expected seconds since 1970")
        ) from None


def _track(settings: schema.TrackingSettings | None) -> Track:
    if settings is None:
        return Track()
    opens, clicks = settings.open_tracking, settings.click_tracking
    return Track(
        opens=None if opens is None else opens.enable,
        clicks=None if clicks is None else clicks.enable,
    )
