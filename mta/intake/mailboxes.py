"""The mailboxes of an address field (RFC 5322 §3.4), strictly: what cannot be read is refused.

Reading leniently is how one parser sees another address than the next one (CVE-2023-27043), so
there is no guessing: quoted strings, comments and angle brackets have to be whole, and what looks
like an address may stand only where the address stands.
"""

import re

from mta.model.address import Address, parse_address
from mta.model.errors import AddressSyntaxError, PermanentError

MAX_MAILBOXES = 100
MAX_CHARACTERS = 16_384
MAX_SHOWN = 80  # characters of the field in an error
# The usual: one mailbox with a plain or quoted display name, or none.
_SIMPLE = re.compile(r'(?:"[^"\\]*" ?|[^"<>()\[\]\\,;:@]*)<([^<>()",;:\s]+)>\Z|([^<>()",;:\s]+)\Z')
UNTERMINATED = "unterminated"
# Quoted strings, angle brackets, literals, specials, anything else. A quote that has no partner
# takes all that follows, so that it is looked for once.
TOKEN = re.compile(
    r'"(?:[^"\\]|\\.)*"|(?P<unterminated>".*)|<[^<>]*>|\[[^\[\]]*\]|[(),:;]|[^"<>()\[\],:;]+|.',
    re.DOTALL,
)


class MailboxSyntaxError(PermanentError):
    """The field is not a list of mailboxes."""


def mailboxes(value: str) -> list[Address]:
    """The addresses of an unfolded field value, groups not allowed.

    Raises `MailboxSyntaxError`.
    """
    if len(value) > MAX_CHARACTERS:
        raise MailboxSyntaxError(f"longer than {MAX_CHARACTERS} characters")
    match = _SIMPLE.match(value)
    texts = [match[1] or match[2]] if match else _split(value)
    try:
        return [parse_address(text) for text in texts]
    except AddressSyntaxError as error:
        raise MailboxSyntaxError(str(error)) from None


def _split(value: str) -> list[str]:
    found: list[str] = []
    name: list[str] = []  # what stands outside of angle brackets
    angle = ""
    in_comment = False
    for match in TOKEN.finditer(value):
        token = match[0]
        if match.lastgroup == UNTERMINATED or token in "<>[]":
            raise MailboxSyntaxError("a quote or bracket without its partner")
        if in_comment:
            if token == ")":
                in_comment = False
            elif not _is_harmless(token):  # quotes and brackets mean nothing here, to some readers
                raise MailboxSyntaxError("a comment may hold plain words only")
        elif token == "(":
            in_comment = True
        elif token == ",":
            found.append(_mailbox(name, angle))
            name, angle = [], ""
            if len(found) >= MAX_MAILBOXES:
                raise MailboxSyntaxError(f"more than {MAX_MAILBOXES} mailboxes")
        elif token in "):;":
            raise MailboxSyntaxError(f"{token!r} is not allowed here")
        elif token[0] == "<":
            if angle:
                raise MailboxSyntaxError("two addresses without a comma between them")
            angle = token[1:-1].strip(" ") or "@"
        elif angle and token.strip():
            raise MailboxSyntaxError("text after the address")
        else:
            name.append(token)
    if in_comment:
        raise MailboxSyntaxError("an opening parenthesis without a closing one")
    found.append(_mailbox(name, angle))
    return found


def _is_harmless(token: str) -> bool:
    return token[0] not in '"<[(' and "@" not in token and "\\" not in token


def _mailbox(name: list[str], angle: str) -> str:
    text = "".join(name).strip(" ")
    if not angle:
        if not text:
            raise MailboxSyntaxError("an empty mailbox")
        return text
    plain = "".join(token for token in name if token[0] != '"')
    if ("@" in plain or "\\" in plain) and text.lower() != angle.lower():
        raise MailboxSyntaxError(f"{text[:MAX_SHOWN]!r} is no display name unless it is quoted")
    return angle
