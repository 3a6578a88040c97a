"""The hand-over file: what it holds, what is missing until when, and what people enter (T-v)."""

import json
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from console.accounts.actor import Actor, NotVisible
from console.accounts.audit import AuditTrail
from console.pages.texts import load_texts
from console.reports.handover.checklist import Item, accepted_on, checklist, due_on
from console.reports.handover.sections import sections
from console.reports.handover.service import HandoverService, NewManual, NewTraining
from console.reports.handover.training import read_people
from console.reports.handover.values import (
    MINUTES_NEEDED,
    SYLLABUS,
    AccountAccess,
    Attendee,
    ContractFacts,
    DomainAccess,
    Fact,
    Handover,
    KeyAccess,
    ManualKind,
    PersonAccess,
    SupportFacts,
    Topic,
)
from mta.model.clock import ManualClock
from mta.model.errors import PermanentError
from mta.model.ids import IdGenerator
from mta.store.sqlite import SqliteStore
from mta.store.statements import StatementPackage
from mta.store.work import Rows
from tests.accounts_world import KEY

LIMA = ZoneInfo("America/Lima")
TEXTS = load_texts()
OPERATOR = Actor.command()
A, B = 11, 12
GOLDEN = Path(__file__).parent / "golden" / "handover.json"
SUPPORT = SupportFacts("soporte@example.org", "+51 1 555 0100", "9 a 18")
PEOPLE = [Attendee(f"Persona {n}", f"p{n}@example.org", "Imagen", 120) for n in (1, 2, 3)]
PACKAGES = ("mta.spool", "console.accounts", "console.accounts.audit", "console.accounts.quota",
            "console.accounts.sending", "console.accounts.signin", "console.reports.handover")  # fmt: skip


class World:
    """Two accounts of different customers over a real store."""

    def __init__(self, store: SqliteStore, clock: ManualClock) -> None:
        ids = IdGenerator(clock_ns=lambda: clock.now_ms() * 1_000_000)
        self.store, self.clock = store, clock
        trail = AuditTrail(store, ids, clock, KEY)
        self.service = HandoverService(store, ids, clock, trail, SUPPORT, "https://x.example")

    async def hold(self, day: str, topics: list[Topic], minutes: int = 120, people=PEOPLE):
        new = NewTraining(day, "Sala 1", "Rosa", topics, minutes, people)
        return await self.service.add_training(OPERATOR, A, new)

    async def view(self) -> Handover:
        return await self.service.view(OPERATOR, A)

    async def audit(self) -> list[str]:
        rows = await self.store.read("audit_unsealed", count=100)
        return [row[7] for row in rows]


@pytest.fixture
async def world(tmp_path):
    clock = ManualClock()
    store = await SqliteStore.open(
        tmp_path, [StatementPackage.of(name) for name in PACKAGES], clock=clock
    )
    for number in (A, B):
        row = (number, None, f"Cuenta {number}", "normal", "active", 0)
        await store.submit([Rows("account_insert", [row])])
    yield World(store, clock)
    await store.close()


def sample() -> Handover:
    """One with everything in it and nothing that changes."""
    return Handover(
        A, "Municipalidad", 1_790_000_000_000, "https://x.example",
        ContractFacts("Contrato 7", 4_000_000, 365, "2026-11-21"), {Fact.CONTRACT_NUMBER: "14-2026"},
        [AccountAccess(A, 0, "Municipalidad", "normal", "active", 1_789_000_000_000)],
        [PersonAccess("ana@example.org", "Ana", "owner", "Municipalidad", "active", 0, 1)],
        [KeyAccess("ERP", "p4d8c2z5", "erp-p4d8c2z5", "Municipalidad", ["mail.send"], "active", 0, 0)],
        [DomainAccess("muni.example", "Municipalidad", "active", 1_789_000_000_000)],
        [], [], [], [], SUPPORT,
    )  # fmt: skip


def state(handover: Handover) -> dict[Item, bool]:
    return {check.item: check.is_done for check in checklist(handover)}


def test_T_v_the_syllabus_has_four_hours_and_words_for_every_topic():
    assert sum(SYLLABUS.values()) == MINUTES_NEEDED == 240
    assert set(SYLLABUS) == set(Topic)
    for texts in TEXTS.values():
        assert all(texts(f"handover.topic.{topic}") for topic in Topic)


def test_T_v_it_is_due_seven_days_after_the_day_before_the_contracts_first_one():
    assert str(accepted_on(sample())) == "2026-11-20"
    assert str(due_on(sample())) == "2026-11-27"
    told = replace(sample(), facts={Fact.ACCEPTED_ON: "2026-11-10"})
    assert str(due_on(told)) == "2026-11-17"
    assert due_on(replace(sample(), contract=None)) is None


def test_a_domain_that_is_used_before_its_records_were_seen_is_not_verified():
    assert state(sample())[Item.DOMAINS]
    (domain,) = sample().domains
    unseen = replace(sample(), domains=[replace(domain, verified_ms=0)])
    assert not state(unseen)[Item.DOMAINS]


@pytest.mark.parametrize("language", ["es", "en"])
def test_T_v_the_data_of_a_hand_over_are_those_of_the_golden_file(language):
    parts = sections(sample(), TEXTS[language], LIMA)
    shown = {
        part.heading: [[list(map(str, row)) for row in table.rows] for table in part.tables]
        for part in parts
    }
    golden = json.loads(GOLDEN.read_text("utf-8"))
    assert shown == golden[language]


async def test_T_v_the_checklist_shows_what_is_missing_until_it_is_there(world):
    begun = state(await world.view())
    assert [item for item in Item if begun[item]] == [Item.SUPPORT]
    facts = dict.fromkeys(Fact, "x") | {Fact.SIGNED_ON: "", Fact.ACCEPTED_ON: "2026-11-20"}
    await world.service.set_facts(OPERATOR, A, facts)
    for kind in (ManualKind.USER, ManualKind.API):
        new = NewManual(kind, "es", "0.1", "ab" * 32, "Rosa", "2026-11-20")
        await world.service.add_manual(OPERATOR, A, new)
    topics = list(Topic)
    await world.hold("2026-11-20", topics[:5])
    half = state(await world.view())
    assert half[Item.CONTRACT]
    assert half[Item.API_MANUAL]
    assert not half[Item.TRAINING]
    await world.hold("2026-11-21", topics[5:])
    await world.service.certify(OPERATOR, A)
    done = {item for item, is_done in state(await world.view()).items() if is_done}
    assert set(Item) - done == {Item.PEOPLE, Item.KEYS, Item.DOMAINS}


async def test_T_v_who_was_there_for_four_hours_over_all_sessions_gets_one_certificate(world):
    await world.hold("2026-11-20", [Topic.API])
    assert await world.service.certify(OPERATOR, A) == 0
    late = [*PEOPLE[:2], replace(PEOPLE[2], minutes=119)]
    await world.hold("2026-11-21", [Topic.REPORTS], people=late)
    assert await world.service.certify(OPERATOR, A) == 2
    assert await world.service.certify(OPERATOR, A) == 0
    first, second = (await world.view()).certificates
    assert (first.number, first.email, first.minutes) == (1, "p1@example.org", 240)
    assert (second.number, second.last_day) == (2, "2026-11-21")
    assert first.code != second.code
    assert await world.service.certificate(OPERATOR, A, 2) == second
    with pytest.raises(NotVisible):
        await world.service.certificate(OPERATOR, B, 2)


async def test_T_v_a_training_that_led_to_a_certificate_stays(world):
    one = await world.hold("2026-11-20", [Topic.API], minutes=240,
                           people=[replace(PEOPLE[0], minutes=240)])  # fmt: skip
    other = await world.hold("2026-11-21", [Topic.API], people=PEOPLE[1:])
    await world.service.certify(OPERATOR, A)
    with pytest.raises(PermanentError, match="certificate"):
        await world.service.remove_training(OPERATOR, A, one.id)
    await world.service.remove_training(OPERATOR, A, other.id)
    assert [training.id for training in (await world.view()).trainings] == [one.id]
    with pytest.raises(NotVisible):
        await world.service.remove_training(OPERATOR, B, one.id)


async def test_T_v_what_is_entered_is_in_the_audit_trail(world):
    await world.service.set_facts(OPERATOR, A, {Fact.CONTRACT_NUMBER: "14"})
    await world.service.set_facts(OPERATOR, A, {Fact.CONTRACT_NUMBER: "14"})  # nothing changed
    await world.hold("2026-11-20", [Topic.API], minutes=240,
                     people=[replace(one, minutes=240) for one in PEOPLE])  # fmt: skip
    await world.service.certify(OPERATOR, A)
    assert await world.audit() == ["handover.changed", "training.recorded", "certificate.issued"]


async def test_numbers_of_certificates_are_of_one_account(world):
    for account in (A, B):
        new = NewTraining("2026-11-20", "x", "x", [Topic.API], 240,
                          [replace(PEOPLE[0], minutes=240)])  # fmt: skip
        await world.service.add_training(OPERATOR, account, new)
        await world.service.certify(OPERATOR, account)
        assert (await world.service.certificate(OPERATOR, account, 1)).account == account


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"held_on": "ayer"}, "no day"),
        ({"minutes": 0}, "minutes"),
        ({"topics": []}, "topic"),
        ({"people": []}, "nobody"),
        ({"people": [Attendee("A", "a@x.pe", "", 121)]}, "1 to 120"),
        ({"people": [Attendee("A", "no", "", 1)]}, "mail address"),
        ({"people": [Attendee("A", "a@x.pe", "", 1), Attendee("B", "A@x.pe", "", 1)]}, "twice"),
        ({"place": " "}, "place"),
    ],
)
async def test_what_cannot_be_is_refused(world, change, told):
    new = NewTraining("2026-11-20", "x", "x", [Topic.API], 120, PEOPLE)
    with pytest.raises(PermanentError, match=told):
        await world.service.add_training(OPERATOR, A, replace(new, **change))
    assert (await world.view()).trainings == []


def test_lists_of_people_are_read_line_by_line():
    people = read_people("Ana Quispe; ana@x.pe; Jefa; 90\n\nLuis\tluis@x.pe\n", 240)
    assert people == [
        Attendee("Ana Quispe", "ana@x.pe", "Jefa", 90), Attendee("Luis", "luis@x.pe", "", 240),
    ]  # fmt: skip
    with pytest.raises(PermanentError, match="line 2"):
        read_people("a; b\nc; d; e; f; g", 10)
    with pytest.raises(PermanentError, match="line 1"):
        read_people("a; b; c; hora", 10)
