"""Account operations over the control socket: as if they were called here."""

from functools import partial

import pytest

from console.accounts.operations import operations
from mta.engine.control import SOCKET_NAME, ControlClient, ControlServer
from mta.model.errors import PermanentError
from tests.accounts_world import open_world


async def test_operations_give_the_same_over_the_socket_and_take_effect_in_the_server(tmp_path):
    async with open_world(tmp_path) as world:
        handlers = {name: partial(operation, world) for name, operation in operations().items()}
        server = ControlServer(tmp_path / SOCKET_NAME, handlers)
        await server.start()
        client = ControlClient(tmp_path / SOCKET_NAME)
        account = await client.call("account.add", {"name": "Agencia"})
        made = await client.call("credential.add", {"name": "ERP", "account": account["id"]})
        for name in ("account.list", "credential.list", "user.list"):
            assert await client.call(name, {}) == await handlers[name]({})
        identity = world.authenticator.check_password(made["username"], made["password"], "::1")
        assert str(identity.account_id) == account["id"]
        await client.call("credential.revoke", {"credential": made["id"]})
        assert not world.authenticator.is_still_valid(identity)
        with pytest.raises(PermanentError) as over_the_socket:
            await client.call("account.add", {"name": "Agencia"})
        with pytest.raises(PermanentError) as here:
            await handlers["account.add"]({"name": "Agencia"})
        assert str(over_the_socket.value) == str(here.value)
        await server.close()
