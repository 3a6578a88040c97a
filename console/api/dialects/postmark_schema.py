"""The bodies of Postmark's `POST /email` and its kin: every field that its reference documents.

Every optional field may also be null: postmarker sends all of them.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from console.api.dialects.faults import Schema
from console.api.messages.request import MAX_BODY

MAX_BATCH = 500
MAX_RECIPIENTS = 50  # in To, Cc and Bcc together
MAX_LIST = 32_768  # characters of a list of addresses

Text = str | None
Addresses = Annotated[str, Field(max_length=MAX_LIST)]
Body = Annotated[str, Field(max_length=MAX_BODY)]


class Header(Schema):
    """One field of the header."""

    name: str = Field(alias="Name")
    value: str = Field(alias="Value")


class Attachment(Schema):
    """A file in base64."""

    name: str = Field(alias="Name")
    content: str = Field(alias="Content")
    content_type: str = Field(alias="ContentType")
    content_id: Text = Field(default=None, alias="ContentID")
    # postmarker sends it; it says what Content says.
    content_length: int | None = Field(default=None, alias="ContentLength")


class Common(Schema):
    """What mails with texts and with templates have in common."""

    sender: Addresses = Field(alias="From")
    to: Addresses | None = Field(default=None, alias="To")
    cc: Addresses | None = Field(default=None, alias="Cc")
    bcc: Addresses | None = Field(default=None, alias="Bcc")
    tag: Text = Field(default=None, alias="Tag")
    reply_to: Addresses | None = Field(default=None, alias="ReplyTo")
    headers: list[Header] | None = Field(default=None, alias="Headers")
    metadata: dict[str, Any] | None = Field(default=None, alias="Metadata")
    track_opens: bool | None = Field(default=None, alias="TrackOpens")
    track_links: Literal["None", "HtmlAndText", "HtmlOnly", "TextOnly"] | None = Field(
        default=None, alias="TrackLinks"
    )
    attachments: list[Attachment] | None = Field(default=None, alias="Attachments")
    message_stream: Text = Field(default=None, alias="MessageStream")


class Email(Common):
    """`/email` and an item of `/email/batch`."""

    subject: Text = Field(default=None, alias="Subject")
    html_body: Body | None = Field(default=None, alias="HtmlBody")
    text_body: Body | None = Field(default=None, alias="TextBody")


class TemplatedEmail(Common):
    """`/email/withTemplate` and an item of `/email/batchWithTemplates`."""

    template_id: int | str | None = Field(default=None, alias="TemplateId")
    template_alias: Text = Field(default=None, alias="TemplateAlias")
    template_model: dict[str, Any] | None = Field(default=None, alias="TemplateModel")
    inline_css: bool | None = Field(default=None, alias="InlineCss")
    # postmarker's model has it here too.
    subject: Text = Field(default=None, alias="Subject")


class TemplatedBatch(Schema):
    """The body of `/email/batchWithTemplates`."""

    messages: list[Any] = Field(alias="Messages")
