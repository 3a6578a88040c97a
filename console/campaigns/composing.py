"""Makes the template message of a campaign's content (`Compiler`)."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape

from console.campaigns.values import Content
from console.content.compiling import MessageTemplate, compile_template
from console.content.preview import names_for
from console.content.source import SourceKind, compile_source_aside, fields_of
from console.content.structure import File
from console.tracking.accounts import OptionsOf
from console.tracking.instrumenting import TrackingOptions

_HIDDEN = "display:none;max-height:0;overflow:hidden;mso-hide:all"
# Files of the library by their ids, as a mail carries them. Raises `PermanentError`.
FilesOf = Callable[[int, tuple[int, ...]], Awaitable[Sequence[File]]]


@dataclass(frozen=True, slots=True)
class Filling:
    """What fields are filled with, beside each recipient's values."""

    columns: Sequence[str] = ()  # of the audience: `{{ Fecha de envío }}` means `fecha_de_envio`
    constants: Mapping[str, str] = field(default_factory=dict)  # the same for everybody


NOTHING = Filling()


async def no_files(_account: int, _ids: tuple[int, ...]) -> Sequence[File]:
    """For campaigns without a library."""
    return ()


class ContentCompiler:
    """MJML, HTML or text through the one compile path, and the account's tracking."""

    def __init__(
        self,
        options_of: OptionsOf = lambda _account, _opens, _clicks: None,
        files_of: FilesOf = no_files,
    ) -> None:
        """`options_of` says how an account's mail is tracked, `files_of` what is attached."""
        self._options_of = options_of
        self._files_of = files_of

    def are_opens_known(self, account: int, content: Content) -> bool:
        """As `Compiler.are_opens_known`."""
        tracking = self._tracking(account, content)
        return tracking is not None and tracking.opens and not tracking.is_anonymous

    async def compile(
        self, account: int, content: Content, campaign: int = 0, filling: Filling = NOTHING
    ) -> bytes:
        """As `Compiler.compile`."""
        tracking = self._tracking(account, content) if campaign else None
        html, text = await texts_of(content)
        files = await self._files_of(account, content.files) if content.files else ()
        constants = {n: t for n, t in filling.constants.items() if n not in filling.columns}
        asked = fields_of(content.subject, content.from_name, html, text)
        return compile_template(
            MessageTemplate(
                author=content.from_address,
                author_name=content.from_name,
                reply_to=content.reply_to,
                subject=content.subject,
                html=html,
                text=text,
                files=tuple(files),
                tracking=tracking,
                names=names_for(asked, filling.columns),
                constants=constants,
            )
        )

    def _tracking(self, account: int, content: Content) -> TrackingOptions | None:
        tracking = self._options_of(account, content.track_opens, content.track_clicks)
        if tracking is not None and content.track_totals:  # less than the account, never more
            return replace(tracking, is_anonymous=True)
        return tracking


async def texts_of(content: Content) -> tuple[str, str]:
    """The HTML and the text that go out, with their fields still in them. Raises `TemplateError`.

    Where nobody wrote a text part it is made of the HTML; a part that is empty is none.
    """
    if not content.source:
        return "", content.text
    slots = dict(content.slots) or None
    body = await compile_source_aside(SourceKind(content.kind), content.source, slots)
    return with_preheader(body.html, content.preheader), content.text or body.text


def with_preheader(html: str, preheader: str) -> str:
    """The HTML with a first line that only the inbox shows."""
    if not html or not preheader:
        return html
    hidden = f'<div style="{_HIDDEN}">{escape(preheader, quote=False)}</div>'
    body = html.lower().find("<body")
    at = html.find(">", body) + 1 if body >= 0 else 0
    return f"{html[:at]}{hidden}{html[at:]}"
