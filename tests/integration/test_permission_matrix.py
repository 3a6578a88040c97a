"""Every service method × every role × accounts of one's own, below, above and of others."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator

import pytest

import console
from console.accounts.actor import NotPermitted, NotVisible
from console.accounts.permissions import PERMISSIONS
from console.accounts.values import Role
from mta.model.errors import RelevoError
from tests.accounts_world import OPERATOR
from tests.matrix import (
    accounts,
    areas,
    automations,
    campaigns,
    closing,
    contacts,
    filed,
    mail,
    people,
    quota,
    reports,
    search,
    templates,
    usage_reports,
)
from tests.matrix.stand import PLACES, WITHIN, Row, Stand, open_stand

AREAS = (
    accounts,
    areas,
    automations,
    campaigns,
    closing,
    contacts,
    filed,
    mail,
    people,
    quota,
    reports,
    search,
    templates,
    usage_reports,
)
ROWS = [row for area in AREAS for row in area.ROWS]
WITHOUT_ACTOR = {name for area in AREAS for name in area.WITHOUT_ACTOR}
INSIDE = {name for area in AREAS for name in area.INSIDE}


def _may(row: Row, role: Role, place: str) -> bool:
    """Told by the table alone: a role in `own` holds there and below."""
    if row.permission is None:
        return False
    places = ("below",) if row.above else WITHIN
    return place in places and bool({row.permission, row.also} & PERMISSIONS[role])


async def _was_refused(row: Row, stand: Stand, role: Role, place: str) -> str:
    """How the call was refused, "" if it was not."""
    account = stand.accounts[place]
    made = None if row.make is None else await row.make(stand, account)
    try:
        found = await row.call(stand, stand.actor(role), account, made)
    except NotVisible:
        return "not visible"
    except NotPermitted:
        return "not permitted"
    except RelevoError:
        return ""  # allowed, but it could not be done: not what this test is about
    return "not shown" if row.lists and not found else ""


@pytest.mark.parametrize("area", AREAS, ids=lambda area: area.__name__.rpartition(".")[2])
async def test_T_c_every_method_asks_for_its_permission_in_the_right_account(tmp_path, area):
    wrong = []
    async with open_stand(tmp_path) as stand:
        for row in area.ROWS:
            for role in Role:
                for place in PLACES:
                    refused = await _was_refused(row, stand, role, place)
                    if bool(refused) is _may(row, role, place):
                        wrong.append((row.method, role.value, place, refused or "allowed"))
                    elif refused == "not permitted" and place not in WITHIN and row.permission:
                        wrong.append((row.method, role.value, place, "tells that it exists"))
    assert not wrong, "\n".join(map(str, wrong))


@pytest.mark.parametrize("area", AREAS, ids=lambda area: area.__name__.rpartition(".")[2])
async def test_the_operator_is_refused_nothing(tmp_path, area):
    refused = []
    async with open_stand(tmp_path) as stand:
        for row in area.ROWS:
            account = stand.accounts["own"]
            made = None if row.make is None else await row.make(stand, account)
            try:
                found = await row.call(stand, OPERATOR, account, made)
            except (NotPermitted, NotVisible):
                refused.append(row.method)
            except RelevoError:
                continue
            else:
                assert found or not row.lists, row.method
    # Two commands are not two persons.
    assert set(refused) <= {"ApprovalService.approve"}


def _services() -> Iterator[type]:
    """Classes of the console that have a method for an actor."""
    for module_info in pkgutil.walk_packages(console.__path__, "console."):
        if module_info.name.endswith("__main__"):
            continue
        module = importlib.import_module(module_info.name)
        for found in vars(module).values():
            if (
                inspect.isclass(found)
                and found.__module__ == module.__name__
                and not getattr(found, "_is_protocol", False)
                and any(_has_actor(method) for _, method in _methods(found))
            ):
                yield found


def _methods(service: type) -> Iterator[tuple[str, object]]:
    for name, method in vars(service).items():
        if inspect.isfunction(method) and not name.startswith("_"):
            yield f"{service.__name__}.{name}", method


def _has_actor(method: object) -> bool:
    return list(inspect.signature(method).parameters)[1:2] == ["actor"]


def test_every_method_has_a_row():
    rows = {row.method for row in ROWS}
    missing = [
        name
        for service in _services()
        for name, method in _methods(service)
        if _has_actor(method) and name not in rows | INSIDE
    ]
    assert missing == [], "add a row to tests/matrix/, or say there why it is not a service"


def test_no_service_changes_or_shows_something_without_an_actor():
    silent = [
        name
        for service in _services()
        for name, method in _methods(service)
        if inspect.iscoroutinefunction(method)
        and not _has_actor(method)
        and name not in WITHOUT_ACTOR
    ]
    assert silent == [], "hand in an actor, or say in tests/matrix/ why not"


def test_the_table_names_nothing_that_is_gone():
    known = {name for service in _services() for name, _ in _methods(service)}
    named = {row.method for row in ROWS} | WITHOUT_ACTOR | INSIDE
    assert sorted(named - known) == []
