"""Incidents: numbered without gaps, seen by who sees the account, moved by who may, audited."""

import pytest

from console.accounts.actor import Actor, ActorKind, NotPermitted, NotVisible
from console.accounts.incidents.service import MAX_SUBJECT, IncidentService
from console.accounts.incidents.values import Category, Incident, IncidentState
from console.accounts.permissions import PERMISSIONS
from console.accounts.values import Role
from mta.model.errors import PermanentError
from mta.model.ids import IdGenerator
from tests.accounts_world import OPERATOR, open_world

MAIN, OTHER = 1, 2


def person(number: int, role: Role = Role.SENDER, account: int = MAIN) -> Actor:
    return Actor(ActorKind.USER, number, f"p{number}@example.org", {account: PERMISSIONS[role]})


@pytest.fixture
async def incidents(tmp_path):
    async with open_world(tmp_path) as world:
        service = IncidentService(world.store, IdGenerator(), world.clock, world.trail)
        await service.observe_ids()
        service.world = world
        yield service


async def opened(incidents: IncidentService, actor: Actor, account: int = MAIN) -> Incident:
    return await incidents.open(
        actor, account, Category.FAILED_SENDS, "No llegó", "La campaña de ayer.", "anexo 101"
    )


async def test_T_u_incidents_are_numbered_and_seen_by_who_sees_the_account(incidents):
    first = await opened(incidents, person(1))
    second = await opened(incidents, person(2, account=OTHER), OTHER)
    assert (first.number, second.number) == (1, 2)
    assert [one.number for one in await incidents.list(person(1))] == [1]
    assert [one.number for one in await incidents.list(OPERATOR)] == [2, 1]
    with pytest.raises(NotVisible):
        await incidents.get(person(1), 2)
    with pytest.raises(NotVisible):
        await incidents.add_note(person(1), 2, "hello")
    with pytest.raises(NotVisible):
        await opened(incidents, person(1), OTHER)


async def test_T_u_the_support_answers_and_moves_it_on(incidents):
    news = []

    async def told(incident: Incident, text: str) -> None:
        news.append((incident.number, incident.state, text))

    incidents.on_news = told
    await opened(incidents, person(1))
    await incidents.move(OPERATOR, 1, IncidentState.WORKING, "We look at it.")
    await incidents.add_note(person(1), 1, "Gracias.")
    done = await incidents.move(
        OPERATOR, 1, IncidentState.RESOLVED, "Put back.", reference="refund 17"
    )
    assert (done.state, done.reference) == (IncidentState.RESOLVED, "refund 17")
    notes = await incidents.notes(person(1), 1)
    assert [(n.text, n.state) for n in notes] == [
        ("We look at it.", "working"), ("Gracias.", ""), ("Put back.", "resolved"),
    ]  # fmt: skip
    assert [state for _, state, _ in news] == ["open", "working", "working", "resolved"]


async def test_who_opened_it_may_close_it_and_nobody_else_without_the_permission(incidents):
    await opened(incidents, person(1))
    with pytest.raises(NotPermitted):
        await incidents.move(person(2), 1, IncidentState.CLOSED, "x")
    with pytest.raises(NotPermitted):
        await incidents.move(person(1), 1, IncidentState.RESOLVED, "x")
    closed = await incidents.move(person(1), 1, IncidentState.CLOSED, "Era un error mío.")
    assert closed.closed_ms > 0
    with pytest.raises(PermanentError):
        await incidents.add_note(person(1), 1, "more")
    with pytest.raises(PermanentError):
        await incidents.move(OPERATOR, 1, IncidentState.WORKING, "again")


async def test_bad_input_changes_nothing(incidents):
    for subject, text in (("", "x"), ("x", " \r\n "), ("x" * (MAX_SUBJECT + 1), "x")):
        with pytest.raises(PermanentError):
            await incidents.open(person(1), MAIN, Category.OTHER, subject, text, "")
    assert await incidents.list(OPERATOR) == []
    made = await incidents.open(person(1), MAIN, Category.OTHER, "a\0b", "x\ud800", "")
    assert (made.subject, made.text, made.contact) == ("a�b", "x?", "p1@example.org")


async def test_every_step_is_in_the_audit_trail(incidents):
    await opened(incidents, person(1))
    await incidents.move(OPERATOR, 1, IncidentState.CLOSED, "Done.")
    rows = await incidents.world.store.read("audit_unsealed", count=10)
    told = [(row[7], row[8]) for row in rows]
    assert told == [("incident.opened", MAIN), ("incident.changed", MAIN)]


async def test_a_page_of_the_list_goes_on_before_a_number(incidents):
    for _ in range(5):
        await opened(incidents, person(1))
    first = await incidents.list(person(1), count=3)
    rest = await incidents.list(person(1), before=first[-1].number, count=3)
    assert [one.number for one in (*first, *rest)] == [5, 4, 3, 2, 1]
