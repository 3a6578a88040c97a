"""Makes the template message of a campaign's content (`Compiler`)."""

from html import escape

from console.campaigns.values import Content
from console.content.compiling import MessageTemplate, compile_template

_HIDDEN = "display:none;max-height:0;overflow:hidden;mso-hide:all"


class PlainCompiler:
    """HTML and text as they are; no saved templates, nothing tracked."""

    async def compile(self, account: int, content: Content, campaign: int = 0) -> bytes:  # noqa: ARG002
        """As `Compiler.compile`."""
        return compile_template(message_of(content))


def message_of(content: Content) -> MessageTemplate:
    """The message with its fields still in it."""
    is_text = content.kind == "text"
    html = "" if is_text else with_preheader(content.source, content.preheader)
    return MessageTemplate(
        author=content.from_address,
        author_name=content.from_name,
        reply_to=content.reply_to,
        subject=content.subject,
        html=html,
        text=content.text or (content.source if is_text else ""),
    )


def with_preheader(html: str, preheader: str) -> str:
    """The HTML with a first line that only the inbox shows."""
    if not html or not preheader:
        return html
    hidden = f'<div style="{_HIDDEN}">{escape(preheader, quote=False)}</div>'
    body = html.lower().find("<body")
    at = html.find(">", body) + 1 if body >= 0 else 0
    return f"{html[:at]}{hidden}{html[at:]}"
