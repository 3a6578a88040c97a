"""Findings of the preflight: errors stop, warnings ask, the rest is told."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from console.campaigns.preflight.texts import TEXTS

_VALUE = re.compile(r"\{[a-z_]+\}")


class Severity(StrEnum):
    """What a finding means for the launch."""

    ERROR = "error"  # it cannot be sent so
    WARNING = "warning"  # it can, if somebody says so
    INFO = "info"


_BY_LETTER: Mapping[str, Severity] = MappingProxyType(
    {"E": Severity.ERROR, "W": Severity.WARNING, "I": Severity.INFO}
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found; `code` names its text."""

    code: str  # "links.http"
    values: Mapping[str, str | int] = field(default_factory=dict)

    @property
    def severity(self) -> Severity:
        """As the table of texts says."""
        return _BY_LETTER[TEXTS[self.code][0]]

    def text(self, language: str) -> str:
        """What was found and what to do about it, in `es` or `en`."""
        text = TEXTS[self.code][1 if language == "es" else 2]
        return text.format_map(
            {name: _told(value, language) for name, value in self.values.items()}
        )


def title(code: str, language: str, known: Mapping[str, str]) -> str:
    """What a finding is about, without what was found: for lists of what somebody accepted.

    `known`: values by their names in the text, as far as they are known later.
    """
    if code not in TEXTS:
        return code
    text = TEXTS[code][1 if language == "es" else 2]
    told = _VALUE.sub(lambda value: known.get(value[0].strip("{}"), "…"), text)
    return told.partition(":")[0].rstrip(".")


def _told(value: str | int, language: str) -> str:
    if isinstance(value, str):
        return value
    if language == "es":  # grouped from five digits on, as the pages do
        return f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}" if value >= 10_000 else "")
    return f"{value:,}"
