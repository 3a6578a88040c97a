"""What each figure means: one definition for pages, PDF, workbooks, the API and the documentation.

A figure that is computed from others has its formula here, in the names of their keys; a test
evaluates it against `PeriodFigures`. The words stand in `texts/es.toml` and `texts/en.toml`, and
`docs/explanation/figures.md` is checked against both.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from types import MappingProxyType

LANGUAGES = ("es", "en")


class Unit(StrEnum):
    """What a figure counts."""

    RECIPIENTS = "recipients"  # each at most once for each mail
    TIMES = "times"
    SHARE = "share"  # of 1; shown in percent
    REQUESTS = "requests"
    MILLISECONDS = "ms"


@dataclass(frozen=True, slots=True)
class Definition:
    """One figure; `formula` "": it is counted, not computed. `clauses`: who asks for it."""

    key: str
    unit: Unit
    clauses: tuple[str, ...]
    formula: str = ""


@dataclass(frozen=True, slots=True)
class Words:
    """A figure in one language."""

    name: str
    meaning: str


_R, _T, _S, _Q = Unit.RECIPIENTS, Unit.TIMES, Unit.SHARE, Unit.REQUESTS
_SENT, _B, _I = ("T-b", "T-g", "T-r a", "T-r b"), ("T-b", "T-r b", "T-r c"), ("T-i", "T-r f")

# In the order in which they are printed.
DEFINITIONS: tuple[Definition, ...] = (
    Definition("audience", _R, ("T-g",), "attempted + suppressed + cancelled"),
    Definition("suppressed", _R, ("T-g",)),
    Definition("cancelled", _R, ("T-g",)),
    Definition("attempted", _R, _SENT, "delivered + bounced + expired"),
    Definition("delivered", _R, _SENT),
    Definition("success", _S, ("T-r d",), "delivered / attempted"),
    Definition("bounced", _R, _B),
    Definition("bounced_by_class", _R, _B),
    Definition("expired", _R, ("T-b",)),
    Definition("unique_opens", _R, (*_B, "T-r e")),
    Definition("total_opens", _T, ("T-b",)),
    Definition("open_rate", _S, ("T-r e",), "unique_opens / delivered"),
    Definition("inferred_opens", _R, ("T-r e",)),
    Definition("opened_again", _R, ("T-r e",)),
    Definition("repeat_opens", _T, ("T-r e",), "total_opens - unique_opens"),
    Definition("reopen_rate", _S, ("T-r e",), "opened_again / unique_opens"),
    Definition("not_opened", _R, ("T-r b",), "delivered - unique_opens"),
    Definition("peak_hours", _R, _I),
    Definition("unique_clicks", _R, ("T-b", "T-r b")),
    Definition("total_clicks", _T, ("T-b", "T-r b")),
    Definition("click_rate", _S, ("T-b",), "unique_clicks / delivered"),
    Definition("clicks_per_link", _R, ("T-b", "T-r b")),
    Definition("unsubscribed", _R, _B),
    Definition("complained", _R, ("T-b",)),
    Definition("automatic", _T, ("T-b", "T-i")),
    Definition("api_use", _Q, ("T-b", "T-r g")),
    Definition("smtp_use", _Q, ("T-b", "T-r g")),
    Definition("use_errors", _Q, ("T-r g",)),
    Definition("latency_p95", Unit.MILLISECONDS, ("T-r g",)),
    Definition("contract_figures", _R, ("T-r c",)),
    Definition("period", _R, ("T-r",)),
)
BY_KEY: Mapping[str, Definition] = MappingProxyType({one.key: one for one in DEFINITIONS})


def load_words(language: str) -> Mapping[str, Words]:
    """Every figure in the words of a language, in the order of `DEFINITIONS`.

    Raises `KeyError` for a figure without words.
    """
    text = (files("console.reports") / "texts" / f"{language}.toml").read_text("utf-8")
    table = tomllib.loads(text)["definition"]
    return {
        one.key: Words(table[one.key]["name"], table[one.key]["meaning"]) for one in DEFINITIONS
    }
