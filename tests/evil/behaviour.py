"""How an evil server behaves: a list of faults at steps of the dialogue, otherwise it is correct.

A step is a verb in capitals (`GREETING EHLO HELO STARTTLS AUTH MAIL RCPT DATA DOT RSET QUIT`).
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

DEFAULT_EXTENSIONS = (
    "PIPELINING",
    "SIZE 26214400",
    "8BITMIME",
    "SMTPUTF8",
    "ENHANCEDSTATUSCODES",
    "DSN",
)


class Fault(Enum):
    """What goes wrong at a step."""

    NEVER_REPLY = "never_reply"  # read on for ever, say nothing more
    DROP = "drop"  # close at once instead of replying
    RESET = "reset"  # TCP RST instead of replying
    DRIP = "drip"  # one octet per write, `drip_s` apart
    TWICE = "wrong_count"  # the reply comes two times
    ENDLESS = "endless_reply"  # a continuation line for ever
    ENDLESS_LINE = "endless_line"  # a line that never ends
    LONG = "long_reply"  # 2 kB of text
    BINARY = "binary_reply"  # octets that are no text at all
    BINARY_TEXT = "binary_text"  # a good code, then such octets
    NO_CODE = "nocode"  # text without a code
    NO_TEXT = "no_text"  # the code alone
    BARE_LF = "bare_lf"  # LF for CRLF
    CLOSING = "421"  # 421 and the end of the connection
    THEN_DROP = "then_drop"  # the right reply, then close


@dataclass(frozen=True)
class Behaviour:
    """All defaults together are a well-behaved ESMTP server."""

    faults: Mapping[str, Fault] = field(default_factory=dict)
    replies: Mapping[str, bytes] = field(default_factory=dict)  # another reply, CRLF included
    from_message: int = 0  # faults and replies from MAIL on hold after so many messages only
    extensions: tuple[str, ...] = DEFAULT_EXTENSIONS
    max_messages: int = 0  # silently close when another MAIL comes
    max_recipients: int = 0  # 452 4.5.3 beyond
    always_354: bool = False  # DATA is answered 354 even without recipients
    strict_sequence: bool = True  # 503 for RCPT without MAIL and for nested MAIL
    tls: ssl.SSLContext | None = None  # offers STARTTLS
    tls_inject: bytes = b""  # in clear, in one segment with the 220
    tls_garbage: bool = False  # 220, then no TLS
    tls_silent: bool = False  # 220, then nothing
    password: str = ""  # AUTH is offered and this password accepted
    drip_s: float = 0.0
    stops_reading: bool = False  # after 354: the body fills the buffers and stays there

    def without(self, *words: str) -> tuple[str, ...]:
        """The extensions but those that start with one of the words."""
        return tuple(line for line in self.extensions if not line.startswith(words))
