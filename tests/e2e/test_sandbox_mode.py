"""`mode = "sandbox"`: the built-in simulator takes the Internet's place."""

from tests.e2e import clients
from tests.e2e.ground import free_port, until
from tests.e2e.server import RelevoServer


def test_sandbox_mail_goes_to_the_simulator_inside_tls(ground) -> None:
    simulator = f"127.0.0.1:{free_port()}"
    modes = {"DELIVERY__MODE": "sandbox", "SANDBOX__LISTEN": simulator}
    recipient = "ok@nowhere.invalid"
    with RelevoServer(ground, name="simulated", **modes) as server:
        server.start()
        with clients.connect(server) as client:
            message = clients.hand_in(client, clients.message("hello", recipient), recipient)
        until(lambda: server.states(message) == ["delivered"], "the simulator has it")
        *_, delivered = server.cli("queue", "show", message)["history"]
        server.stop()
        assert server.errors() == []
    assert delivered["type"] == "message.delivered"
    assert delivered["data"]["tls"].startswith("TLSv1."), delivered
    assert "kept by the sandbox" in delivered["data"]["reply"]
