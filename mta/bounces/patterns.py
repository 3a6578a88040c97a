"""Patterns of the bounce rules: a subset of regular expressions that cannot run away.

A peer chooses the text, so a pattern must cost time linear in its length. Allowed are literals,
escapes, character classes, groups `(?:a|b)`, `?`, and counted repeats with a small bound such as
`.{0,40}`; `*`, `+`, open-ended counts, captures, look-around and back-references are refused, and
so is more than one repeat above 9 in a pattern. Text is in lower case, without accents, with
single spaces (see `normalise`).
"""

import re
import unicodedata
from collections.abc import Callable

from mta.model.errors import ConfigurationError

MAX_TEXT_CHARS = 500  # no provider needs more to say no; the rest is not looked at
MAX_REPEAT = 60
MAX_OPTIONS = 6  # of `?` in a pattern: each may double the ways to match

_TOKEN = re.compile(
    r"(?P<class>\[\^?\]?(?:\\.|[^\]\\])*\])|(?P<escape>\\[.()\[\]{}|?*+/\\bdsw-])|(?P<open>\(\?:)"
    r"|(?P<close>\))|(?P<count>\{\d+(?:,\d*)?\})|(?P<option>\?)|(?P<bar>\|)"
    r"|(?P<dot>\.)|(?P<bad>[*+({}\\^$])|(?P<literal>.)",
    re.DOTALL,
)
_SPECIAL = frozenset("\\.[](){}?*+|^$")
_DROP_DIGITS = str.maketrans("", "", "0123456789")
_ZERO_DIGITS = str.maketrans("0123456789", "0" * 10)

Search = Callable[[str], object]  # truthy when the pattern occurs


def compile_pattern(pattern: str) -> Search:
    """A search function for a rule's pattern.

    Raises `ConfigurationError` if the pattern could take more than linear time, or can never match
    normalised text (capital letters, characters beyond ASCII).
    """
    problem = _problem(pattern)
    if problem:
        raise ConfigurationError(f"pattern {pattern!r}: {problem}")
    if not _SPECIAL.intersection(pattern):
        return lambda text: pattern in text
    return re.compile(pattern).search


def _problem(pattern: str) -> str:
    if not pattern:
        return "empty"
    if not pattern.isascii() or pattern != pattern.lower():
        return "texts are compared in lower case and without accents"
    depth, options, long_repeats, previous = 0, 0, 0, ""
    for match in _TOKEN.finditer(pattern):
        kind, token = str(match.lastgroup), match[0]
        if kind == "bad":
            return f"{token!r} is not allowed, see mta/bounces/patterns.py"
        if kind in ("count", "option"):
            if previous in ("", "open", "bar", "count", "option"):
                return f"{token!r} has nothing of fixed length to repeat"
            if kind == "count" and previous == "close":
                return "a group may be optional, not repeated"
            options += kind == "option"
            if kind == "count":
                most = token[1:-1].partition(",")
                bound = most[2] if most[1] else most[0]
                if not bound or int(bound) > MAX_REPEAT:
                    return f"{token!r} needs an upper bound of at most {MAX_REPEAT}"
                long_repeats += int(bound) > 9
        depth += (kind == "open") - (kind == "close")
        if depth < 0:
            return "unbalanced parentheses"
        previous = kind
    if depth:
        return "unbalanced parentheses"
    if long_repeats > 1:
        return "more than one repeat above 9"
    return f"more than {MAX_OPTIONS} times '?'" if options > MAX_OPTIONS else ""


def normalise(text: str) -> str:
    """The text as rules see it: lower case, no accents, single spaces, no addresses and ids.

    Mail addresses become `@`; long words with three digits or more (IP addresses, queue ids,
    times) become `#`, so that replies that differ in nothing else share a place in the cache.
    """
    text = text[:MAX_TEXT_CHARS]
    if not text.isascii():
        decomposed = unicodedata.normalize("NFKD", text)
        text = "".join([c for c in decomposed if not unicodedata.combining(c)])
    words = text.lower().split()
    return " ".join(
        [
            word if word.isalpha() or (len(word) < 10 and "@" not in word) else _mask(word)
            for word in words
        ]
    )


def _mask(word: str) -> str:
    if "@" in word and "://" not in word:
        return "@"
    head, bracket, _rest = word.partition("[")
    if head and bracket:  # "sender[192.0.2.1]"
        return f"{head}[#"
    if len(word) - len(word.translate(_DROP_DIGITS)) < 3:
        return word
    return word.translate(_ZERO_DIGITS) if "://" in word else "#"
