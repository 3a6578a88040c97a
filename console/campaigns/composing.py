"""Makes the template message of a campaign's content (`Compiler`)."""

from html import escape

from console.campaigns.values import Content
from console.content.compiling import MessageTemplate, compile_template
from console.content.source import SourceKind, compile_source_aside
from console.tracking.accounts import OptionsOf

_HIDDEN = "display:none;max-height:0;overflow:hidden;mso-hide:all"


class ContentCompiler:
    """MJML, HTML or text through the one compile path, and the account's tracking."""

    def __init__(self, options_of: OptionsOf = lambda _account, _opens, _clicks: None) -> None:
        """`options_of` says how an account's mail is tracked."""
        self._options_of = options_of

    async def compile(self, account: int, content: Content, campaign: int = 0) -> bytes:
        """As `Compiler.compile`."""
        tracking = None
        if campaign:
            tracking = self._options_of(account, content.track_opens, content.track_clicks)
        html, text = await texts_of(content)
        return compile_template(
            MessageTemplate(
                author=content.from_address,
                author_name=content.from_name,
                reply_to=content.reply_to,
                subject=content.subject,
                html=html,
                text=text,
                tracking=tracking,
            )
        )


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
