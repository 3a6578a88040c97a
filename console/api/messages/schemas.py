"""What the endpoints about messages answer, and what their lists are narrowed by."""

from typing import Annotated, Any

from pydantic import BaseModel, Field

from console.api.messages.mailbox_text import MAX_ADDRESS
from console.api.messages.request import MailClass
from console.api.messages.result import ItemStatus
from console.api.moment import Moment
from console.api.pagination import Paged
from console.maillog.search import Standing
from mta.intake.steering import MAX_VALUE

Id = Annotated[str, Field(pattern=r"^[0-9]{1,19}$", examples=["1795347660672723964"])]
Time = Annotated[str, Field(examples=["2026-11-22T11:41:00.678Z"])]


class Item(BaseModel):
    """What became of one recipient."""

    recipient: str
    id: str | None = Field(description="Of the delivery; null for a rejected recipient.")
    status: ItemStatus
    code: str | None = Field(description="Why it was rejected.")


class Quota(BaseModel):
    """What is left."""

    remaining: int | None = Field(description="Mails left in the bag; null where none is counted.")


class Taken(BaseModel):
    """The answer to `POST /messages`."""

    id: Id
    accepted: int
    rejected: int
    items: list[Item]
    quota: Quota


class Delivery(BaseModel):
    """One recipient of a message, as it stands."""

    id: Id
    message: Id
    recipient: str
    status: Standing
    klass: MailClass = Field(alias="class")
    sender: str = Field(alias="from")
    subject: str
    tags: list[str]
    attempts: int
    reply: str = Field(description="What the recipient's server said last.")
    host: str
    created_at: Time
    updated_at: Time


class DeliveryPage(BaseModel):
    """Some deliveries, the newest first."""

    items: list[Delivery]
    next: str | None = Field(
        description="The cursor of the next page; null at the end. A page may hold fewer than "
        "`limit`, also none: go on while there is a next."
    )


class Happened(BaseModel):
    """One event of a timeline."""

    type: str
    at: Time
    delivery: Id | None = None
    data: dict[str, Any] = Field(default_factory=dict)


class Message(BaseModel):
    """A message with its recipients and everything that happened to it."""

    id: Id
    klass: MailClass = Field(alias="class")
    sender: str = Field(alias="from")
    subject: str
    message_id: str = Field(description="The Message-ID field; empty for personalised mail.")
    size: int
    tags: list[str]
    metadata: dict[str, Any]
    test: bool = Field(description="Of a test key: it went to the simulator.")
    created_at: Time
    deliveries: list[Delivery]
    timeline: list[Happened]


class Resent(BaseModel):
    """Sent once more."""

    id: Id = Field(description="Of the new message.")


class Cancelled(BaseModel):
    """The answer to a cancellation."""

    cancelled: int = Field(description="Deliveries that will not be sent any more.")


class MessageFilter(Paged):
    """What `GET /messages` is narrowed by."""

    status: Standing | None = None
    recipient: Annotated[str, Field(max_length=MAX_ADDRESS)] = ""
    tag: Annotated[str, Field(max_length=MAX_VALUE)] = ""
    since: Moment | None = None
    klass: MailClass | None = Field(default=None, alias="class")
    idempotency_key: Annotated[str, Field(max_length=256)] = ""
