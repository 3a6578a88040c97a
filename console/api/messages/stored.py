"""Messages that name a stored template: its texts take the place of the request's own."""

from base64 import b64encode
from collections.abc import Awaitable, Callable, Sequence

from console.api.messages.request import Attachment, MessageRequest
from console.api.refusals import Violation, invalid
from console.content.errors import TemplateError
from console.content.preview import preview, preview_text
from console.content.structure import File
from console.templates.service import TemplateService
from mta.model.errors import PermanentError

# Files of the library by their ids, as a mail carries them. Raises `PermanentError`.
FilesOf = Callable[[int, tuple[int, ...]], Awaitable[Sequence[File]]]


async def with_template(
    request: MessageRequest,
    account: int,
    templates: TemplateService | None,
    files_of: FilesOf | None,
) -> MessageRequest:
    """The request with the template's subject, texts and files; its own subject goes first.

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
    texts: dict[str, object] = {"subject": subject, "html": html, "text": text, "template": None}
    attached: list[Attachment] = []
    if version.draft.files and files_of is not None:
        try:
            attached = [_attachment(one) for one in await files_of(account, version.draft.files)]
        except PermanentError as error:
            raise invalid(Violation("template", "unusable_text", {"detail": str(error)})) from None
    texts["attachments"] = [*request.attachments, *attached]
    return request.model_copy(update=texts)


def _attachment(file: File) -> Attachment:
    return Attachment(
        content=b64encode(file.data).decode(), filename=file.name, content_type=file.content_type
    )
