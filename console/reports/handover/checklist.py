"""What a hand-over has and what it lacks, with the day it is due."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from console.reports.handover.values import (
    DUE_DAYS,
    MINUTES_NEEDED,
    PEOPLE_NEEDED,
    SYLLABUS,
    DomainAccess,
    Fact,
    Handover,
    ManualKind,
)

_NEEDED_FACTS = (
    Fact.CONTRACT_NUMBER, Fact.RECEIVED_BY, Fact.RECEIVED_POSITION, Fact.DELIVERED_BY,
    Fact.DELIVERED_POSITION,
)  # fmt: skip


class Item(StrEnum):
    """What has to be there; its words stand in the texts."""

    CONTRACT = "contract"
    ACCEPTANCE = "acceptance"
    PEOPLE = "people"
    KEYS = "keys"
    DOMAINS = "domains"
    USER_MANUAL = "user_manual"
    API_MANUAL = "api_manual"
    TRAINING = "training"
    TOPICS = "topics"
    ATTENDANCE = "attendance"
    CERTIFICATES = "certificates"
    SUPPORT = "support"


@dataclass(frozen=True, slots=True)
class Check:
    """One item: so many of so many that are needed are there."""

    item: Item
    have: int
    need: int

    @property
    def is_done(self) -> bool:
        """Whether it is complete."""
        return self.have >= self.need


def accepted_on(handover: Handover) -> date | None:
    """The day of the acceptance: as entered, else the day before the contract's first one."""
    if told := handover.fact(Fact.ACCEPTED_ON):
        return date.fromisoformat(told)
    contract = handover.contract
    if contract is None or not contract.starts_on:
        return None
    return date.fromisoformat(contract.starts_on) - timedelta(days=1)


def due_on(handover: Handover) -> date | None:
    """Until when everything has to be there; None while there is no acceptance."""
    accepted = accepted_on(handover)
    return accepted + timedelta(days=DUE_DAYS) if accepted else None


def checklist(handover: Handover) -> Sequence[Check]:
    """All items in the order of the file."""
    facts = sum(bool(handover.fact(name)) for name in _NEEDED_FACTS)
    kinds = {manual.kind for manual in handover.manuals}
    taught = {topic for training in handover.trainings for topic in training.topics}
    complete = sum(person.is_complete for person in handover.trained)
    support = handover.support
    active = [person for person in handover.people if person.state == "active"]
    return (
        Check(Item.CONTRACT, facts, len(_NEEDED_FACTS)),
        Check(Item.ACCEPTANCE, int(accepted_on(handover) is not None), 1),
        Check(Item.PEOPLE, len({person.email for person in active}), 1),
        Check(Item.KEYS, sum(key.state == "active" for key in handover.keys), 1),
        Check(Item.DOMAINS, sum(_is_verified(domain) for domain in handover.domains), 1),
        Check(Item.USER_MANUAL, int(ManualKind.USER in kinds), 1),
        Check(Item.API_MANUAL, int(ManualKind.API in kinds), 1),
        Check(Item.TRAINING, sum(one.minutes for one in handover.trainings), MINUTES_NEEDED),
        Check(Item.TOPICS, len(taught), len(SYLLABUS)),
        Check(Item.ATTENDANCE, complete, PEOPLE_NEEDED),
        Check(Item.CERTIFICATES, len(handover.certificates), PEOPLE_NEEDED),
        Check(Item.SUPPORT, sum(map(bool, (support.email, support.phone, support.hours))), 3),
    )


def _is_verified(domain: DomainAccess) -> bool:
    """Its DNS records were seen; one that an operator added may be used before."""
    return domain.state == "active" and domain.verified_ms > 0
