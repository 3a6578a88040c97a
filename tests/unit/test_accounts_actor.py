"""Who may do what where: roles over the tree of accounts."""

import pytest

from console.accounts.actor import Actor, ActorKind, NotPermitted, NotVisible, expand_grants
from console.accounts.permissions import (
    MEANINGS,
    PERMISSIONS,
    Permission,
    permissions_of_scopes,
)
from console.accounts.values import Account, AccountKind, Role, Scope, State

MAIN, SUB, BELOW, OTHER = 1, 2, 3, 9


def _tree(**states: State) -> list[Account]:
    parents = {
        "main": (MAIN, None),
        "sub": (SUB, MAIN),
        "below": (BELOW, SUB),
        "other": (OTHER, None),
    }
    return [
        Account(number, parent, name, AccountKind.NORMAL, states.get(name, State.ACTIVE), 0)
        for name, (number, parent) in parents.items()
    ]


def _user(*memberships: tuple[int, Role], **states: State) -> Actor:
    grants = expand_grants(memberships, _tree(**states))
    return Actor(ActorKind.USER, 77, "ana@example.org", grants)


def test_a_role_holds_in_its_account_and_below_it_and_nowhere_else():
    actor = _user((SUB, Role.SENDER))
    assert actor.may(Permission.MAIL_SEND, SUB)
    assert actor.may(Permission.MAIL_SEND, BELOW)
    assert not actor.sees(MAIN)
    assert not actor.sees(OTHER)
    assert actor.accounts(Permission.MAIL_SEND) == {SUB, BELOW}
    assert actor.accounts(Permission.USER_MANAGE) == frozenset()


def test_roles_add_up():
    actor = _user((MAIN, Role.VIEWER), (BELOW, Role.INTEGRATOR))
    assert actor.grants[MAIN] == PERMISSIONS[Role.VIEWER]
    assert actor.grants[BELOW] == PERMISSIONS[Role.VIEWER] | PERMISSIONS[Role.INTEGRATOR]


def test_what_is_not_visible_is_told_as_if_it_did_not_exist():
    actor = _user((SUB, Role.VIEWER))
    actor.require(Permission.ACCOUNT_VIEW, SUB)
    with pytest.raises(NotPermitted):
        actor.require(Permission.MAIL_SEND, SUB)
    for account in (MAIN, OTHER, 12345):
        with pytest.raises(NotVisible):
            actor.require(Permission.ACCOUNT_VIEW, account)


def test_T_c_a_viewer_and_an_editor_cannot_send():
    for role in (Role.VIEWER, Role.EDITOR, Role.AUDITOR, Role.INTEGRATOR):
        assert not PERMISSIONS[role] & {Permission.CAMPAIGN_SEND, Permission.MAIL_SEND}
    assert Permission.CAMPAIGN_EDIT in PERMISSIONS[Role.EDITOR]
    assert Permission.CAMPAIGN_EDIT not in PERMISSIONS[Role.VIEWER]


def test_nothing_is_sent_from_a_disabled_account_and_its_own_people_are_out():
    states = {"sub": State.DISABLED}
    above = _user((MAIN, Role.OWNER), **states)
    assert above.may(Permission.ACCOUNT_MANAGE, BELOW)
    assert not above.may(Permission.CAMPAIGN_SEND, BELOW)
    assert above.may(Permission.CAMPAIGN_SEND, MAIN)
    assert not _user((SUB, Role.OWNER), (BELOW, Role.OWNER), **states).grants


def test_commands_and_the_system_may_do_everything():
    for actor in (Actor.command(), Actor.system("housekeeping")):
        actor.require(Permission.PRIVACY_MANAGE, OTHER)
        assert actor.accounts(Permission.ACCOUNT_VIEW) is None
        assert actor.is_operator
    assert not _user((MAIN, Role.OWNER)).is_operator


def test_every_permission_is_explained_and_the_owner_has_it():
    assert set(MEANINGS) == set(Permission) == PERMISSIONS[Role.OWNER]
    assert set(PERMISSIONS) == set(Role)


def test_scopes_give_the_permissions_of_their_names_only():
    assert permissions_of_scopes([Scope.SEND]) == {Permission.MAIL_SEND}
    assert not permissions_of_scopes([Scope.ANY_SENDER, Scope.SEND_URGENT, Scope.NULL_SENDER])
