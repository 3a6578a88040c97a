"""Automatic messages (T-j) from what starts them to the mail in the queue."""

import asyncio
import json

import pytest

from console.automations.definition import DefinitionError
from console.automations.values import AutomationState, EnrolmentState, RunMode
from mta.model.errors import JobRefused, PermanentError, StoreError, TransientError
from mta.store.work import Rows
from tests.api_stand import parsed
from tests.automation_world import ACCOUNT, OPERATOR, TEMPLATE, open_automations

WELCOME = {"kind": "send", "id": "welcome", "subject": "Bienvenida", "text": "Hola {{ nombre }}"}
SECOND = {"kind": "send", "id": "second", "subject": "Segunda", "text": "Otra vez"}
DAY = {"kind": "wait", "id": "day", "minutes": 24 * 60}


@pytest.fixture
async def world(tmp_path):
    async with open_automations(tmp_path) as opened:
        for contact in range(1, 6):
            opened.contacts.add(contact, nombre=f"Nombre {contact}")
        yield opened


async def test_T_j_who_joins_a_list_is_welcomed_and_written_to_again_a_day_later(world):
    automation = await world.begin(WELCOME, DAY, SECOND)
    await world.join(1, 2)
    await world.runner.run_due()
    assert await world.mails() == [(1, "Bienvenida"), (2, "Bienvenida")]
    await world.pass_hours(23.9)
    assert len(await world.mails()) == 2
    await world.pass_hours(0.2)
    assert (await world.mails())[2:] == [(1, "Segunda"), (2, "Segunda")]
    assert {one.state for one in await world.people(automation)} == {EnrolmentState.DONE}
    figures = await world.service.figures(OPERATOR, automation.id)
    assert [(one.step, one.done, one.waiting) for one in figures] == [
        ("welcome", 2, 0),
        ("day", 2, 0),
        ("second", 2, 0),
    ]


async def test_T_j_a_step_sends_the_newest_version_of_a_template_or_the_one_it_is_pinned_to(world):
    newest = {"kind": "send", "id": "newest", "template": TEMPLATE}
    await world.begin(newest, {**newest, "id": "pinned", "version": 1})
    await world.join(1)
    await world.runner.run_due()
    assert await world.mails() == [(1, "Plantilla 2"), (1, "Plantilla 1")]


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"template": TEMPLATE + 1}, "steps.0.template"),
        ({"template": TEMPLATE, "version": 3}, "steps.0.template"),
        ({"template": TEMPLATE, "text": "x"}, "steps.0.send"),
        ({"version": 1, "subject": "x", "text": "x"}, "steps.0.send"),
        ({"text": "x"}, "steps.0.send"),
    ],
)
async def test_a_template_that_is_not_the_accounts_or_no_content_is_refused(world, change, place):
    with pytest.raises(DefinitionError) as refused:
        await world.begin({"kind": "send", "id": "one", **change})
    assert refused.value.problems[0][0] == place


async def test_people_at_the_same_step_are_one_message_with_values_of_their_own(world):
    await world.begin(WELCOME)
    await world.join(1, 2, 3)
    await world.runner.run_due()
    assert len(await world.stand.messages()) == 1
    assert "Hola Nombre 3" in parsed(await world.stand.rendered(2)).get_content()


async def test_once_is_once_and_always_is_once_for_each_occasion(world):
    await world.begin(WELCOME)
    await world.join(1)
    await world.join(1)
    trigger = {"kind": "event", "name": "compra"}
    await world.begin(SECOND, trigger=trigger, mode=RunMode.ALWAYS)
    for event in ("a", "a", "b"):
        for rows in world.entrance.happened(ACCOUNT, "compra", 1, event, {"total": 12}):
            await world.store.submit([rows])
    await world.runner.run_due()
    assert sorted(await world.mails()) == [(1, "Bienvenida"), (1, "Segunda"), (1, "Segunda")]


async def test_T_j_values_of_the_event_fill_in_the_mail(world):
    step = {**WELCOME, "text": "{{ nombre }} pagó {{ total }}"}
    await world.begin(step, trigger={"kind": "event", "name": "compra"})
    values = {"total": 12.5, "nombre": "Otra", "nested": {"x": 1}}
    await world.store.submit(world.entrance.happened(ACCOUNT, "compra", 1, "e1", values))
    await world.runner.run_due()
    assert "Otra pagó 12.5" in parsed(await world.stand.rendered()).get_content()


async def test_a_crash_between_steps_repeats_nobody_and_loses_nobody(world, monkeypatch):
    """The mail and the move behind it are one job: either both are there afterwards or neither."""
    await world.begin(WELCOME, DAY, SECOND)
    await world.join(1, 2)
    submit, attempts = world.store.submit, 0

    def dying(work, *arguments, **options):
        nonlocal attempts
        if any(rows.statement == "message_insert" for rows in work):
            attempts += 1
            if attempts == 1:  # the process ends before the commit …
                raise StoreError("killed")
            done = submit(work, *arguments, **options)  # … or behind it
            done.add_done_callback(lambda _: None)
            raise StoreError("killed after the commit") if attempts == 2 else StoreError("again")
        return submit(work, *arguments, **options)

    for _ in range(2):
        monkeypatch.setattr(world.store, "submit", dying)
        with pytest.raises(StoreError):
            await world.runner.run_due()
        monkeypatch.setattr(world.store, "submit", submit)
        await world.store.submit([])  # what was on its way has been committed
        world.restart()
    await world.runner.run_due()
    assert await world.mails() == [(1, "Bienvenida"), (2, "Bienvenida")]
    await world.pass_hours(25)
    assert len(await world.mails()) == 4


async def test_a_paused_automation_holds_everybody_and_goes_on_where_they_were(world):
    automation = await world.begin(WELCOME, DAY, SECOND)
    await world.join(1)
    await world.runner.run_due()
    await world.service.pause(OPERATOR, automation.id)
    await world.join(2)
    await world.pass_hours(48)
    assert await world.mails() == [(1, "Bienvenida")]
    await world.service.activate(OPERATOR, automation.id)
    await world.pass_hours(1)
    assert await world.mails() == [(1, "Bienvenida"), (1, "Segunda")]


async def test_whoever_is_on_the_way_keeps_the_definition_it_began_with(world):
    automation = await world.begin(WELCOME, DAY, SECOND)
    await world.join(1)
    await world.runner.run_due()
    paused = await world.service.pause(OPERATOR, automation.id)
    changed = json.loads(paused.definition)
    changed["steps"] = [WELCOME]
    await world.service.edit(
        OPERATOR, automation.id, name="Serie", definition=json.dumps(changed),
        sender="app@example.org", seen_ms=paused.changed_ms,
    )  # fmt: skip
    await world.service.activate(OPERATOR, automation.id)
    await world.join(2)
    await world.pass_hours(25)
    assert sorted(await world.mails()) == [(1, "Bienvenida"), (1, "Segunda"), (2, "Bienvenida")]


async def test_a_condition_asks_whether_the_mail_was_opened(world):
    condition = {
        "kind": "condition", "id": "seen", "opened": "welcome", "then": "", "otherwise": "second"
    }  # fmt: skip
    await world.begin(WELCOME, DAY, condition, SECOND)
    await world.join(1, 2)
    await world.runner.run_due()
    first = (await world.stand.deliveries())[0]["id"]
    world.opened.opens.add(first)
    await world.pass_hours(25)
    assert await world.mails() == [(1, "Bienvenida"), (2, "Bienvenida"), (2, "Segunda")]


async def test_a_condition_asks_for_a_value_of_the_contact(world):
    condition = {
        "kind": "condition", "id": "who", "filter": {"nombre": "Nombre 2"},
        "then": "second", "otherwise": "",
    }  # fmt: skip
    await world.begin(condition, SECOND)
    await world.join(1, 2)
    await world.runner.run_due()
    assert await world.mails() == [(2, "Segunda")]


async def test_T_j_who_did_not_open_a_campaign_within_the_time_is_written_to(world):
    await world.begin(SECOND, trigger={"kind": "not_opened", "campaign": 9, "within_hours": 24})
    now_ms = world.clock.now_ms()
    for contact, delivery in ((1, 501), (2, 502)):
        rows = world.entrance.engaged(ACCOUNT, "delivered", 9, contact, delivery, now_ms)
        await world.store.submit(rows)
    assert world.entrance.engaged(ACCOUNT, "delivered", 8, 1, 503, now_ms) == []
    world.opened.opens.add(501)
    await world.pass_hours(23)
    assert await world.mails() == []
    await world.pass_hours(2)
    assert await world.mails() == [(2, "Segunda")]


async def test_T_j_a_date_of_the_contact_is_kept_days_before_it(world):
    """The clock begins on 15 January 2027 (UTC); Lima is five hours behind."""
    world.contacts.add(1, vence="2027-01-20")
    world.contacts.add(2, vence="22/01/2027")
    world.contacts.add(3, vence="nunca")
    trigger = {"kind": "date", "field": "vence", "offset_days": -3, "at": "09:00"}
    await world.begin(WELCOME, trigger=trigger)
    await world.pass_hours(6 * 24)
    assert await world.mails() == [(1, "Bienvenida"), (2, "Bienvenida")]


async def test_T_j_a_calendar_writes_again_to_everybody_on_the_list(world):
    await world.store.submit(world.contacts.listing(ACCOUNT, 3, [1, 2], 0, is_on=True))
    trigger = {"kind": "calendar", "every": "day", "list": 3, "at": "09:00"}
    await world.begin(WELCOME, trigger=trigger, mode=RunMode.ALWAYS)
    await world.pass_hours(48)
    assert sorted(await world.mails()) == [(1, "Bienvenida")] * 2 + [(2, "Bienvenida")] * 2


async def test_a_long_look_goes_on_where_it_was_after_a_restart(world, monkeypatch):
    monkeypatch.setattr("console.automations.entering.PAGE", 2)
    await world.store.submit(world.contacts.listing(ACCOUNT, 3, [1, 2, 3, 4, 5], 0, is_on=True))
    trigger = {"kind": "calendar", "every": "day", "list": 3}
    automation = await world.begin(WELCOME, trigger=trigger, mode=RunMode.ALWAYS)
    ((_, next_ms, place),) = await world.store.read("automation_looks")
    world.clock.advance((next_ms - world.clock.now_ms()) / 1000)
    assert await world.entrance.look(automation.id, next_ms, place)
    world.restart()
    await world.runner.run_due()
    assert [contact for contact, _ in await world.mails()] == [1, 2, 3, 4, 5]


async def test_mail_waits_for_the_sending_window(world):
    """15 January 2027 is a Friday."""
    window = {"weekdays": [0], "begin": "08:00", "end": "09:00"}
    automation = await world.begin(WELCOME, window=window)
    await world.join(1)
    await world.pass_hours(48)
    assert await world.mails() == []
    await world.pass_hours(48)
    assert await world.mails() == [(1, "Bienvenida")]
    (figures,) = await world.service.figures(OPERATOR, automation.id)
    assert (figures.done, figures.skipped) == (1, 0)


async def test_lists_are_changed_in_the_step_s_own_transaction(world):
    await world.begin(
        {"kind": "list_add", "id": "in", "list": 4}, {"kind": "list_remove", "id": "out", "list": 1}
    )
    await world.join(1, 2)
    await world.runner.run_due()
    assert await world.store.read("test_listed", list=4) == [(1,), (2,)]
    assert await world.store.read("test_listed", list=1) == []


async def test_another_system_that_is_down_is_asked_again(world):
    automation = await world.begin(
        {"kind": "webhook", "id": "crm", "url": "https://crm.example/x"}, SECOND
    )
    world.callee.failures = [TransientError("503"), TransientError("timeout")]
    await world.join(1)
    await world.runner.run_due()
    page = await world.service.enrolments(OPERATOR, automation.id, before=2**62)
    assert [(one.state, reason) for one, reason in page] == [(EnrolmentState.ACTIVE, "503")]
    await world.pass_hours(1)
    (told,) = world.callee.told
    (person,) = await world.people(automation)
    assert (told["id"], told["recipient"]) == (f"{person.id}.crm", "c1@example.net")
    assert await world.mails() == [(1, "Segunda")]


OTHER = 8
TELL = {"kind": "webhook", "id": "crm", "url": "https://crm.example/x"}


async def test_a_system_that_does_not_answer_holds_up_its_own_account_only(world, monkeypatch):
    monkeypatch.setattr("console.automations.runner.PATIENCE_S", 0.01)
    slow = await world.begin(TELL, account=OTHER)
    await world.begin(WELCOME)
    world.callee.answers.clear()
    await world.join(1, 2, account=OTHER)
    await world.join(1)
    for _ in range(3):
        async with asyncio.timeout(30):
            next_ms = await world.runner.run_due()
    assert next_ms <= world.clock.now_ms()  # the other account is not through
    assert await world.mails() == [(1, "Bienvenida")]
    world.callee.answers.set()
    while next_ms is not None:
        next_ms = await world.runner.run_due()
    assert [told["recipient"] for told in world.callee.told] == ["c1@example.net", "c2@example.net"]
    assert {one.state for one in await world.people(slow)} == {EnrolmentState.DONE}


async def test_an_automation_that_cannot_be_carried_out_holds_up_its_own_account_only(world):
    broken = await world.begin(TELL, account=OTHER)
    await world.begin(WELCOME)
    world.callee.failures = [ValueError("a fault of ours")]
    await world.join(1, account=OTHER)
    await world.join(1)
    next_ms = await world.runner.run_due()
    assert await world.mails() == [(1, "Bienvenida")]
    assert await world.runner.run_due() == next_ms > world.clock.now_ms()
    await world.pass_hours(1)
    assert [one.state for one in await world.people(broken)] == [EnrolmentState.DONE]


async def test_what_is_under_way_when_the_server_stops_is_done_by_the_next_one(world, monkeypatch):
    monkeypatch.setattr("console.automations.runner.PATIENCE_S", 0.01)
    automation = await world.begin(TELL)
    world.callee.answers.clear()
    await world.join(1)
    await world.runner.run_due()
    await world.runner.stop()
    world.callee.answers.set()
    world.restart()
    await world.runner.run_due()
    assert len(world.callee.told) == 1
    assert [one.state for one in await world.people(automation)] == [EnrolmentState.DONE]


async def test_a_step_that_can_never_be_done_ends_the_way_with_its_reason(world):
    automation = await world.begin(
        {"kind": "webhook", "id": "crm", "url": "https://crm.example/x"}, SECOND
    )
    world.callee.failures = [PermanentError("private address")]
    await world.join(1)
    await world.runner.run_due()
    ((person, reason),) = await world.service.enrolments(OPERATOR, automation.id)
    assert (person.state, reason) == (EnrolmentState.FAILED, "private address")
    assert await world.mails() == []


async def test_a_sender_of_somebody_else_is_refused_and_told(world):
    automation = await world.begin(WELCOME)
    paused = await world.service.pause(OPERATOR, automation.id)
    await world.service.edit(
        OPERATOR, automation.id, name="x", definition=paused.definition, sender="a@other.example"
    )
    await world.service.activate(OPERATOR, automation.id)
    await world.join(1)
    await world.runner.run_due()
    ((_, reason),) = await world.service.enrolments(OPERATOR, automation.id)
    assert "other.example" in reason


async def test_who_can_no_longer_be_written_to_leaves(world):
    automation = await world.begin(WELCOME, DAY, SECOND)
    await world.join(1, 2, 3)
    await world.runner.run_due()
    world.contacts.add(1, is_reachable=False)
    del world.contacts.all[2]
    await world.pass_hours(25)
    assert (await world.mails())[3:] == [(3, "Segunda")]
    states = [one.state for one in await world.people(automation)]
    assert states == [EnrolmentState.LEFT, EnrolmentState.LEFT, EnrolmentState.DONE]


async def test_nobody_does_a_step_twice_although_two_take_it_on(world):
    automation = await world.begin(WELCOME)
    await world.join(1)
    (person,) = await world.people(automation)
    row = (person.id, "welcome", person.due_ms, "", int(EnrolmentState.DONE), 0, 0, "{}", "", 0)
    await world.store.submit([_move(row)])
    with pytest.raises(JobRefused):
        await world.store.submit([_move(row)])


def _move(row):
    return Rows("enrolment_move", [row], expect=1)


async def test_an_automation_changes_only_along_its_states(world):
    automation = await world.begin(WELCOME)
    assert automation.state is AutomationState.ACTIVE
    with pytest.raises(PermanentError, match="pause it"):
        await world.service.archive(OPERATOR, automation.id)
    await world.service.pause(OPERATOR, automation.id)
    with pytest.raises(PermanentError, match="cannot become"):
        await world.service.pause(OPERATOR, automation.id)
    await world.service.archive(OPERATOR, automation.id)
    with pytest.raises(PermanentError, match="cannot become"):
        await world.service.activate(OPERATOR, automation.id)
    assert await world.service.list(OPERATOR) == []
    assert len(await world.service.list(OPERATOR, archived=True)) == 1


async def test_what_somebody_else_changed_meanwhile_is_not_overwritten(world):
    made = await world.service.create(
        OPERATOR, ACCOUNT, "Uno", json.dumps(_document()), sender="app@example.org"
    )
    change = {"definition": made.definition, "sender": made.sender, "seen_ms": made.changed_ms}
    await world.service.edit(OPERATOR, made.id, name="Dos", **change)
    with pytest.raises(PermanentError, match="somebody else"):
        await world.service.edit(OPERATOR, made.id, name="Tres", **change)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"trigger": {"kind": "not_opened", "campaign": 400}}, "no campaign 400"),
        ({"steps": [{**TELL, "url": "https://private.example/"}]}, "not a public address"),
    ],
)
async def test_what_is_not_of_the_account_or_not_called_is_refused(world, changes, told):
    with pytest.raises(DefinitionError, match=told):
        await world.service.create(
            OPERATOR, ACCOUNT, "Uno", json.dumps(_document(**changes)), sender="app@example.org"
        )


async def test_a_list_that_there_is_not_is_refused(world):
    with pytest.raises(DefinitionError, match="no list 400"):
        await world.service.create(
            OPERATOR, ACCOUNT, "Uno",
            json.dumps(_document(trigger={"kind": "list_joined", "list": 400})),
            sender="app@example.org",
        )  # fmt: skip


def _document(**changes):
    return {"trigger": {"kind": "event", "name": "x"}, "steps": [WELCOME], **changes}
