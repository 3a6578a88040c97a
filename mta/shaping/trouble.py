"""Tells a remote that asks the sender to slow down from one that defers a single recipient.

A full mailbox, a greylisted pair or an unknown sender domain says nothing about the pace of mail. 421 and
4yz replies about the system, its load or the sender's standing do. Connections that fail are no reply:
the dead-host memory looks after them.
"""

import re

from mta.model.outcome import Outcome, OutcomeKind, Phase
from mta.model.reply import Reply

_GREETINGS = frozenset({Phase.GREETING, Phase.EHLO, Phase.AUTH, Phase.MAIL})
_BODY = frozenset({Phase.DATA, Phase.DOT})
_GREYLIST = re.compile(r"gr[ae]y-?\s?list|postgrey|sqlgrey", re.IGNORECASE)
_SLOW_DOWN = re.compile(
    r"\brate\b|rate-?limit|too many (?:connections|messages|concurrent|sessions)|throttl"
    r"|temporar(?:il)?y (?:deferred|blocked|rejected)|(?:unusual|high|excessive) (?:rate|volume)"
    r"|server (?:is )?(?:too )?busy|system load|try again later.*volume|reputation"
    r"|trop de connexions|demasiad[ao]s (?:conexiones|mensajes)",
    re.IGNORECASE,
)
# RFC 3463 subjects 1 (address), 2 (mailbox) and 6 (content), and 4.5.3 (too many recipients) are about one
# message; 4.4.1 and 4.4.2 (no answer, bad connection) are about the line.
_ONE_MESSAGE = re.compile(r"4\.(?:[126]\.\d+|5\.\d+|3\.4|4\.[12])\Z")
# 4.7.1 at RCPT is the usual greylisting answer; 4.7.0 and Google's and Microsoft's long details are not.
_ABOUT_SENDER = re.compile(r"4\.(?:7\.(?!1\Z)\d+|3\.[12]|4\.5)\Z")


def slow_down(outcome: Outcome) -> Reply | None:
    """The reply, if with it the site asks us to slow down; None otherwise."""
    reply = outcome.reply
    if outcome.kind is not OutcomeKind.DEFERRED or not reply.is_transient:
        return None
    if _ONE_MESSAGE.match(reply.enhanced) or _GREYLIST.search(reply.text):
        return None
    return reply if _is_about_site(outcome.phase, reply) else None


def _is_about_site(phase: Phase, reply: Reply) -> bool:
    if phase in _GREETINGS:
        return True
    if phase in _BODY or phase is Phase.RCPT:
        if reply.code == 421 or _SLOW_DOWN.search(reply.text):
            return True
        return phase in _BODY or bool(_ABOUT_SENDER.match(reply.enhanced))
    return False
