"""Messages that name a stored template: its texts take the place of the request's own."""

from console.api.messages.request import MessageRequest
from console.api.refusals import Violation, invalid
from console.content.errors import TemplateError
from console.content.preview import preview, preview_text
from console.templates.service import TemplateService


async def with_template(
    request: MessageRequest, account: int, templates: TemplateService | None
) -> MessageRequest:
    """The request with the template's subject and texts; a subject of its own goes first.

    To `recipients` fields are filled for each, to others with `merge`. Raises `ApiRefusal`.
    """
    if request.template is None:
        return request
    version = None if templates is None else await templates.find(account, request.template)
    if version is None or templates is None:
        raise invalid(Violation("template", "template_unknown"))
    try:
        compiled = await templates.compile(account, version.draft)
        subject, html, text = (
            request.subject or compiled.subject,
            compiled.body.html,
            compiled.body.text,
        )
        if not request.recipients:
            values = request.merge
            subject, text = preview_text(subject, values), preview_text(text, values)
            html = preview(compiled.body, values) if html else ""
    except TemplateError as error:
        raise invalid(Violation("template", "unusable_text", {"detail": str(error)})) from None
    texts = {"subject": subject, "html": html, "text": text, "template": None}
    return request.model_copy(update=texts)
