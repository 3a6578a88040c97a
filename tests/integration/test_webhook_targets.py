"""SSRF: a webhook reaches public addresses only, whatever its URL or the DNS says."""

import socket

import pytest

from console.webhooks.targets import TargetPolicy, VettedResolver
from mta.dns.reachable import AddressPolicy
from mta.model.errors import PermanentError
from tests.webhook_world import OPERATOR, open_webhooks, receiver

REFUSED_AT_ONCE = (
    "https://127.0.0.1/x",
    "https://[::1]/x",
    "https://0.0.0.0/x",
    "https://169.254.169.254/latest/meta-data",
    "https://10.1.2.3/x",
    "https://172.16.0.1/x",
    "https://192.168.1.1/x",
    "https://100.64.0.1/x",
    "https://[::ffff:127.0.0.1]/x",
    "https://[::ffff:7f00:1]/x",
    "https://[fe80::1]/x",
    "https://[fd00::1]/x",
    "https://[64:ff9b::7f00:1]/x",
    "https://[64:ff9b:1::7f00:1]/x",
    "https://[::ffff:0:7f00:1]/x",
    "https://[::7f00:1]/x",
    "https://[fec0::1]/x",
    "https://[2002:7f00:1::]/x",
    "https://224.0.0.1/x",
    "http://hooks.example.com/x",
    "file:///etc/passwd",
    "gopher://hooks.example.com/x",
    "https://user:word@hooks.example.com/x",
    "https:///x",
    "https://hooks.example.com:99999/x",
    "https://hooks.example.com/a b",
)
REFUSED_WHEN_RESOLVED = (
    "https://localhost/x",
    "https://2130706433/x",
    "https://0x7f.1/x",
    "https://0177.0.0.1/x",
    "https://127.1/x",
    "https://127。0。0。1/x",
    "https://①②⑦.0.0.1/x",
)


class Rebinding(VettedResolver):
    """A name server that answers something public first, then loopback."""

    def __init__(self, policy: TargetPolicy, *answers: str) -> None:
        super().__init__(policy)
        self.answers = list(answers)

    async def _ask(self, host, port, family):
        address = self.answers.pop(0)
        kind = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [(kind, socket.SOCK_STREAM, 6, "", (address, port))]


def policy(*, allow_private: bool = False) -> TargetPolicy:
    return TargetPolicy(AddressPolicy(allow_private=allow_private), allow_private=allow_private)


@pytest.mark.parametrize("url", REFUSED_AT_ONCE)
async def test_an_endpoint_at_such_a_url_cannot_be_made(tmp_path, url):
    async with open_webhooks(tmp_path, allow_private=False) as world:
        with pytest.raises(PermanentError):
            await world.service.add(OPERATOR, world.account, url)


@pytest.mark.parametrize("url", REFUSED_WHEN_RESOLVED)
async def test_names_that_lead_inside_are_refused_when_they_are_called(tmp_path, url):
    async with open_webhooks(tmp_path, allow_private=False) as world:
        try:
            hook = (await world.service.add(OPERATOR, world.account, url)).webhook
        except PermanentError:
            return
        answer = await world.service.test(OPERATOR, hook.id)
        assert answer.status == 0
        assert "is not a " in answer.text  # public address, canonical address


async def test_a_name_that_is_rebound_is_never_connected_to(tmp_path):
    async with receiver() as inside:
        port = inside.url.rsplit(":", 1)[1].split("/")[0]
        vetted = policy()
        resolver = Rebinding(vetted, "127.0.0.1", "::ffff:127.0.0.1")
        async with open_webhooks(tmp_path, allow_private=False, resolver=resolver) as world:
            url = f"https://hooks.example.com:{port}/x"
            hook = (await world.service.add(OPERATOR, world.account, url)).webhook
            for _ in range(2):
                answer = await world.service.test(OPERATOR, hook.id)
                assert answer.text.endswith("is not a public address")
        assert inside.got == []


async def test_the_address_that_was_looked_at_is_the_one_connected_to(tmp_path):
    """The name is asked once for a POST: a second, different answer cannot come in between."""
    async with receiver() as sink:
        port = sink.url.rsplit(":", 1)[1].split("/")[0]
        resolver = Rebinding(policy(allow_private=True), "127.0.0.1")
        async with open_webhooks(tmp_path, resolver=resolver) as world:
            url = f"http://hooks.example.com:{port}/x"
            hook = (await world.service.add(OPERATOR, world.account, url)).webhook
            assert (await world.service.test(OPERATOR, hook.id)).is_taken
            assert resolver.answers == []
        assert sink.got[0][0]["Host"] == f"hooks.example.com:{port}"


async def test_one_private_address_among_public_ones_is_enough_to_refuse():
    class Mixed(VettedResolver):
        async def _ask(self, host, port, family):
            return [
                (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
                for address in ("93.184.215.14", "10.0.0.1")
            ]

    with pytest.raises(OSError, match=r"10\.0\.0\.1"):
        await Mixed(policy()).resolve("hooks.example.com", 443)
