"""Segments: what their filters hold for, what they refuse, and campaigns that are sent to them."""

import pytest

from console.accounts.actor import NotVisible
from mta.model.errors import PermanentError
from tests.contacts_world import ACCOUNT, OPERATOR, open_contacts

ELSEWHERE = 8
PEOPLE = {
    "ana@gob.example": {"nombre": "Ana", "ciudad": "Ílo", "edad": "41"},
    "beto@example.org": {"nombre": "Beto", "ciudad": "LIMA", "edad": "9"},
    "caro@example.org": {"nombre": "Caro", "edad": "n/a"},
}


@pytest.fixture
async def world(tmp_path):
    async with open_contacts(tmp_path) as opened:
        for email, values in PEOPLE.items():
            await opened.contacts.put(OPERATOR, ACCOUNT, email, values, "api")
        yield opened


async def _found(world, document) -> str:
    found = await world.segments.preview(OPERATOR, ACCOUNT, document)
    assert len(found) == await world.segments.count_of(OPERATOR, ACCOUNT, document)
    return " ".join(email.split("@")[0] for _, email, _ in found)


def _if(field, op, value=""):
    return {"field": field, "op": op, "value": value}


@pytest.mark.parametrize(
    ("document", "found"),
    [
        (_if("values.ciudad", "is", "lima"), "beto"),
        (_if("values.ciudad", "is", "ílo"), "ana"),
        (_if("values.ciudad", "is_not", "lima"), "ana caro"),
        (_if("values.ciudad", "empty"), "caro"),
        (_if("values.ciudad", "filled"), "ana beto"),
        (_if("values.nombre", "contains", "A"), "ana caro"),
        (_if("values.nombre", "contains", "%"), ""),
        (_if("values.nombre", "contains_not", "an"), "beto caro"),
        (_if("email", "ends", "@example.org"), "beto caro"),
        (_if("email", "starts", "ANA"), "ana"),
        (_if("values.edad", "over", "10"), "ana"),
        (_if("values.edad", "under", 10), "beto"),
        (_if("values.nombre", "one_of", ["ana", "Caro"]), "ana caro"),
        (_if("values.nombre", "one_of", "ana, beto"), "ana beto"),
        (_if("source", "is", "api"), "ana beto caro"),
        ({"not": _if("values.nombre", "one_of", ["ana", "caro"])}, "beto"),
        ({"all": [_if("values.edad", "filled"), _if("email", "ends", ".org")]}, "beto caro"),
        ({"any": [_if("values.nombre", "is", "ana"), _if("values.edad", "is", "9")]}, "ana beto"),
        (
            {"any": [
                {"all": [_if("values.nombre", "is", "ana"), _if("values.edad", "is", "41")]},
                {"all": [_if("values.nombre", "is", "beto"), _if("values.edad", "is", "41")]},
            ]},
            "ana",
        ),
        ({"not": {"any": [_if("values.nombre", "is", "ana"), _if("email", "starts", "b")]}}, "caro"),
        ({"not": {"all": [_if("values.edad", "filled"), _if("email", "ends", ".org")]}}, "ana"),
        (_if("values.' OR 1=1 --", "is", "x"), ""),
        (_if("email", "is", "' OR '1'='1"), ""),
    ],
)  # fmt: skip
async def test_T_a_a_filter_holds_for_these_contacts(world, document, found):
    assert await _found(world, document) == found


async def test_lists_consent_and_days_are_asked_as_they_are_now(world):
    made = await world.contacts.add_list(OPERATOR, ACCOUNT, "Boletín")
    double = await world.contacts.add_list(OPERATOR, ACCOUNT, "Doble", optin="double")
    ana, beto, _ = reversed(await world.contacts.search(OPERATOR, ACCOUNT))
    await world.contacts.enlist(OPERATOR, made.id, [ana.id])
    await world.contacts.enlist(OPERATOR, double.id, [beto.id])
    assert await _found(world, _if("list", "on", str(made.id))) == "ana"
    assert await _found(world, _if("list", "not_on", made.id)) == "beto caro"
    assert await _found(world, _if("list", "on", double.id)) == ""
    assert await _found(world, _if("created", "within_days", 2)) == "ana beto caro"
    world.clock.advance(3 * 86_400)
    assert await _found(world, _if("created", "within_days", "2")) == ""
    assert await _found(world, _if("created", "before", "2001-01-01")) == ""
    assert await _found(world, _if("created", "after", "2001-01-01")) == "ana beto caro"


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ([], "filter: expected an object"),
        ({}, "filter: expected field, op and value"),
        ({"all": []}, "filter.all: expected at least one condition"),
        ({"all": [_if("password", "is", "x")]}, "filter.all[0].field"),
        (_if('values.a"b', "is", "x"), "filter.field"),
        (_if("email", "regex", "x"), "filter.op"),
        (_if("email", "is", ""), "filter.value"),
        (_if("email", "is", "x" * 201), "filter.value"),
        (_if("email", "is", {"a": 1}), "filter.value"),
        (_if("opened", "within_days", "0"), "filter.value"),
        (_if("opened", "within_days", "nan"), "filter.value"),
        (_if("created", "after", "ayer"), "filter.value"),
        (_if("list", "on", "1e3"), "filter.value"),
        ({"any": [_if("email", "is", "x")] * 51}, "more than 50 conditions"),
        ({"not": {"not": {"not": {"not": {"not": {"not": {"not": 1}}}}}}}, "nested deeper"),
        (
            {"any": [{"all": [_if("email", "is", "x")] * 10}] * 4},
            "too many combinations",
        ),
        ({"field": "email", "op": "is", "value": "x", "sql": "1"}, "filter: expected field"),
    ],
)
async def test_what_is_no_filter_is_refused_with_its_place(world, document, place):
    with pytest.raises(PermanentError) as caught:
        await world.segments.add(OPERATOR, ACCOUNT, "x", document)
    assert place in str(caught.value)


async def test_a_segment_is_kept_changed_counted_and_removed(world):
    made = await world.segments.add(OPERATOR, ACCOUNT, "  Los  de Lima ", _if("email", "filled"))
    assert (made.name, made.counted_ms) == ("Los de Lima", 0)
    assert await world.segments.count(OPERATOR, made.id) == 3
    counted = await world.segments.get(OPERATOR, made.id)
    assert (counted.counted, counted.counted_ms) == (3, world.clock.now_ms())
    with pytest.raises(PermanentError, match="already"):
        await world.segments.add(OPERATOR, ACCOUNT, "Los de Lima", _if("email", "filled"))
    changed = await world.segments.change(OPERATOR, made.id, "Otro", _if("email", "starts", "a"))
    assert (changed.name, changed.counted_ms) == ("Otro", 0)
    assert [one.name for one in await world.segments.list(OPERATOR, ACCOUNT)] == ["Otro"]
    await world.segments.remove(OPERATOR, made.id)
    with pytest.raises(NotVisible):
        await world.segments.get(OPERATOR, made.id)


async def test_a_segment_of_another_account_is_nowhere(world):
    foreign = await world.segments.add(OPERATOR, ELSEWHERE, "x", _if("email", "filled"))
    their_list = await world.contacts.add_list(OPERATOR, ELSEWHERE, "x")
    with pytest.raises(PermanentError, match="no list"):
        await world.segments.add(OPERATOR, ACCOUNT, "y", _if("list", "on", their_list.id))
    with pytest.raises(PermanentError, match="no list or segment"):
        await world.audiences.of_lists(OPERATOR, ACCOUNT, [foreign.id])
    assert await world.segments.count(OPERATOR, foreign.id) == 0
    assert await world.audiences.count_of_lists(ACCOUNT, [foreign.id]) == 0


async def test_T_a_an_audience_is_made_of_lists_and_segments(world):
    ana, beto, caro = reversed(await world.contacts.search(OPERATOR, ACCOUNT))
    members = await world.contacts.add_list(OPERATOR, ACCOUNT, "Boletín")
    await world.contacts.enlist(OPERATOR, members.id, [ana.id, beto.id])
    org = await world.segments.add(OPERATOR, ACCOUNT, "org", _if("email", "ends", ".org"))

    async def sent(include, exclude=()):
        audience = await world.audiences.of_lists(OPERATOR, ACCOUNT, include, exclude)
        assert await world.audiences.count_of_lists(ACCOUNT, include, exclude) == audience.total
        return [row["nombre"] for row in await world.rows(audience.id)]

    assert await sent([org.id]) == ["Beto", "Caro"]
    assert await sent([members.id, org.id]) == ["Ana", "Beto", "Caro"]
    assert await sent([members.id], [org.id]) == ["Ana"]
    assert await sent([org.id], [members.id]) == ["Caro"]
    assert '"Caro"' in await world.audiences.nth_of_lists(ACCOUNT, [org.id], (), 1)
    await world.contacts.change(OPERATOR, caro.id, caro.email, caro.attrs, "blocked")
    assert await sent([org.id]) == ["Beto"]


async def test_T_l_columns_of_lists_are_those_of_all_their_members_not_of_the_first(world):
    first, *_, last = reversed(await world.contacts.search(OPERATOR, ACCOUNT))
    members = await world.contacts.add_list(OPERATOR, ACCOUNT, "Boletín")
    await world.contacts.enlist(OPERATOR, members.id, [first.id, last.id])
    await world.contacts.change(
        OPERATOR, last.id, last.email, {**last.attrs, "cargo": "Jefa"}, "active"
    )
    found = await world.audiences.columns_of_lists(ACCOUNT, [members.id])
    told = {one.name: (one.filled, one.sample) for one in found}
    assert told["email"][0] == 2
    assert told["cargo"] == (1, "Jefa")


async def test_an_audience_of_a_segment_is_made_page_by_page(world, monkeypatch):
    monkeypatch.setattr("console.contacts.audiences.PAGE", 1)
    last = await world.segments.add(OPERATOR, ACCOUNT, "c", _if("email", "starts", "c"))
    audience = await world.audiences.of_lists(OPERATOR, ACCOUNT, [last.id])
    assert [row["nombre"] for row in await world.rows(audience.id)] == ["Caro"]
