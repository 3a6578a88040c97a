"""What makes two submissions the same: the digest that an idempotency key stands for.

An application that repeats itself builds its message anew, so its Date, its Message-ID, its trace
and signature fields and the boundaries of its parts differ although nothing else does. They are
left out; sender, recipients, all other fields and all content count.
"""

import hashlib
import re

from mta.model.envelope import Envelope

MAX_BOUNDARIES = 10
SEARCHED_OCTETS = 65_536  # the boundaries of a message are named near its beginning

_VOLATILE = re.compile(
    rb"\n(?:date|message-id|received|dkim-signature|x-relevo-idempotency-key)"
    rb"[ \t]*:[^\n]*(?:\n[ \t][^\n]*)*",
    re.IGNORECASE,
)
_BOUNDARY = re.compile(
    rb"boundary[ \t]*=[ \t]*(?:\"([^\"\r\n]{8,70})\"|([^\s\";]{8,70}))", re.IGNORECASE
)


def fingerprint(envelope: Envelope, content: bytes) -> str:
    """A digest of envelope and content without what changes from one attempt to the next."""
    end = content.find(b"\r\n\r\n")
    header = b"\n" + (content if end < 0 else content[:end])
    body = b"" if end < 0 else content[end:]
    text = _VOLATILE.sub(b"", header) + body
    for number, boundary in enumerate(_boundaries(text)):
        text = text.replace(boundary, b"=_%d" % number)
    state = hashlib.blake2b(text, digest_size=16)
    recipients = "\n".join(str(recipient.address) for recipient in envelope.recipients)
    state.update(f"\0{envelope.sender}\n{recipients}".encode())
    return state.hexdigest()


def _boundaries(text: bytes) -> list[bytes]:
    """The first boundaries, each once."""
    found: dict[bytes, None] = {}
    for match in _BOUNDARY.finditer(text, 0, SEARCHED_OCTETS):
        found[match[1] or match[2]] = None
        if len(found) == MAX_BOUNDARIES:
            break
    return list(found)
