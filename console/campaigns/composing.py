"""Makes the template message of a campaign's content (`Compiler`)."""

from html import escape

from console.campaigns.values import Content
from console.content.compiling import MessageTemplate, compile_template
from console.tracking.accounts import OptionsOf
from console.tracking.instrumenting import TrackingOptions

_HIDDEN = "display:none;max-height:0;overflow:hidden;mso-hide:all"


class PlainCompiler:
    """HTML and text as they are; no saved templates."""

    def __init__(self, options_of: OptionsOf = lambda _account, _opens, _clicks: None) -> None:
        """`options_of` says how an account's mail is tracked."""
        self._options_of = options_of

    async def compile(self, account: int, content: Content, campaign: int = 0) -> bytes:
        """As `Compiler.compile`."""
        tracking = None
        if campaign:
            tracking = self._options_of(account, content.track_opens, content.track_clicks)
        return compile_template(message_of(content, tracking))


def message_of(content: Content, tracking: TrackingOptions | None = None) -> MessageTemplate:
    """The message with its fields still in it."""
    is_text = content.kind == "text"
    html = "" if is_text else with_preheader(content.source, content.preheader)
    return MessageTemplate(
        author=content.from_address,
        author_name=content.from_name,
        reply_to=content.reply_to,
        subject=content.subject,
        html=html,
        text=text_of(content),
        tracking=tracking,
    )


def text_of(content: Content) -> str:
    """The text part; empty: there is none."""
    return content.text or (content.source if content.kind == "text" else "")


def with_preheader(html: str, preheader: str) -> str:
    """The HTML with a first line that only the inbox shows."""
    if not html or not preheader:
        return html
    hidden = f'<div style="{_HIDDEN}">{escape(preheader, quote=False)}</div>'
    body = html.lower().find("<body")
    at = html.find(">", body) + 1 if body >= 0 else 0
    return f"{html[:at]}{hidden}{html[at:]}"
