"""Mail over MX from the door to the recipient's server, through the whole relay."""

from tests.integration.relay import Network, Relay


async def test_mail_goes_to_the_mx_hosts_of_each_domain(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        one, two = await network.receiver(2), await network.receiver(3)
        network.domain("one.test", one)
        network.domain("two.test", two)
        await relay.send("ana@one.test")
        await relay.send("ben@two.test", "cyd@one.test")
        await relay.until_states(delivered=3)
        assert sorted(one.recipients) == ["ana@one.test", "cyd@one.test"]
        assert two.recipients == ["ben@two.test"]
