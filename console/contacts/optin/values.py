"""Lists that ask, and the evidence of consent."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, Self


@dataclass(frozen=True, slots=True)
class OptinList:
    """What a list asks and how; `wording` 0 and `text` empty: Relevo's own words."""

    id: int
    account: int
    name: str
    optin: str  # single | double
    state: str
    is_open: bool
    wording: int
    text: str

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> Self:
        """From a row of `optin_of_list`."""
        return cls(row[0], row[1], row[2], row[3], row[4], bool(row[5]), row[6], row[7])


class Standing(StrEnum):
    """Where a confirmation stands."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    LATE = "late"  # expired, or asked anew since, or left since


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What a link of a confirmation mail leads to."""

    standing: Standing
    list_name: str = ""
    text: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Consent:
    """A row of evidence: who said what to which text, from where."""

    id: int
    contact: int
    email: str
    list: int
    list_name: str
    what: str  # asked | given | withdrawn
    text_version: str
    address: str
    agent: str
    at_ms: int
    text: str


class ConfirmationMailer(Protocol):
    """Writes to who is asked."""

    async def send(self, to: str, language: str, asking: OptinList, token: str) -> None:
        """Raises `RelevoError` when it cannot be taken."""
        ...


Evidence = Mapping[str, str]  # peer, agent
