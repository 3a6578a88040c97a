"""The client's state table: what it may be waiting for, and what follows from each."""

from collections.abc import Mapping
from enum import Enum, IntEnum
from types import MappingProxyType

from mta.model.outcome import Phase


class State(Enum):
    """The life of a client connection."""

    OPENING = "opening"  # greeting, EHLO, STARTTLS, AUTH
    HANDSHAKE = "handshake"  # the peer said 220 to STARTTLS: not a byte may come in clear
    READY = "ready"  # transactions are taken
    CLOSED = "closed"  # the transport has to be closed


class Step(IntEnum):
    """Whose reply is awaited; the numbers index tables."""

    GREETING = 0
    EHLO = 1
    HELO = 2
    STARTTLS = 3
    AUTH_PLAIN = 4
    AUTH_LOGIN = 5
    AUTH_USER = 6
    AUTH_PASSWORD = 7
    RSET = 8
    MAIL = 9
    RCPT = 10
    DATA = 11
    DOT = 12
    LONE_DOT = 13  # the end of an empty message that no recipient was accepted for
    QUIT = 14


STEP_PHASE: Mapping[Step, Phase] = MappingProxyType(
    {
        Step.GREETING: Phase.GREETING,
        Step.EHLO: Phase.EHLO,
        Step.HELO: Phase.EHLO,
        Step.STARTTLS: Phase.TLS,
        Step.AUTH_PLAIN: Phase.AUTH,
        Step.AUTH_LOGIN: Phase.AUTH,
        Step.AUTH_USER: Phase.AUTH,
        Step.AUTH_PASSWORD: Phase.AUTH,
        Step.RSET: Phase.MAIL,
        Step.MAIL: Phase.MAIL,
        Step.RCPT: Phase.RCPT,
        Step.DATA: Phase.DATA,
        Step.DOT: Phase.DOT,
        Step.LONE_DOT: Phase.DATA,
        Step.QUIT: Phase.DOT,
    }
)

STEP_LABEL: Mapping[Step, str] = MappingProxyType(
    {
        Step.GREETING: "the greeting",
        Step.EHLO: "the reply to EHLO",
        Step.HELO: "the reply to HELO",
        Step.STARTTLS: "the reply to STARTTLS",
        Step.AUTH_PLAIN: "the reply to AUTH",
        Step.AUTH_LOGIN: "the reply to AUTH",
        Step.AUTH_USER: "the reply to AUTH",
        Step.AUTH_PASSWORD: "the reply to AUTH",
        Step.RSET: "the reply to RSET",
        Step.MAIL: "the reply to MAIL",
        Step.RCPT: "the reply to RCPT",
        Step.DATA: "the reply to DATA",
        Step.DOT: "the reply to the end of data",
        Step.LONE_DOT: "the reply to the end of data",
        Step.QUIT: "the reply to QUIT",
    }
)
