"""The body of SendGrid's `POST /v3/mail/send`: every field that its reference documents.

Optional fields may also be null, as some libraries write them.
"""

from typing import Annotated, Any, Literal

from pydantic import AliasChoices, Field

from console.api.dialects.faults import Schema
from console.api.messages.mailbox_text import MAX_NAME
from console.api.messages.request import MAX_BODY, MAX_RECIPIENTS

MAX_PERSONALIZATIONS = 1_000
MAX_CATEGORIES = 10

Text = str | None
Strings = dict[str, str | None]


class Mailbox(Schema):
    """An address, with a name or without."""

    email: Annotated[str, Field(min_length=1, max_length=320)]
    name: Annotated[str, Field(max_length=MAX_NAME)] | None = None


Mailboxes = Annotated[list[Mailbox], Field(max_length=MAX_RECIPIENTS)]


class Personalization(Schema):
    """One mail: its people see each other in To and Cc, nobody else's."""

    to: Annotated[Mailboxes, Field(min_length=1)]
    cc: Mailboxes | None = None
    bcc: Mailboxes | None = None
    sender: Mailbox | None = Field(default=None, alias="from")
    subject: Text = None
    headers: dict[str, str] | None = None
    substitutions: Strings | None = None
    dynamic_template_data: dict[str, Any] | None = None
    custom_args: dict[str, Any] | None = None
    send_at: int | None = None


class Content(Schema):
    """One form of the text."""

    type: str
    value: Annotated[str, Field(min_length=1, max_length=MAX_BODY)]


class Attachment(Schema):
    """A file in base64."""

    content: str
    type: Text = None
    filename: str
    disposition: Literal["attachment", "inline"] | None = None
    # @sendgrid/mail writes contentId.
    content_id: Text = Field(default=None, validation_alias=AliasChoices("content_id", "contentId"))


class Asm(Schema):
    """The unsubscribe group."""

    group_id: int
    groups_to_display: list[int] | None = None


class Switch(Schema):
    """On or off."""

    enable: bool | None = None


class BccSetting(Switch):
    """A copy of everything."""

    email: Text = None


class Footer(Switch):
    """Text under every mail."""

    text: Text = None
    html: Text = None


class SpamCheck(Switch):
    """A test of the content."""

    threshold: int | None = None
    post_to_url: Text = None


class MailSettings(Schema):
    """How the mail is handled."""

    bcc: BccSetting | None = None
    bypass_list_management: Switch | None = None
    bypass_spam_management: Switch | None = None
    bypass_bounce_management: Switch | None = None
    bypass_unsubscribe_management: Switch | None = None
    footer: Footer | None = None
    sandbox_mode: Switch | None = None
    spam_check: SpamCheck | None = None


class ClickTracking(Switch):
    """Links are counted."""

    enable_text: bool | None = None


class OpenTracking(Switch):
    """Openings are counted."""

    substitution_tag: Text = None


class SubscriptionTracking(Switch):
    """A link to unsubscribe under the text."""

    text: Text = None
    html: Text = None
    substitution_tag: Text = None


class Ganalytics(Switch):
    """Parameters for links."""

    utm_source: Text = None
    utm_medium: Text = None
    utm_term: Text = None
    utm_content: Text = None
    utm_campaign: Text = None


class TrackingSettings(Schema):
    """What is counted."""

    click_tracking: ClickTracking | None = None
    open_tracking: OpenTracking | None = None
    subscription_tracking: SubscriptionTracking | None = None
    ganalytics: Ganalytics | None = None


class Mail(Schema):
    """The whole body."""

    personalizations: Annotated[
        list[Personalization], Field(min_length=1, max_length=MAX_PERSONALIZATIONS)
    ]
    sender: Mailbox = Field(alias="from")
    reply_to: Mailbox | None = None
    reply_to_list: Mailboxes | None = None
    subject: Text = None
    content: list[Content] | None = None
    attachments: list[Attachment] | None = None
    template_id: Text = None
    sections: dict[str, str] | None = None
    headers: dict[str, str] | None = None
    categories: Annotated[list[str], Field(max_length=MAX_CATEGORIES)] | None = None
    custom_args: dict[str, Any] | None = None
    send_at: int | None = None
    batch_id: Text = None
    asm: Asm | None = None
    ip_pool_name: Text = None
    mail_settings: MailSettings | None = None
    tracking_settings: TrackingSettings | None = None

    @property
    def is_sandboxed(self) -> bool:
        """`mail_settings.sandbox_mode`: look at everything, send nothing."""
        settings = self.mail_settings
        return bool(settings and settings.sandbox_mode and settings.sandbox_mode.enable)
