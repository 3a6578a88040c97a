"""The manuals: `docs/manuals/NAME.LANGUAGE.md`, parted into chapters.

A chapter starts at a heading of the second level. A line `<!-- may: PERMISSION -->` before it says who
needs the chapter; without a permission, or without the line, everybody does.
"""

import importlib.resources
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

_MARK = re.compile(r"<!-- may: *([a-z.]*) *-->\n")
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_SIBLING = re.compile(r"\s*\*(?:In English|En español): .+?\*(?=\s)", re.DOTALL)
_NUMBER = re.compile(r"^(\d+)\. ")
_REFERENCE = re.compile(r"\b(?:el capítulo|chapter) (\d+)\b")
_USER_MANUAL = {"es": "plataforma.es", "en": "platform.en"}


@dataclass(frozen=True, slots=True)
class Chapter:
    """Markdown below one heading."""

    title: str
    permission: str  # "": for everybody
    text: str


@dataclass(frozen=True, slots=True)
class Manual:
    """One file."""

    name: str  # `api.es`
    language: str
    title: str
    lead: str  # Markdown before the first chapter
    chapters: Sequence[Chapter]


def load_manuals() -> Sequence[Manual]:
    """All of them, the user's manual before others."""
    folder = source_folder()
    found = [read_manual(path) for path in sorted(folder.glob("*.*.md"))]
    return sorted(found, key=lambda one: (one.name not in _USER_MANUAL.values(), one.name))


def source_folder() -> Path:
    """Inside an installed package, or in `docs/` of a source tree."""
    packaged = importlib.resources.files("console.manuals").joinpath("sources")
    if packaged.is_dir():
        return Path(str(packaged))
    return Path(__file__).resolve().parents[2] / "docs" / "manuals"


def read_manual(path: Path) -> Manual:
    """One file as it is. Raises `ValueError` where it has no title."""
    text = path.read_text(encoding="utf-8")
    head, *parts = _split(text)
    title, _, lead = head.partition("\n")
    if not title.startswith("# "):
        raise ValueError(f"{path.name} does not start with its title")
    chapters = []
    mark = _MARK.search(lead)
    for part in parts:
        heading = part.partition("\n")[0].removeprefix("## ").strip()
        following = _MARK.search(part)
        chapters.append(Chapter(heading, mark[1] if mark else "", _MARK.sub("", part)))
        mark = following
    lead = _SIBLING.sub("", _MARK.sub("", lead)).strip()
    name = path.name.removesuffix(".md")
    return Manual(name, name.rpartition(".")[2], title[2:].strip(), lead, tuple(chapters))


def guide_chapters(manual: Manual, held: frozenset[str]) -> Sequence[Chapter]:
    """Those that somebody with these permissions needs, without numbers.

    Where the text names a chapter by its number it names it by its title.
    """
    titles = {
        found[1]: _NUMBER.sub("", chapter.title)
        for chapter in manual.chapters
        if (found := _NUMBER.match(chapter.title))
    }
    chosen = []
    for chapter in manual.chapters:
        if not chapter.permission or chapter.permission in held:
            title = _NUMBER.sub("", chapter.title)
            text = chapter.text.replace(f"## {chapter.title}", f"## {title}", 1)
            named = _REFERENCE.sub(lambda m: f"«{titles.get(m[1], m[1])}»", text)
            chosen.append(replace(chapter, title=title, text=named))
    return chosen


def user_manual(manuals: Sequence[Manual], language: str) -> Manual:
    """The manual of the platform. Raises `StopIteration` for a language without one."""
    return next(one for one in manuals if one.name == _USER_MANUAL[language])


def _split(text: str) -> Sequence[str]:
    """Before the first heading of the second level, and from each to the next; not inside code."""
    shadow = _FENCE.sub(lambda m: "\0" * len(m[0]), text)
    starts = [found.start() for found in re.finditer(r"^## ", shadow, re.MULTILINE)]
    return [text[a:b] for a, b in zip([0, *starts], [*starts, len(text)], strict=True)]
