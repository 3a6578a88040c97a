"""The mailboxes of an address field (RFC 5322 §3.4), strictly: what cannot be read is refused.

Reading leniently is how one parser sees another address than the next one (CVE-2023-27043), so
there is no guessing: quoted strings, comments and angle brackets have to be whole.
"""

import re

from mta.model.address import Address, parse_address
from mta.model.errors import AddressSyntaxError, PermanentError

MAX_MAILBOXES = 100
MAX_COMMENT_DEPTH = 10
# The usual: one mailbox with a plain or quoted display name, or none.
_SIMPLE = re.compile(r'(?:"[^"\\]*" ?|[^"<>()\[\]\\,;:@]*)<([^<>()",;:\s]+)>\Z|([^<>()",;:\s]+)\Z')
# Read lazily: the first lone quote ends the reading, so a hostile field stays linear.
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|<[^<>]*>|[(),:;]|[^"<>(),:;]+|.', re.DOTALL)


class MailboxSyntaxError(PermanentError):
    """The field is not a list of mailboxes."""


def mailboxes(value: str) -> list[Address]:
    """The addresses of an unfolded field value, groups not allowed.

    Raises `MailboxSyntaxError`.
    """
    match = _SIMPLE.match(value)
    texts = [match[1] or match[2]] if match else _split(value)
    try:
        return [parse_address(text) for text in texts]
    except AddressSyntaxError as error:
        raise MailboxSyntaxError(str(error)) from None


def _split(value: str) -> list[str]:
    found: list[str] = []
    bare = angle = ""
    depth = 0
    for match in TOKEN.finditer(value):
        token = match[0]
        if token == "(":
            depth += 1
            if depth > MAX_COMMENT_DEPTH:
                raise MailboxSyntaxError("comments nested too deeply")
        elif token == ")":
            depth -= 1
            if depth < 0:
                raise MailboxSyntaxError("a closing parenthesis without an opening one")
        elif depth:
            continue
        elif token == ",":
            found.append(_mailbox(bare, angle))
            bare = angle = ""
        elif token in ":;":
            raise MailboxSyntaxError("groups are not allowed here")
        elif token[0] == "<" and len(token) > 1:
            if angle:
                raise MailboxSyntaxError("two addresses without a comma between them")
            angle = token[1:-1]
        elif token in '"<>':
            raise MailboxSyntaxError("a quote or angle bracket without its partner")
        elif angle and token.strip():
            raise MailboxSyntaxError("text after the address")
        else:
            bare += token
    if depth:
        raise MailboxSyntaxError("an opening parenthesis without a closing one")
    found.append(_mailbox(bare, angle))
    if len(found) > MAX_MAILBOXES:
        raise MailboxSyntaxError(f"more than {MAX_MAILBOXES} mailboxes")
    return found


def _mailbox(bare: str, angle: str) -> str:
    text = (angle or bare).strip()
    if not text:
        raise MailboxSyntaxError("an empty mailbox")
    return text
