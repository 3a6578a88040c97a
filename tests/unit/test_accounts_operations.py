"""Operations refuse arguments that do not fit, whoever sends them."""

import pytest

from console.accounts.operations import operations
from mta.model.errors import PermanentError
from tests.accounts_world import OPERATOR, open_world


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("account.add", {}),
        ("account.add", {"name": 5}),
        ("account.add", {"name": "x", "parent": "nobody"}),
        ("account.disable", {"account": "nobody"}),
        ("user.add", {"email": "ana@example.org", "role": "boss"}),
        ("user.add", {"email": "not an address", "role": "owner"}),
        ("user.add", {"email": "ana@example.org", "role": "owner", "account": "nobody"}),
        ("user.list", {"account": "nobody"}),
        ("credential.add", {}),
        ("credential.add", {"name": "x", "rate_per_minute": -1}),
        ("credential.add", {"name": "x", "rate_per_minute": "many"}),
        ("credential.add", {"name": "x", "expires_ms": 2**63}),
        ("credential.add", {"name": "x", "class": "express"}),
        ("credential.add", {"name": "x", "networks": ["here"]}),
        ("credential.add", {"name": "x", "scopes": ["everything"]}),
        ("credential.revoke", {}),
        ("credential.rotate", {"credential": "nobody"}),
    ],
)
async def test_arguments_that_do_not_fit_are_refused_and_change_nothing(tmp_path, name, arguments):
    async with open_world(tmp_path) as world:
        await world.accounts.add(OPERATOR, "Agencia")
        jobs = world.store.stats().jobs
        with pytest.raises(PermanentError):
            await operations()[name](world, arguments)
        assert world.store.stats().jobs == jobs
