"""What the server says: every reply of the state machine, with its enhanced status (RFC 3463, 5248)."""

from mta.model.reply import Reply

MAX_REPLY_OCTETS = 512  # RFC 5321 §4.5.3.1.5, CRLF included
_MAX_TEXT = 400
# No control characters in a reply, whoever wrote its text.
_CONTROLS = dict.fromkeys((*range(32), 127, 0x85, 0x2028, 0x2029), " ")

# The hot ones, as octets.
MAIL_OK = b"250 2.1.0 Sender ok\r\n"
RCPT_OK = b"250 2.1.5 Recipient ok\r\n"
START_DATA = b"354 End data with <CR><LF>.<CR><LF>\r\n"

RESET = Reply.of(250, "2.0.0", "Ok")
NOOP = Reply.of(250, "2.0.0", "Ok")
BYE = Reply.of(221, "2.0.0", "Bye")
VRFY = Reply.of(252, "2.5.2", "Cannot verify, but will take mail and try to deliver")
EXPN = Reply.of(502, "5.5.1", "EXPN is not offered")
HELP = Reply(
    214,
    "2.0.0",
    (
        "EHLO HELO STARTTLS AUTH MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT",
        "See RFC 5321, RFC 6409",
    ),
)
READY_FOR_TLS = Reply.of(220, "2.0.0", "Ready to start TLS")

# Order of commands (RFC 5321 §4.1.4).
NEED_HELLO = Reply.of(503, "5.5.1", "Send EHLO first")
NEED_MAIL = Reply.of(503, "5.5.1", "Send MAIL first")
NEED_RCPT = Reply.of(554, "5.5.1", "No valid recipients")
NESTED_MAIL = Reply.of(503, "5.5.1", "A transaction is open; end it or send RSET")
CHUNKS_BEGUN = Reply.of(503, "5.5.1", "BDAT has begun; end it with LAST or send RSET")
NOT_IN_TRANSACTION = Reply.of(503, "5.5.1", "Not allowed within a transaction")

# Syntax.
UNKNOWN_COMMAND = Reply.of(500, "5.5.2", "Command not recognized")
LINE_TOO_LONG = Reply.of(500, "5.5.2", "Line too long")
AUTH_LINE_TOO_LONG = Reply.of(500, "5.5.6", "Authentication exchange line is too long")
BAD_LINE_END = Reply.of(500, "5.5.2", "Lines must end with CRLF")
BAD_OCTETS = Reply.of(500, "5.5.2", "Command is not valid UTF-8 text")
NO_PARAMETER = Reply.of(501, "5.5.4", "No parameter allowed")
VRFY_SYNTAX = Reply.of(501, "5.5.4", "Syntax: VRFY address")
HELLO_SYNTAX = Reply.of(501, "5.5.4", "Syntax: EHLO domain or address literal")
MAIL_SYNTAX = Reply.of(501, "5.5.4", "Syntax: MAIL FROM:<address> [parameters]")
RCPT_SYNTAX = Reply.of(501, "5.5.4", "Syntax: RCPT TO:<address> [parameters]")
BDAT_SYNTAX = Reply.of(501, "5.5.4", "Syntax: BDAT size [LAST]")
AUTH_SYNTAX = Reply.of(501, "5.5.4", "Syntax: AUTH mechanism [initial response]")
NEED_SMTPUTF8 = Reply.of(553, "5.6.7", "Address needs SMTPUTF8, which MAIL did not ask for")

# TLS and authentication.
NO_TLS = Reply.of(502, "5.5.1", "STARTTLS is not offered")
TLS_ACTIVE = Reply.of(503, "5.5.1", "TLS is already active")
AUTH_OK = Reply.of(235, "2.7.0", "Authentication succeeded")
AUTH_FAILED = Reply.of(535, "5.7.8", "Authentication credentials invalid")
AUTH_CANCELLED = Reply.of(501, "5.7.0", "Authentication cancelled")
AUTH_BAD_BASE64 = Reply.of(501, "5.5.2", "Cannot decode base64")
AUTH_BAD_RESPONSE = Reply.of(501, "5.5.2", "Malformed authentication response")
AUTH_UNKNOWN = Reply.of(504, "5.5.4", "Authentication mechanism is not offered")
AUTH_NEEDS_TLS = Reply.of(538, "5.7.11", "Encryption required: send STARTTLS first")
AUTH_NOT_OFFERED = Reply.of(502, "5.5.1", "AUTH is not offered")
AUTH_TWICE = Reply.of(503, "5.5.1", "Already authenticated")

AUTH_UNAVAILABLE = Reply.of(454, "4.7.0", "Temporary authentication failure")
NEED_AUTH = Reply.of(530, "5.7.0", "Authentication required")
NEED_TLS_AND_AUTH = Reply.of(530, "5.7.0", "Send STARTTLS first, then authenticate")

# Limits.
TOO_MANY_RECIPIENTS = Reply.of(452, "4.5.3", "Too many recipients")
TOO_BIG = Reply.of(552, "5.3.4", "Message exceeds the maximum size")
NUL_IN_DATA = Reply.of(554, "5.6.0", "Message contains a NUL octet")
LONE_LINE_END = Reply.of(550, "5.6.11", "Message contains a lone CR or LF")
LONG_LINE = Reply.of(554, "5.6.0", "Message has a line longer than 998 octets")
TOO_MANY_ERRORS = Reply.of(421, "4.7.0", "Too many errors, closing connection")
NOT_HTTP = Reply.of(421, "4.7.0", "This is an SMTP server, closing connection")


def encode_reply(reply: Reply) -> bytes:
    """`reply` on the wire; its text is cut and cleaned so that it stays one well-formed reply."""
    octets = reply.encode()
    if (
        len(octets) <= MAX_REPLY_OCTETS
        and octets.isascii()
        and octets.count(b"\n") == octets.count(b"\r") == len(reply.lines)
    ):
        return octets
    lines = tuple(clean_text(line) for line in reply.lines)
    return Reply(reply.code, reply.enhanced, lines or ("",)).encode()


def clean_text(text: str) -> str:
    """Text fit for one line of a reply: printable ASCII, at most 400 characters."""
    plain = text.translate(_CONTROLS)
    return plain.encode("ascii", "backslashreplace").decode("ascii")[:_MAX_TEXT]


def syntax_error(code: int, enhanced: str, text: str) -> Reply:
    """A refusal that quotes what the client wrote, made harmless."""
    return Reply.of(code, enhanced, clean_text(text))
