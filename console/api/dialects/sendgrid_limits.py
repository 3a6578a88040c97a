"""What of SendGrid's request Relevo refuses, because a reader would miss or misread something."""

from collections.abc import Iterator

from console.api.dialects.faults import UNSUPPORTED, Fault
from console.api.dialects.sendgrid_schema import Mail, Personalization, Switch
from console.api.messages.request import MAX_RECIPIENTS

TEXT, HTML = "text/plain", "text/html"
_GROUP_TAG = "<%asm_"  # a link to the unsubscribe group, which would stay as it is


def unsupported(mail: Mail) -> list[Fault]:
    """Everything that cannot be carried out as it is meant."""
    return [
        *_people(mail),
        *_content(mail),
        *_mail_settings(mail),
        *_tracking(mail),
        *(fault for n, one in enumerate(mail.personalizations) for fault in _personal(n, one)),
    ]


def _people(mail: Mail) -> Iterator[Fault]:
    count = sum(
        len(one.to) + len(one.cc or ()) + len(one.bcc or ()) for one in mail.personalizations
    )
    if count > MAX_RECIPIENTS:
        yield Fault("personalizations", f"more than {MAX_RECIPIENTS} recipients in all")
    if mail.reply_to is not None and mail.reply_to_list:
        yield Fault("reply_to_list", "cannot be combined with reply_to")
    if len(mail.reply_to_list or ()) > 1:
        yield Fault("reply_to_list", f"more than one address is {UNSUPPORTED}")


def _content(mail: Mail) -> Iterator[Fault]:
    seen = set()
    for n, one in enumerate(mail.content or ()):
        kind = one.type.lower().partition(";")[0].strip()
        if kind not in (TEXT, HTML):
            yield Fault(f"content.{n}.type", f"{one.type[:80]!r} is {UNSUPPORTED}")
        elif kind in seen:
            yield Fault(f"content.{n}.type", f"a second part of {kind}")
        seen.add(kind)
        if _GROUP_TAG in one.value:
            yield Fault(f"content.{n}.value", f"the tag {_GROUP_TAG}…%> is {UNSUPPORTED}")
    if mail.template_id is None and not all(
        one.subject or mail.subject for one in mail.personalizations
    ):
        yield Fault("subject", "The subject is required.")
    if not mail.content and mail.template_id is None:
        yield Fault("content", "expected at least one part, or a template_id")


def _mail_settings(mail: Mail) -> Iterator[Fault]:
    settings = mail.mail_settings
    if settings is None:
        return
    for name in (
        "bcc",
        "bypass_list_management",
        "bypass_spam_management",
        "bypass_bounce_management",
        "bypass_unsubscribe_management",
        "footer",
        "spam_check",
    ):
        switch: Switch | None = getattr(settings, name)
        if switch is not None and switch.enable:
            yield Fault(f"mail_settings.{name}.enable", UNSUPPORTED)


def _tracking(mail: Mail) -> Iterator[Fault]:
    settings = mail.tracking_settings
    if settings is None:
        return
    unsubscribe = settings.subscription_tracking
    if unsubscribe is not None and unsubscribe.enable:
        yield Fault("tracking_settings.subscription_tracking.enable", UNSUPPORTED)
    opens = settings.open_tracking
    if opens is not None and opens.enable and opens.substitution_tag:
        yield Fault("tracking_settings.open_tracking.substitution_tag", UNSUPPORTED)


def _personal(n: int, one: Personalization) -> Iterator[Fault]:
    if one.substitutions and one.dynamic_template_data:
        yield Fault(
            f"personalizations.{n}.substitutions", "cannot be combined with dynamic_template_data"
        )
    if one.substitutions and "" in one.substitutions:
        yield Fault(f"personalizations.{n}.substitutions", "an empty tag")
