"""SMTP replies as values: a code, an enhanced status and lines of text (RFC 5321 §4.2, RFC 3463)."""

import re
from dataclasses import dataclass

# Microsoft uses three-digit details (5.7.515), so RFC 3463's 1*3digit is taken at its word.
ENHANCED_STATUS = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?:[ \t]|$)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply, ours or a peer's; `enhanced` is empty when the reply carries none."""

    code: int
    enhanced: str
    lines: tuple[str, ...]

    @classmethod
    def of(cls, code: int, enhanced: str, text: str) -> "Reply":
        """A reply of one line."""
        return cls(code, enhanced, (text,))

    @property
    def text(self) -> str:
        """All lines in one, joined by a space."""
        return " ".join(self.lines)

    @property
    def is_positive(self) -> bool:
        """2yz or 3yz."""
        return 200 <= self.code < 400

    @property
    def is_transient(self) -> bool:
        """4yz: the same command may succeed later."""
        return 400 <= self.code < 500

    @property
    def is_permanent(self) -> bool:
        """5yz."""
        return 500 <= self.code < 600

    def encode(self) -> bytes:
        """The reply on the wire, CRLF included, the status repeated on each line (RFC 2034 §4).

        Whatever its text holds, it stays one reply: control characters and line separators
        become spaces.
        """
        prefix = f"{self.enhanced} " if self.enhanced else ""
        lines = [line if line.isprintable() else _plain(line) for line in self.lines] or [""]
        last = len(lines) - 1
        return "".join(
            f"{self.code}{' ' if i == last else '-'}{prefix}{line}\r\n"
            for i, line in enumerate(lines)
        ).encode("utf-8")

    def __str__(self) -> str:
        return (
            f"{self.code} {self.enhanced} {self.text}"
            if self.enhanced
            else f"{self.code} {self.text}"
        )


def _plain(line: str) -> str:
    return "".join(char if char.isprintable() else " " for char in line)
