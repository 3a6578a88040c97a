"""Reads `Mesa de partes <mesa@example.org>` strictly: one mailbox, or nothing.

What two programs would read differently is refused (CVE-2023-27043): no comments, no groups, no
second address, no controls.
"""

import re

MAX_ADDRESS = 320
MAX_NAME = 200

_WHOLE = re.compile(
    r'(?:"(?P<quoted>(?:[^"\\\x00-\x1f\x7f]|\\[ -~])*)"|(?P<plain>[^"<>()\[\]\\,;:@\x00-\x1f\x7f]*))'
    r"[ ]*<(?P<email>[^<>()\",;:\s]+)>\Z"
)
_BARE = re.compile(r'[^<>()",;:\s]+@[^<>()",;:\s]+\Z')
_ESCAPE = re.compile(r"\\(.)")


def split_mailbox(text: str) -> tuple[str, str] | None:
    """Address and name, None if it is not exactly one; the address itself is checked later."""
    text = text.strip(" ")
    if len(text) > MAX_ADDRESS + MAX_NAME:
        return None
    if _BARE.match(text):
        return text, ""
    match = _WHOLE.match(text)
    if match is None:
        return None
    quoted = match["quoted"]
    name = _ESCAPE.sub(r"\1", quoted) if quoted is not None else match["plain"].strip()
    return match["email"], name[:MAX_NAME]
