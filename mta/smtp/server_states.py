"""The server's state table as data: which command is refused in which state, and how.

A command that a state does not name here goes to its handler. Handlers move between states as
RFC 5321 §4.1.4 orders:

    START --EHLO/HELO--> READY --MAIL--> MAIL --RCPT--> RCPT --DATA--> (message) --> READY
                                                         RCPT --BDAT--> CHUNKS --LAST--> READY
    RSET, EHLO: back to READY.  STARTTLS: back to START.  QUIT, 421: CLOSED.
"""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType

from mta.model.reply import Reply
from mta.smtp import server_replies as replies


class State(Enum):
    """Where the session is between two commands."""

    START = "start"  # no EHLO yet, or not again since TLS began
    READY = "ready"  # no transaction
    MAIL = "mail"  # a sender and no recipient yet
    RCPT = "rcpt"  # at least one recipient
    CHUNKS = "chunks"  # at least one BDAT, not the last
    CLOSED = "closed"


def _table(**refusals: Reply) -> Mapping[str, Reply]:
    return MappingProxyType(refusals)


REFUSED: Mapping[State, Mapping[str, Reply]] = MappingProxyType(
    {
        State.START: _table(
            MAIL=replies.NEED_HELLO,
            RCPT=replies.NEED_HELLO,
            DATA=replies.NEED_HELLO,
            BDAT=replies.NEED_HELLO,
            AUTH=replies.NEED_HELLO,
            STARTTLS=replies.NEED_HELLO,
        ),
        State.READY: _table(
            RCPT=replies.NEED_MAIL,
            DATA=replies.NEED_MAIL,
            BDAT=replies.NEED_MAIL,
        ),
        State.MAIL: _table(
            MAIL=replies.NESTED_MAIL,
            DATA=replies.NEED_RCPT,
            BDAT=replies.NEED_RCPT,
            AUTH=replies.NOT_IN_TRANSACTION,
        ),
        State.RCPT: _table(
            MAIL=replies.NESTED_MAIL,
            AUTH=replies.NOT_IN_TRANSACTION,
        ),
        State.CHUNKS: _table(
            MAIL=replies.NESTED_MAIL,
            RCPT=replies.CHUNKS_BEGUN,
            DATA=replies.CHUNKS_BEGUN,
            AUTH=replies.NOT_IN_TRANSACTION,
        ),
        State.CLOSED: _table(),
    }
)
