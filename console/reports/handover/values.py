"""What a hand-over holds; moments are milliseconds since 1970 UTC, days ISO dates."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Self

import orjson

HOURS_NEEDED = 4
MINUTES_NEEDED = 60 * HOURS_NEEDED
PEOPLE_NEEDED = 3
DUE_DAYS = 7  # after the acceptance


class Topic(StrEnum):
    """What is taught; its words stand in the texts, its time in `SYLLABUS`."""

    SIGN_IN = "sign_in"
    PEOPLE = "people"
    CONTACTS = "contacts"
    TEMPLATES = "templates"
    CAMPAIGNS = "campaigns"
    AUTOMATIONS = "automations"
    API = "api"
    DELIVERABILITY = "deliverability"
    REPORTS = "reports"
    PRACTICE = "practice"


# Minutes of each: four hours in all.
SYLLABUS: Mapping[Topic, int] = MappingProxyType(
    {
        Topic.SIGN_IN: 15,
        Topic.PEOPLE: 25,
        Topic.CONTACTS: 30,
        Topic.TEMPLATES: 30,
        Topic.CAMPAIGNS: 40,
        Topic.AUTOMATIONS: 15,
        Topic.API: 25,
        Topic.DELIVERABILITY: 20,
        Topic.REPORTS: 20,
        Topic.PRACTICE: 20,
    }
)


class Fact(StrEnum):
    """What somebody has to enter, for the system cannot know it."""

    CONTRACT_NUMBER = "contract_number"
    SIGNED_ON = "signed_on"
    ACCEPTED_ON = "accepted_on"  # where it is not the day before the contract's first day
    RECEIVED_BY = "received_by"
    RECEIVED_POSITION = "received_position"
    DELIVERED_BY = "delivered_by"
    DELIVERED_POSITION = "delivered_position"


DAYS = frozenset((Fact.SIGNED_ON, Fact.ACCEPTED_ON))


class ManualKind(StrEnum):
    """What is handed over to read."""

    USER = "user"  # the manual of the platform
    API = "api"
    GUIDE = "guide"  # the usage guide of a role


@dataclass(frozen=True, slots=True)
class Attendee:
    """Who was there, and how long."""

    name: str
    email: str
    position: str
    minutes: int


@dataclass(frozen=True, slots=True)
class Training:
    """A session that was held."""

    id: int
    account: int
    held_on: str
    place: str
    teacher: str
    topics: Sequence[Topic]
    minutes: int
    people: Sequence[Attendee]
    added_by: str
    added_ms: int

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> Self:
        """From a row of `handover_trainings`."""
        number, account, held_on, place, teacher, topics, minutes, people, by, at_ms = row
        taught = [Topic(one) for one in orjson.loads(topics)]
        came = [Attendee(**one) for one in orjson.loads(people)]
        return cls(number, account, held_on, place, teacher, taught, minutes, came, by, at_ms)

    @property
    def row(self) -> tuple[int | str, ...]:
        """For `handover_training_insert`."""
        return (
            self.id, self.account, self.held_on, self.place, self.teacher,
            orjson.dumps([topic.value for topic in self.topics]).decode(), self.minutes,
            orjson.dumps([asdict(one) for one in self.people]).decode(), self.added_by,
            self.added_ms,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Trained:
    """A person over all sessions."""

    name: str
    email: str
    position: str
    minutes: int
    last_day: str

    @property
    def is_complete(self) -> bool:
        """Whether the person was there for all of the syllabus' time."""
        return self.minutes >= MINUTES_NEEDED


@dataclass(frozen=True, slots=True)
class IssuedCertificate:
    """That a person was trained."""

    account: int
    number: int
    name: str
    email: str
    minutes: int
    last_day: str
    issued_by: str
    issued_ms: int

    @property
    def code(self) -> str:
        """The first 80 bits of the SHA-256 of what it says; certificate and register show it."""
        digest = hashlib.sha256(orjson.dumps(asdict(self))).hexdigest()
        return "-".join(digest[at : at + 4].upper() for at in range(0, 20, 4))


@dataclass(frozen=True, slots=True)
class DeliveredManual:
    """A document that somebody got."""

    id: int
    account: int
    kind: ManualKind
    language: str
    version: str
    sha256: str
    recipient: str
    delivered_on: str
    added_by: str
    added_ms: int

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> Self:
        """From a row of `handover_manuals`."""
        return cls(row[0], row[1], ManualKind(row[2]), *row[3:])


@dataclass(frozen=True, slots=True)
class AccountAccess:
    """An account; `depth` 0 is the one that is handed over."""

    id: int
    depth: int
    name: str
    kind: str
    state: str
    created_ms: int


@dataclass(frozen=True, slots=True)
class PersonAccess:
    """A person's role in an account."""

    email: str
    name: str
    role: str
    account: str
    state: str
    created_ms: int
    has_factor: int


@dataclass(frozen=True, slots=True)
class KeyAccess:
    """A credential: its name and public part, never its secret."""

    name: str
    prefix: str
    username: str
    account: str
    scopes: Sequence[str]
    state: str
    created_ms: int
    expires_ms: int


@dataclass(frozen=True, slots=True)
class DomainAccess:
    """A sending domain."""

    domain: str
    account: str
    state: str
    verified_ms: int


@dataclass(frozen=True, slots=True)
class SupportFacts:
    """How the support is reached."""

    email: str
    phone: str
    hours: str


@dataclass(frozen=True, slots=True)
class ContractFacts:
    """What the bag knows of the contract."""

    name: str
    size: int
    days: int
    starts_on: str


@dataclass(frozen=True, slots=True)
class Handover:
    """All of it at a moment."""

    account: int
    account_name: str
    made_ms: int
    url: str
    contract: ContractFacts | None
    facts: Mapping[Fact, str]
    accounts: Sequence[AccountAccess]
    people: Sequence[PersonAccess]
    keys: Sequence[KeyAccess]
    domains: Sequence[DomainAccess]
    manuals: Sequence[DeliveredManual]
    trainings: Sequence[Training]
    trained: Sequence[Trained]
    certificates: Sequence[IssuedCertificate]
    support: SupportFacts

    @property
    def digest(self) -> str:
        """SHA-256 of everything in it but the moment it was made."""
        data = {**asdict(self), "made_ms": 0, "facts": {k.value: v for k, v in self.facts.items()}}
        return hashlib.sha256(orjson.dumps(data, option=orjson.OPT_SORT_KEYS)).hexdigest()

    def fact(self, name: Fact) -> str:
        """What was entered; empty where nothing was."""
        return self.facts.get(name, "")
