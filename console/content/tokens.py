"""Keeps fields and conditions safe from parsers of markup: hidden before, put back after.

Parsers move text out of tables and escape quotes in attributes. So `{{ … }}` becomes a plain word
that no text holds, and `{% … %}`, where it stands between tags, a comment, which stays in a table.
"""

import hashlib
import re

from console.content.errors import TemplateError
from console.content.fields import MAX_INSIDE, unclear

_OPENING = re.compile(r"\{\{|\{%")
_PRIVATE = re.compile("[\ue000-\uf8ff\x00]")  # characters without a meaning that two people share


class Hidden:
    """A text whose tokens are hidden; `text` goes through parsers, `restored` undoes it."""

    def __init__(self, source: str, where: str, *, is_markup: bool) -> None:
        """Raises `TemplateError` for braces without an end."""
        source = _PRIVATE.sub("", source)
        digest = hashlib.blake2b(source.encode("utf-8", "replace"), digest_size=6).hexdigest()
        self._mark = f"qz{digest}n"  # a hash of the text cannot stand in the text
        self.tokens: list[str] = []
        parts: list[str] = []
        at = 0
        is_inside = False  # of a tag
        for opening in _OPENING.finditer(source):
            start = opening.start()
            if start < at:
                continue
            end = source.find("}}" if opening[0] == "{{" else "%}", start + 2, start + MAX_INSIDE)
            if end < 0:
                raise unclear(where, source.count("\n", 0, start) + 1, source[start:])
            token = source[start : end + 2]
            literal = source[at:start]
            parts.append(literal)
            is_inside = _ends_inside(literal, is_inside)
            word = f"{self._mark}{len(self.tokens)}z"
            is_comment = is_markup and opening[0] == "{%" and not is_inside
            parts.append(f"<!--{word}-->" if is_comment else word)
            self.tokens.append(token)
            at = end + 2
        parts.append(source[at:])
        self.text = "".join(parts)
        self._word = re.compile(rf"<!--{self._mark}(\d+)z-->|{self._mark}(\d+)z")

    def restored(self, text: str) -> str:
        """The text with the tokens in their places."""
        return self._word.sub(lambda m: self.tokens[int(m[1] or m[2])], text)

    def pattern(self) -> re.Pattern[str]:
        """What a hidden token looks like."""
        return self._word

    def comment_token(self, text: str) -> str:
        """What stands in a comment of that content: the word of a token, or nothing."""
        return text if self._word.fullmatch(text) else ""

    def literal(self, text: str) -> str:
        """The text without its hidden tokens."""
        return self._word.sub("", text)


def _ends_inside(literal: str, is_inside: bool) -> bool:
    opened, closed = literal.rfind("<"), literal.rfind(">")
    return is_inside if opened == closed == -1 else opened > closed


def check_lengths(source: str, limit: int, where: str) -> None:
    """Raises `TemplateError` for a source that is too long."""
    if len(source) > limit:
        raise TemplateError(f"{where}: more than {limit} characters", code="too_long")
