"""The gallery: designs that come with Relevo, in MJML, with named slots and the account's look.

`designs.toml` names them and their slots; `NAME.mjml` is the design, in which `[[> part ]]` stands
for the file `_part.mjml`. Nothing that users write is looked up in files.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from types import MappingProxyType

from console.content.errors import TemplateError
from console.content.sanitising import is_program
from console.content.slots import facts_markup, line_markup, link_markup, list_markup, text_markup
from console.content.source import SourceKind
from console.templates.branding import Brand

MAX_SLOT = 20_000
_LINKS = (".url", ".src")
_PART = re.compile(r"\[\[> ([a-z]+) \]\]")


class SlotKind(StrEnum):
    """What is written into a slot."""

    LINE = "line"
    TEXT = "text"
    IMAGE = "image"
    BUTTON = "button"
    LIST = "list"
    FACTS = "facts"  # lines `label: value`


_PARTS = MappingProxyType({SlotKind.IMAGE: ("src", "alt", "url"), SlotKind.BUTTON: ("text", "url")})


@dataclass(frozen=True, slots=True)
class Slot:
    """A named place of a design; `name` is also what its label is called."""

    name: str
    kind: SlotKind

    @property
    def keys(self) -> tuple[str, ...]:
        """The names of its values: `title`, or `button.text` and `button.url`."""
        parts = _PARTS.get(self.kind)
        return tuple(f"{self.name}.{part}" for part in parts) if parts else (self.name,)


@dataclass(frozen=True, slots=True)
class Design:
    """One of the gallery."""

    key: str
    names: Mapping[str, str]  # by language
    about: Mapping[str, str]
    category: str
    subject: str
    kind: SourceKind
    source: str
    slots: tuple[Slot, ...]
    defaults: Mapping[str, str]  # by key of a slot's value


class Gallery:
    """All designs, in the order in which they are shown."""

    def __init__(self) -> None:
        folder = files("console.templates") / "designs"
        listed = tomllib.loads((folder / "designs.toml").read_text("utf-8"))

        def part(match: re.Match[str]) -> str:
            return (folder / f"_{match[1]}.mjml").read_text("utf-8")

        designs = []
        for key, one in listed.items():
            kind = SourceKind(one.get("kind", "mjml"))
            name = f"{key}.mjml" if kind is SourceKind.MJML else f"{key}.txt"
            source = _PART.sub(part, (folder / name).read_text("utf-8"))
            slots = tuple(Slot(slot, SlotKind(what)) for slot, what in one["slots"].items())
            designs.append(
                Design(
                    key, one["name"], one["about"], one["category"], one["subject"], kind, source,
                    slots, one["content"],
                )
            )  # fmt: skip
        self.designs = tuple(designs)
        self._by_key = {design.key: design for design in designs}

    def find(self, key: str) -> Design | None:
        """The design of that key."""
        return self._by_key.get(key)


def places(design: Design, values: Mapping[str, str], brand: Brand) -> dict[str, str]:
    """What the design's `[[ … ]]` are filled with; what is not given is as the gallery shows it.

    Raises `TemplateError` for a link that is a program (`javascript:`).
    """
    is_text = design.kind is SourceKind.TEXT
    filled = dict(brand.places()) if not is_text else {"brand.name": brand.name,
        "brand.address": brand.address}  # fmt: skip
    for slot in design.slots:
        for key in slot.keys:
            text = values.get(key, design.defaults.get(key, ""))
            if key.endswith(_LINKS) and is_program(text):
                raise TemplateError(f"{key}: a program is no link", code="program", shown=text)
            filled[key] = text if is_text else _markup(slot.kind, key, text)
        main = slot.keys[0]
        if slot.kind is SlotKind.BUTTON:
            filled[slot.name] = "1" if filled[main] and filled[f"{slot.name}.url"] else ""
        elif slot.kind is SlotKind.IMAGE:
            filled[slot.name] = "1" if filled[main] else ""
    return filled


def _markup(kind: SlotKind, key: str, text: str) -> str:
    if kind is SlotKind.TEXT:
        return text_markup(text)
    if kind is SlotKind.FACTS:
        return facts_markup(text)
    if kind is SlotKind.LIST:
        return list_markup(text)
    if key.endswith(_LINKS):
        return link_markup(text)
    return line_markup(text)
