"""Finds the text that a reason was made from, and makes it again in another language."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

MAX_REASON = 1_000  # characters that are looked at: reasons repeat what people wrote
MAX_DEPTH = 4  # reasons within reasons
_HOLE = re.compile(r"\{(\d+)(\*?)\}")
_GENERIC = "{0}: {1}"


@dataclass(frozen=True, slots=True)
class _Text:
    english: str
    pattern: re.Pattern[str]
    text: str
    words: frozenset[int]  # holes that hold one of the catalogue's words
    reasons: frozenset[int]  # holes that may hold a reason: behind a colon


@dataclass(frozen=True, slots=True)
class _Catalogue:
    texts: Sequence[_Text]  # the most literal first
    words: Mapping[str, str]


def said(reason: str, language: str, otherwise: str | None = None) -> str:
    """The reason in a language; `otherwise`, or as it is, where there are no words for it."""
    if language == "en":
        return reason
    found = _translated(reason, language, 0) if len(reason) <= MAX_REASON else None
    if found is not None:
        return found
    return reason if otherwise is None else otherwise


@cache
def templates(language: str) -> Mapping[str, str]:
    """The texts of a language by the English ones, with `{0}`, `{1}` … for what stands in them."""
    return _read(language)["texts"]


def _translated(reason: str, language: str, depth: int) -> str | None:
    catalogue = _catalogue(language)
    if depth > MAX_DEPTH:
        return None
    for one in catalogue.texts:
        match = one.pattern.fullmatch(reason)
        if match is None:
            continue
        values = list(match.groups())
        for n in one.words:
            values[n] = catalogue.words.get(values[n], values[n])
        for n in one.reasons:
            inner = _translated(values[n], language, depth + 1)
            if inner is None and one.english == _GENERIC:
                return None  # a colon alone is no reason that is known
            values[n] = values[n] if inner is None else inner
        return _filled(one.text, values)
    return None


def _filled(text: str, values: Sequence[str]) -> str:
    return _HOLE.sub(lambda hole: values[int(hole[1])], text)


@cache
def _catalogue(language: str) -> _Catalogue:
    known = _read(language)
    ordered = sorted(known["texts"], key=lambda text: -len(_HOLE.sub("", text)))
    return _Catalogue([_text(text, known["texts"][text]) for text in ordered], known["words"])


def _text(english: str, text: str) -> _Text:
    """A hole holds anything; the text around it has to be exactly there."""
    literal = re.split(r"\{\d+\}", english)
    return _Text(
        english,
        re.compile("(.+?)".join(re.escape(part) for part in literal), re.DOTALL),
        text,
        frozenset(int(number) for number, star in _HOLE.findall(text) if star),
        frozenset(int(number) for number in re.findall(r": \{(\d+)\}", english)),
    )


def _read(language: str) -> Mapping[str, Mapping[str, str]]:
    file = resources.files("console.reasons") / f"{language}.toml"
    return tomllib.loads(file.read_text(encoding="utf-8"))
