"""The bag with the real program: commands beside the running server, mail over port 587."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.e2e import clients
from tests.e2e.conftest import SANDBOX_DOMAIN
from tests.e2e.ground import until
from tests.e2e.server import SENDER_DOMAIN, RelevoServer

SENDER = f"app@{SENDER_DOMAIN}"


@pytest.fixture(scope="module")
def server(ground, sandbox) -> Iterator[RelevoServer]:
    """A relay of its own, with a contract that began yesterday."""
    with RelevoServer(ground, name="quota") as made:
        made.start()
        made.add_bag(5)
        yield made
        made.stop()


def available(server: RelevoServer) -> int:
    """What the main account can still send."""
    return int(server.cli("contract", "show", "Bolsa")["available"])


def test_T_o_mail_is_taken_out_of_the_bag_and_given_back_when_it_was_never_tried(server) -> None:
    to = f"ok@{SANDBOX_DOMAIN}"
    with clients.connect(server) as client:
        first = clients.hand_in(client, clients.message("uno", to), to)
        later = (datetime.now(UTC) + timedelta(days=3)).strftime("%Y-%m-%dT%H:%M:%SZ")
        content = f"X-Relevo-Send-At: {later}\r\n".encode() + clients.message("dos", to)
        second = clients.hand_in(client, content, to)
    server.wait_states(first, "delivered")
    assert available(server) == 3
    assert server.cli("queue", "cancel", second) == {"changed": 1}
    until(lambda: available(server) == 4, "what was never tried is given back")
    kinds = [e["kind"] for e in server.cli("quota", "ledger")]
    assert kinds == ["release", "consume", "consume", "grant"]


def test_T_o_an_empty_bag_is_told_at_rcpt(server) -> None:
    people = [f"p{n}@{SANDBOX_DOMAIN}" for n in range(5)]
    with clients.connect(server) as client:
        client.ehlo()
        client.mail(SENDER)
        answers = [client.rcpt(address) for address in people]
        client.rset()
    assert [code for code, _ in answers] == [250] * 4 + [552]
    assert answers[-1][1].startswith(b"5.2.2 ")


def test_T_c_a_sub_user_made_beside_the_running_server_has_its_share(server) -> None:
    made = server.cli("account", "add", "Prensa", "--parent", _main(server), "--quota", "1")
    shares = {s["account"]: s for s in server.cli("quota", "show")}
    assert (shares[made["id"]]["share"], shares[made["id"]]["available"]) == ("allocated", 1)
    assert shares[_main(server)]["available"] == 3
    assert server.command("account", "disable", made["id"]).returncode == 0
    assert available(server) == 4
    shares = {s["account"]: s for s in server.cli("quota", "show")}
    assert shares[made["id"]]["granted"] == 0


def test_the_books_are_found_right_by_verify(server) -> None:
    told = server.cli("verify")
    assert told["sound"], told["findings"]
    assert "quota" in [chain["name"] for chain in told["chains"]]


def _main(server: RelevoServer) -> str:
    return str(next(a for a in server.cli("account", "list") if a["parent"] is None)["id"])
