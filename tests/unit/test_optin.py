"""Double opt-in: who is asked, what confirms and what does not, and the evidence of it."""

import pytest

from console.accounts.actor import NotVisible
from console.contacts.optin.pace import PER_ADDRESS, PER_NETWORK, FormPace
from console.contacts.optin.service import ASKS_A_DAY, LIFE_MS
from console.contacts.optin.tokens import Asked, OptinTokens
from console.contacts.optin.values import Standing
from mta.model.errors import PermanentError
from mta.store.work import Rows
from tests.contacts_world import ACCOUNT, OPERATOR, open_contacts

FROM = {"peer": "192.0.2.7", "agent": "Firefox"}
ANA = "ana@example.org"


class Mails:
    """Keeps what would be sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, str]] = []

    async def send(self, to, language, asking, token) -> None:
        assert asking.account == ACCOUNT
        self.sent.append((to, language, token))


@pytest.fixture
async def world(tmp_path):
    async with open_contacts(tmp_path) as opened:
        opened.mails = opened.optin.mailer = Mails()
        made = await opened.contacts.add_list(OPERATOR, ACCOUNT, "Boletín")
        opened.list = made.id
        opened.asking = await opened.optin.configure(
            OPERATOR, made.id, optin="double", is_open=True, text="Acepto recibir noticias."
        )
        yield opened


async def _ask(world, email=ANA, language="es") -> str:
    """The token of the mail that a form causes; "" for none."""
    before = len(world.mails.sent)
    await world.optin.subscribe(world.asking, email, language, FROM)
    return world.mails.sent[-1][2] if len(world.mails.sent) > before else ""


async def _status(world) -> str:
    members = await world.contacts.members(OPERATOR, world.list)
    return " ".join(f"{contact.status}/{status}" for contact, status in members)


async def test_who_comes_by_a_form_gets_one_mail_and_is_in_no_audience_before_confirming(world):
    token = await _ask(world)
    assert world.mails.sent == [(ANA, "es", token)]
    assert await _status(world) == "pending/unconfirmed"
    everybody = {"field": "email", "op": "filled"}
    assert await world.segments.count_of(OPERATOR, ACCOUNT, everybody) == 0
    assert await world.audiences.count_of_lists(ACCOUNT, [world.list]) == 0
    assert (await world.optin.look(token)).standing is Standing.PENDING
    assert await _status(world) == "pending/unconfirmed"
    done = await world.optin.confirm(token, {"peer": "192.0.2.8", "agent": "Mail"})
    assert (done.standing, done.list_name, done.address) == (Standing.CONFIRMED, "Boletín", ANA)
    assert await _status(world) == "active/confirmed"
    assert await world.segments.count_of(OPERATOR, ACCOUNT, everybody) == 1
    assert await world.audiences.count_of_lists(ACCOUNT, [world.list]) == 1


async def test_evidence_says_when_from_where_and_to_which_words(world):
    await world.optin.confirm(await _ask(world), {"peer": "192.0.2.8", "agent": "Mail"})
    changed = await world.optin.configure(
        OPERATOR, world.list, optin="double", is_open=True, text="Otras palabras."
    )
    assert changed.wording == 2
    rows = await world.optin.consents(OPERATOR, ACCOUNT)
    told = [(r.email, r.what, r.text_version, r.text, r.address, r.agent) for r in rows]
    words = "Acepto recibir noticias."
    assert told == [
        (ANA, "given", "confirmation-1", words, "192.0.2.8", "Mail"),
        (ANA, "asked", "form-1", words, "192.0.2.7", "Firefox"),
    ]
    assert {row.at_ms for row in rows} == {world.clock.now_ms()}
    assert len(await world.optin.consents(OPERATOR, ACCOUNT, what="given", email="ANA@example.org"))
    assert await world.optin.consents(OPERATOR, ACCOUNT, email="b@example.org") == []
    assert await world.optin.consents(OPERATOR, ACCOUNT, email="kein") == []


async def test_a_confirmation_is_told_to_automations_once(world):
    token = await _ask(world)
    for _ in range(2):
        await world.optin.confirm(token, FROM)
    events = await world.store.read("member_events", after=0, count=10)
    assert [(row[1], row[3]) for row in events] == [(world.list, 0), (world.list, 1)]
    assert len(await world.optin.consents(OPERATOR, ACCOUNT, what="given")) == 1


async def test_a_token_is_good_once_and_not_after_leaving(world):
    token = await _ask(world)
    await world.optin.confirm(token, FROM)
    (member,) = await world.contacts.members(OPERATOR, world.list)
    row = (world.list, member[0].id, "unsubscribed", world.clock.now_ms())
    await world.store.submit([Rows("list_member_status", [row])])
    assert (await world.optin.confirm(token, FROM)).standing is Standing.LATE
    assert await _status(world) == "active/unsubscribed"
    world.clock.advance(3600)
    again = await _ask(world)
    assert await _status(world) == "active/unsubscribed"
    await world.optin.confirm(again, FROM)
    assert await _status(world) == "active/confirmed"


async def test_an_expired_token_and_one_before_the_last_confirm_nothing(world):
    first = await _ask(world)
    world.clock.advance(3600)
    second = await _ask(world)
    assert (await world.optin.confirm(first, FROM)).standing is Standing.LATE
    world.clock.advance(LIFE_MS / 1000 + 1)
    assert (await world.optin.confirm(second, FROM)).standing is Standing.LATE
    assert await _status(world) == "pending/unconfirmed"


async def test_forged_tokens_are_none(world):
    token = await _ask(world)
    tokens = OptinTokens(b"o" * 32)
    asked = tokens.asked(token)
    assert asked is not None
    other = OptinTokens(b"x" * 32).confirm(asked)
    form = tokens.form(world.list)
    for forged in (other, form, token[:-1] + "g", token.upper(), "", "a-b-c-d", "0" * 99):
        assert await world.optin.look(forged) is None
        assert await world.optin.confirm(forged, FROM) is None
    assert tokens.list_of(token) is None
    assert tokens.list_of(form) == world.list
    late = tokens.confirm(Asked(world.list, asked.contact, asked.asked_ms + 1))
    assert (await world.optin.confirm(late, FROM)).standing is Standing.LATE
    assert await _status(world) == "pending/unconfirmed"


async def test_an_address_is_asked_again_after_ten_minutes_and_thrice_a_day(world):
    assert await _ask(world)
    assert not await _ask(world)
    times = 1
    for _ in range(10):
        world.clock.advance(3601)
        times += bool(await _ask(world))
    assert times == 3
    world.clock.advance(15 * 3600)
    assert await _ask(world)


def test_a_network_and_an_address_have_their_pace():
    pace = FormPace()
    assert sum(pace.lets("192.0.2.1", f"{n}@x", 0) for n in range(50)) == PER_NETWORK
    assert sum(pace.lets(f"198.51.100.{n}", "a@x", 0) for n in range(50)) == PER_ADDRESS
    assert sum(pace.lets(f"2001:db8::{n:x}", f"{n}@y", 0) for n in range(50)) == PER_NETWORK
    assert pace.lets("192.0.2.1", "b@x", 3600)


async def test_nobody_who_bounced_is_blocked_or_on_the_list_is_written_to(world):
    world.suppressed.add(ANA)
    assert not await _ask(world)
    assert not await _ask(world, "sin arroba")
    made = await world.contacts.put(OPERATOR, ACCOUNT, "b@example.org", {})
    await world.contacts.change(OPERATOR, made.id, made.email, {}, "blocked")
    assert not await _ask(world, "b@example.org")
    token = await _ask(world, "c@example.org")
    await world.optin.confirm(token, FROM)
    world.clock.advance(3600)
    assert not await _ask(world, "c@example.org")


async def test_owners_ask_those_whom_nobody_asked_and_nobody_else(world):
    ids = [
        (await world.contacts.put(OPERATOR, ACCOUNT, f"p{n}@example.org", {})).id for n in range(3)
    ]
    await world.contacts.enlist(OPERATOR, world.list, ids)
    assert await world.optin.ask(OPERATOR, world.list) == 3
    assert await world.optin.ask(OPERATOR, world.list) == 0
    stranger = await world.contacts.put(OPERATOR, 8, "x@example.org", {})
    assert await world.optin.ask(OPERATOR, world.list, [stranger.id]) == 0
    now = world.clock.now_ms()
    rows = [(1, n, ACCOUNT, now) for n in range(ASKS_A_DAY)]
    await world.store.submit([Rows("optin_ask_put", rows)])
    with pytest.raises(PermanentError, match="a day"):
        await world.optin.ask(OPERATOR, world.list, ids)


async def test_a_form_is_only_where_it_is_open(world):
    token = await world.optin.form_token(OPERATOR, world.list)
    assert (await world.optin.form(token)).name == "Boletín"
    assert await world.optin.form(token[:-1] + ("0" if token[-1] != "0" else "1")) is None
    await world.optin.configure(OPERATOR, world.list, optin="double", is_open=False, text="")
    assert await world.optin.form(token) is None
    assert await world.optin.form_token(OPERATOR, world.list) == ""
    with pytest.raises(PermanentError):
        await world.optin.configure(OPERATOR, world.list, optin="single", is_open=True, text="")
    with pytest.raises(NotVisible):
        await world.optin.settings(OPERATOR, 1)


async def test_no_door_confirms_for_the_person(world):
    made = await world.contacts.put(OPERATOR, ACCOUNT, ANA, {})
    row = (world.list, made.id, "confirmed", world.clock.now_ms())
    await world.store.submit([Rows("list_member_put", [row])])
    assert await _status(world) == "active/unconfirmed"


async def test_who_never_confirms_is_forgotten_after_thirty_days_and_nobody_else(world):
    await world.contacts.put(OPERATOR, ACCOUNT, "b@example.org", {})
    token = await _ask(world, "c@example.org")
    await world.optin.confirm(token, FROM)
    await _ask(world)
    world.clock.advance(20 * 86_400)
    await _ask(world, "d@example.org")
    await world.optin.tidy()
    assert len(await world.contacts.search(OPERATOR, ACCOUNT)) == 4
    world.clock.advance(11 * 86_400)
    await world.optin.tidy()
    left = await world.contacts.search(OPERATOR, ACCOUNT)
    assert {one.email[0] for one in left} == {"b", "c", "d"}
    asked = await world.optin.consents(OPERATOR, ACCOUNT, what="asked")
    assert sorted((row.email[:1], row.address) for row in asked) == [
        ("", ""), ("c", FROM["peer"]), ("d", FROM["peer"])
    ]  # fmt: skip
