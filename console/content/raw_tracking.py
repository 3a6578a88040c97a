"""Tracked links in messages that an application has written: marked once, each recipient's at the end.

When the message comes in, the links of its HTML become addresses with a placeholder in the place of
the token; a placeholder is a token of message 0, so only we can make one and it is as long. When it is
sent, before it is signed, each recipient's copy gets tokens of its own in their places.
"""

from binascii import b2a_qp

from console.content.html_part import find_html, replaced
from console.tracking.accounts import OptionsOf
from console.tracking.instrumenting import Mark, TrackingOptions, instrument, parts, pixel
from console.tracking.links import link_rows
from console.tracking.tokens import LENGTH, Purpose, Target, TrackingTokens
from mta.model.rendering import Marked

MAX_HTML = 256 * 1024  # octets; readers are shown 102 KB, and marking takes 30 ms a megabyte
_ANONYMOUS = 1 << 15  # in the link's number of a placeholder


class RawTracker:
    """Marks messages and makes recipients' copies (`mta.model.rendering.ContentTracker`)."""

    def __init__(self) -> None:
        self._tokens = TrackingTokens({1: b""})
        self._options_of: OptionsOf = _nothing
        self._beginnings: tuple[bytes, ...] = ()

    def begin(self, tokens: TrackingTokens, options_of: OptionsOf) -> None:
        """What is needed is there: track from now on."""
        self._tokens = tokens
        self._options_of = options_of
        self._beginnings = tokens.beginnings(0, 0)

    def mark(self, content: bytes, account: int, *, opens: bool, clicks: bool) -> Marked | None:
        """The message with placeholders; None when nothing of it can be tracked."""
        options = self._options_of(account, opens, clicks)
        part = find_html(content) if options is not None else None
        if options is None or part is None or len(part.text) > MAX_HTML:
            return None
        marked = instrument(part.text, options, has_fields=False)
        links = [_written(link, part.charset) for link in marked.links]
        pieces = [
            self._placeholder(one, options) if isinstance(one, Mark) else _quoted(one)
            for one in parts(marked.html)
        ]
        if len(pieces) == 1 and not links:
            return None
        body = b"".join((*pieces, b"\r\n"))
        return Marked(replaced(content, part, body), lambda message: link_rows(message, links))

    def personal(self, content: bytes, delivery: int, message: int) -> bytes:
        """The copy of one recipient; any thread."""
        for beginning in self._beginnings:
            content = self._filled(content, beginning, delivery, message)
        return content

    def _filled(self, content: bytes, beginning: bytes, delivery: int, message: int) -> bytes:
        pieces: list[bytes] = []
        done = at = 0
        while (at := content.find(beginning, at)) >= 0:
            token = content[at : at + LENGTH].decode("latin-1")
            for purpose in (Purpose.CLICK, Purpose.OPEN):
                target = self._tokens.target(purpose, token)
                if target is not None:
                    own = 0 if target.link & _ANONYMOUS else delivery
                    link = target.link & ~_ANONYMOUS
                    pieces += (content[done:at], self._tokens.octets(purpose, own, message, link))
                    done = at + LENGTH
            at += LENGTH
        return b"".join((*pieces, content[done:])) if pieces else content

    def _placeholder(self, mark: Mark, options: TrackingOptions) -> bytes:
        flag = _ANONYMOUS if options.is_anonymous else 0
        if mark.link < 0:
            before, after = pixel(options.base)
            token = self._tokens.token(Purpose.OPEN, Target(0, 0, flag))
            return b"%b%b=\r\n%b" % (_quoted(before), token.encode(), _quoted(after))
        token = self._tokens.token(Purpose.CLICK, Target(0, 0, mark.link | flag))
        return b"%b%b=\r\n" % (_quoted(f"{options.base}/c/"), token.encode())


def _nothing(_account: int, _opens: bool, _clicks: bool) -> None:
    """Before `begin` nothing is tracked."""


def _written(link: str, charset: str) -> str:
    """A link, whose characters are octets, as its author wrote it."""
    return link.encode("latin-1", "replace").decode(charset, "replace")


def _quoted(text: str) -> bytes:
    """Quoted-printable, at the beginning of a line in the end (`wire.body`, but of octets)."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")
    encoded = b2a_qp(lines.encode("latin-1") + b"x\r\n")[:-3]
    return encoded if encoded.endswith(b"\n") or not encoded else encoded + b"=\r\n"
