"""An attempt as a conversation, made again from what the event keeps.

Of each attempt Relevo stores where it was decided, by which host, under which TLS and with which
reply; what went well before that is what SMTP prescribes, so it is shown without the peer's words.
Nothing more than that is written for each delivery.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mta.model.outcome import Phase

_COMMANDS = (Phase.EHLO, Phase.MAIL, Phase.RCPT, Phase.DATA, Phase.DOT)


@dataclass(frozen=True, slots=True)
class Line:
    """One line; `is_ours`: we said it. `text` empty: the peer agreed, in words that are not kept."""

    is_ours: bool
    text: str


def dialogue(data: Mapping[str, Any], sender: str, recipient: str) -> list[Line]:
    """The lines of an attempt up to the reply that decided it; none when there was no connection."""
    phase, reply = str(data.get("phase", "")), str(data.get("reply", ""))
    host = str(data.get("host", ""))
    if phase not in tuple(Phase) or not host:
        return []
    decided = Phase(phase)
    if decided not in _COMMANDS:
        return [Line(is_ours=False, text=reply)]
    said = {
        Phase.EHLO: "EHLO",
        Phase.MAIL: f"MAIL FROM:<{sender}>",
        Phase.RCPT: f"RCPT TO:<{recipient}>",
        Phase.DATA: "DATA",
        Phase.DOT: ".",
    }
    lines: list[Line] = []
    for command in _COMMANDS:
        lines.append(Line(is_ours=True, text=said[command]))
        if command is decided:
            lines.append(Line(is_ours=False, text=reply))
            break
        lines.append(Line(is_ours=False, text=""))
    return lines
