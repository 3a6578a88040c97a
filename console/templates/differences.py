"""What changed between two states of a template: part by part, line by line."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

from console.templates.values import Draft

CONTEXT = 3  # lines that stay the same, beside those that change
MAX_LINES = 4_000  # of a part; longer ones are told as changed as a whole


class Kind(StrEnum):
    """What became of a line."""

    SAME = "same"
    GONE = "gone"
    NEW = "new"
    CUT = "cut"  # lines that stay the same are left out here


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a part."""

    kind: Kind
    text: str


@dataclass(frozen=True, slots=True)
class Difference:
    """A part that differs: `subject`, `source`, `text`, `files`, `design` or `slot.NAME`."""

    part: str
    lines: tuple[Line, ...]


def differences(
    before: Draft, after: Draft, defaults: Mapping[str, str] | None = None
) -> list[Difference]:
    """The parts that differ. `defaults`: what stands in slots that nobody filled."""
    pairs = [
        ("design", before.design, after.design),
        ("subject", before.subject, after.subject),
        ("source", before.source, after.source),
        ("text", before.text, after.text),
        ("files", _listed(before.files), _listed(after.files)),
    ]
    usual = defaults or {}
    for key in dict.fromkeys((*usual, *before.slots, *after.slots)):
        was = before.slots.get(key, usual.get(key, ""))
        pairs.append((f"slot.{key}", was, after.slots.get(key, usual.get(key, ""))))
    return [
        Difference(name, tuple(_lines(was.splitlines(), now.splitlines())))
        for name, was, now in pairs
        if was != now
    ]


def _listed(files: Sequence[int]) -> str:
    return "\n".join(map(str, files))


def _lines(was: Sequence[str], now: Sequence[str]) -> Iterator[Line]:
    if max(len(was), len(now)) > MAX_LINES:
        yield Line(Kind.CUT, "")
        return
    groups = SequenceMatcher(None, was, now, autojunk=False).get_grouped_opcodes(CONTEXT)
    for n, group in enumerate(groups):
        if n:
            yield Line(Kind.CUT, "")
        for tag, start, end, first, last in group:
            if tag == "equal":
                yield from (Line(Kind.SAME, text) for text in was[start:end])
                continue
            yield from (Line(Kind.GONE, text) for text in was[start:end])
            yield from (Line(Kind.NEW, text) for text in now[first:last])
