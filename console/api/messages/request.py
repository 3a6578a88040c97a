"""What `POST /messages` takes: the schema that validates is the one that is published.

Nobody else reads the raw JSON. Limits stand here, so that they are in the OpenAPI document too;
what needs more than one field (an address, a header) is checked when the mail is composed.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from console.api.messages.mailbox_text import MAX_ADDRESS, MAX_NAME, split_mailbox
from console.api.moment import Moment
from mta.intake.steering import MAX_TAGS, MAX_VALUE
from mta.model.traffic import TrafficClass

MAX_RECIPIENTS = 1_000
MAX_SUBJECT = 900
MAX_BODY = 10 * 1024 * 1024
MAX_ATTACHMENTS = 100
MAX_HEADERS = 50
MAX_FILENAME = 255
MAX_CAMPAIGN = 200

Address = Annotated[str, Field(min_length=3, max_length=MAX_ADDRESS, examples=["ana@example.org"])]
Name = Annotated[str, Field(max_length=MAX_NAME, examples=["Mesa de partes"])]
Tag = Annotated[str, Field(min_length=1, max_length=MAX_VALUE, examples=["boleta"])]


class Schema(BaseModel):
    """Of everything in requests: unknown fields are errors, so that no typing error goes unseen."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True, frozen=True)


class MailClass(StrEnum):
    """Classes of mail, the most urgent first."""

    URGENT = "urgent"
    TRANSACTIONAL = "transactional"
    AUTOMATED = "automated"
    CAMPAIGN = "campaign"

    @property
    def traffic(self) -> TrafficClass:
        """The class in the queue."""
        return TrafficClass[self.name]


class Mailbox(Schema):
    """One address, with the name that is shown with it."""

    email: Address
    name: Name = ""


def read_mailbox(text: str) -> Mailbox | None:
    """The mailbox of `Mesa de partes <mesa@example.org>` or of a bare address, None if it is not one."""
    found = split_mailbox(text)
    return None if found is None else Mailbox(email=found[0], name=found[1])


def _mailbox(value: object) -> object:
    if not isinstance(value, str):
        return value
    found = split_mailbox(value)
    if found is None:
        raise ValueError("invalid_address")
    return {"email": found[0], "name": found[1]}


def _mailboxes(value: object) -> object:
    return [value] if isinstance(value, str | dict) else value


MailboxText = Annotated[
    str,
    Field(max_length=MAX_ADDRESS + MAX_NAME, examples=["Mesa de partes <mesa@example.org>"]),
]
AnyMailbox = Annotated[
    Mailbox, BeforeValidator(_mailbox, json_schema_input_type=Mailbox | MailboxText)
]
AnyMailboxes = Annotated[
    list[AnyMailbox],
    Field(max_length=MAX_RECIPIENTS),
    BeforeValidator(_mailboxes, json_schema_input_type=list[AnyMailbox] | Mailbox | MailboxText),
]


class PersonalRecipient(Schema):
    """One recipient of a personalised message; nobody sees another one's address."""

    email: str = Field(
        min_length=1,
        max_length=3 * MAX_ADDRESS,
        examples=["ana@example.org"],
        description="What is no address is rejected alone, the others are sent to.",
    )
    name: Name = ""
    merge: dict[str, Any] = Field(
        default_factory=dict,
        description="Values for the fields of subject, text, html and headers: {{ field }}.",
        examples=[{"nombre": "Ana"}],
    )


class Attachment(Schema):
    """A file that comes with the message."""

    content: str = Field(description="The bytes in base64 (RFC 4648 §4).", examples=["SG9sYQ=="])
    filename: str = Field(min_length=1, max_length=MAX_FILENAME, examples=["boleta.pdf"])
    content_type: str = Field(
        default="application/octet-stream",
        max_length=MAX_FILENAME,
        description="A media type (RFC 2045 §5.1); not multipart/… and not message/….",
    )
    content_id: str = Field(
        default="",
        max_length=MAX_FILENAME,
        description='Makes it an inline image, to be shown by <img src="cid:…"> in the HTML.',
    )


class Track(Schema):
    """What is counted of this message; a switch left out is as the account has it."""

    opens: bool | None = None
    clicks: bool | None = None


class MessageRequest(Schema):
    """One message: to the people in `to`, `cc`, `bcc`, or personalised, to each of `recipients`."""

    sender: AnyMailbox = Field(alias="from")
    to: AnyMailboxes = Field(default_factory=list)
    cc: AnyMailboxes = Field(default_factory=list)
    bcc: AnyMailboxes = Field(default_factory=list)
    recipients: list[PersonalRecipient] = Field(
        default_factory=list,
        max_length=MAX_RECIPIENTS,
        description='Each gets a mail of their own. Texts may hold {{ field | default: "…" }}.',
    )
    reply_to: AnyMailbox | None = None
    subject: str = Field(default="", max_length=MAX_SUBJECT)
    text: str = Field(default="", max_length=MAX_BODY)
    html: str = Field(default="", max_length=MAX_BODY)
    template: str | None = Field(
        default=None,
        max_length=120,
        description="Id or name of a stored template, instead of the texts.",
    )
    merge: dict[str, Any] = Field(
        default_factory=dict,
        max_length=200,
        description="Values for the template's fields, of a message to `to`.",
    )
    attachments: list[Attachment] = Field(default_factory=list, max_length=MAX_ATTACHMENTS)
    headers: dict[str, str] = Field(
        default_factory=dict,
        max_length=MAX_HEADERS,
        description="Further header fields; those that the server writes cannot be set.",
    )
    klass: MailClass | None = Field(
        default=None, alias="class", description="Left out: the class of the credential."
    )
    send_at: Moment | None = Field(
        default=None, description="When to send, at most 60 days ahead (RFC 3339 with an offset)."
    )
    campaign: str = Field(default="", max_length=MAX_CAMPAIGN)
    tags: list[Tag] = Field(default_factory=list, max_length=MAX_TAGS)
    metadata: dict[str, Any] = Field(
        default_factory=dict, description="Handed back with each event; at most 4,096 characters."
    )
    track: Track = Track()
    unsubscribe: bool | None = Field(
        default=None,
        description="Add List-Unsubscribe and List-Unsubscribe-Post, for each recipient their own. "
        "Left out: for class campaign.",
    )

    @property
    def addressed(self) -> list[Mailbox]:
        """Everybody in `to`, `cc` and `bcc`."""
        return [*self.to, *self.cc, *self.bcc]

    @property
    def send_at_ms(self) -> int:
        """`send_at` in milliseconds since 1970; 0: now."""
        return max(1, round(_timestamp(self.send_at) * 1000)) if self.send_at else 0

    @model_validator(mode="after")
    def _has_recipients(self) -> Self:
        if bool(self.recipients) == bool(self.to or self.cc or self.bcc):
            raise ValueError("recipients: no_recipients")  # field and code
        if len(self.addressed) > MAX_RECIPIENTS:
            raise ValueError("to: too_many")
        return self


def _timestamp(moment: datetime) -> float:
    return moment.timestamp()
