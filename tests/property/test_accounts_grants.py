"""Over any tree of accounts and any roles in it: grants flow down, never up nor sideways."""

from hypothesis import given
from hypothesis import strategies as st

from console.accounts.actor import expand_grants
from console.accounts.permissions import PERMISSIONS, SENDING
from console.accounts.tree import by_id, is_active, line_of, with_all_below
from console.accounts.values import Account, AccountKind, Role, State


@st.composite
def _trees(draw) -> list[Account]:
    """Accounts 1 to n; the parent of each has a lower number, or it has none."""
    accounts = []
    for number in range(1, draw(st.integers(1, 12)) + 1):
        parent = draw(st.none() | st.integers(1, number - 1)) if number > 1 else None
        state = draw(st.sampled_from([State.ACTIVE] * 4 + [State.DISABLED, State.CLOSED]))
        accounts.append(Account(number, parent, f"a{number}", AccountKind.NORMAL, state, 0))
    return accounts


_MEMBERSHIPS = st.lists(st.tuples(st.integers(1, 12), st.sampled_from(Role)), max_size=6)


@given(_trees(), _MEMBERSHIPS)
def test_a_permission_comes_from_a_role_in_the_line_above_and_from_nowhere_else(tree, memberships):
    known = by_id(tree)
    grants = expand_grants(memberships, tree)
    for account in tree:
        line = line_of(account, known)
        expected = frozenset().union(
            *(
                PERMISSIONS[role]
                for number, role in memberships
                if number in known and known[number] in line and is_active(known[number], known)
            )
        )
        if not is_active(account, known):
            expected -= SENDING
        assert grants.get(account.id, frozenset()) == expected


@given(_trees(), _MEMBERSHIPS)
def test_what_holds_above_holds_below_except_sending_where_it_is_disabled(tree, memberships):
    grants = expand_grants(memberships, tree)
    for account in tree:
        if account.parent is not None:
            above = grants.get(account.parent, frozenset())
            assert above - SENDING <= grants.get(account.id, frozenset())


@given(_trees(), _MEMBERSHIPS, st.tuples(st.integers(1, 12), st.sampled_from(Role)))
def test_one_more_role_takes_nothing_away(tree, memberships, more):
    before = expand_grants(memberships, tree)
    after = expand_grants([*memberships, more], tree)
    for account, permissions in before.items():
        assert permissions <= after[account]


@given(_trees(), st.integers(1, 12))
def test_main_accounts_know_nothing_of_each_other(tree, number):
    known = by_id(tree)
    if number not in known:
        return
    own = {account.id for account in with_all_below(line_of(known[number], known)[-1], tree)}
    assert set(expand_grants([(number, Role.OWNER)], tree)) <= own


@given(_trees())
def test_what_is_below_is_told_once_and_parents_first(tree):
    known = by_id(tree)
    for account in tree:
        below = with_all_below(account, tree)
        assert len({member.id for member in below}) == len(below)
        assert {m.id for m in below} == {a.id for a in tree if account in line_of(a, known)}
        for position, member in enumerate(below[1:], 1):
            assert known[member.parent] in below[:position]
