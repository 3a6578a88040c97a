"""Alerts on a whole relay: through its own queue, through another relay, and to a webhook."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web
from prometheus_client import CollectorRegistry

from mta.engine.alerts import conditions
from mta.engine.alerts.book import Condition
from mta.engine.alerts.conditions import CertificateEnds, NothingLeaves
from mta.events.metrics import Metrics
from mta.model.clock import ManualClock, SystemClock
from mta.sandbox.simulator import Simulator
from tests.e2e.server import RELEVO
from tests.integration.listener_stand import write_certificate
from tests.integration.relay import Relay
from tests.integration.relay_network import Network

GUARD = "guardia@ops.test"
DAY_S = 86_400
NOW = Condition("test", hold_s=0.0)
BREAKS = Condition("test", hold_s=0.0, breaks_mail=True)


class Hook:
    """A webhook that keeps what it gets."""

    def __init__(self) -> None:
        self.got: list[dict[str, str]] = []
        self.status = 200
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        self.got.append(await request.json())
        return web.Response(status=self.status, headers={"Location": "http://127.0.0.1:9/"})


@asynccontextmanager
async def hooked() -> AsyncIterator[Hook]:
    hook = Hook()
    app = web.Application()
    app.router.add_post("/hook", hook.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    hook.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    try:
        yield hook
    finally:
        await runner.cleanup()


async def test_an_alert_goes_through_relevo_and_to_the_webhook(tmp_path: Path) -> None:
    async with hooked() as hook, Network() as network:
        settings = {"ALERTS__MAIL": f'["{GUARD}"]', "ALERTS__WEBHOOK": hook.url}
        async with Relay(tmp_path, network, **settings) as relay:
            relay.expected_errors = ("alert",)
            mx = await network.receiver(2)
            network.domain("ops.test", mx)
            relay.engine.alerts.watch(NOW, lambda: "the roof leaks")
            relay.accepted += 1
            await relay.engine.alerts.look()
            await relay.until(lambda: mx.received)
            (mail,) = mx.received
            assert "Subject: [Relevo] Alerta: test (" in mail.content.decode()
            assert "the roof leaks" in mail.content.decode()
            assert "Auto-Submitted: auto-generated" in mail.content.decode()
            ((state, text),) = [(got["state"], got["text"]) for got in hook.got]
            assert (state, text) == ("raised", "the roof leaks")
            await relay.engine.alerts.look()  # told once
            assert len(hook.got) == 1


async def test_mail_that_does_not_arrive_goes_through_the_other_relay(tmp_path: Path) -> None:
    async with Network() as network, Simulator() as other:
        host, port = other.addresses[0]
        settings = {"ALERTS__MAIL": f'["{GUARD}"]', "ALERTS__SMARTHOST": f"{host}:{port}"}
        async with Relay(tmp_path, network, **settings) as relay:
            relay.audits = False  # the mail to ops.test is still queued in the end
            network.domain("ops.test", network.dead(3))
            relay.engine.alerts.watch(NOW, lambda: "the roof leaks")
            await relay.engine.alerts.look()
            assert len(other.inbox) == 0
            assert relay.engine.alerts.pending == ["arrival"]
            relay.clock.advance(301)
            await relay.engine.alerts.look()
            (mail,) = other.inbox.list(limit=10)
            assert mail.rcpt_to == (GUARD,)
            assert relay.engine.alerts.pending == []


async def test_what_keeps_mail_from_leaving_is_told_the_other_way_at_once(tmp_path: Path) -> None:
    async with Network() as network, Simulator() as other:
        host, port = other.addresses[0]
        settings = {"ALERTS__MAIL": f'["{GUARD}"]', "ALERTS__SMARTHOST": f"{host}:{port}"}
        async with Relay(tmp_path, network, **settings) as relay:
            relay.audits = False
            network.domain("ops.test", network.dead(3))
            relay.engine.alerts.watch(BREAKS, lambda: "the queue stands")
            await relay.engine.alerts.look()
            assert [mail.rcpt_to for mail in other.inbox.list(limit=10)] == [(GUARD,)]


async def test_a_webhook_that_fails_is_tried_again_and_redirects_are_not_followed(
    tmp_path: Path,
) -> None:
    async with hooked() as hook, Network() as network:
        async with Relay(tmp_path, network, ALERTS__WEBHOOK=hook.url) as relay:
            relay.audits = False
            hook.status = 302
            relay.engine.alerts.watch(NOW, lambda: "the roof leaks")
            await relay.engine.alerts.look()
            assert (len(hook.got), relay.engine.alerts.pending) == (1, ["webhook"])
            hook.status = 200
            relay.clock.advance(61)
            await relay.engine.alerts.look()
            assert (len(hook.got), relay.engine.alerts.pending) == (2, [])


async def test_the_command_tells_without_a_server(tmp_path: Path) -> None:
    async with hooked() as hook, Simulator() as other:
        host, port = other.addresses[0]
        config = tmp_path / "relevo.toml"
        config.write_text(
            f'[alerts]\nmail = ["{GUARD}"]\nsmarthost = "{host}:{port}"\nwebhook = "{hook.url}"\n'
        )
        command = [RELEVO, "alert", "--config", config, "--json", "--name", "service", "it is down"]
        done = await asyncio.to_thread(
            subprocess.run, command, check=True, capture_output=True, timeout=60
        )
        assert json.loads(done.stdout) == {"sent": ["webhook", "smarthost"], "failed": {}}
        assert [got["name"] for got in hook.got] == ["service"]
        (mail,) = other.inbox.list(limit=10)
        assert b"it is down" in mail.raw


def test_the_command_says_that_no_way_is_set(tmp_path: Path) -> None:
    (tmp_path / "relevo.toml").write_text("")
    command = [RELEVO, "alert", "--config", tmp_path / "relevo.toml", "x"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith("relevo: [alerts]: neither webhook, nor smarthost")


def test_nothing_leaves_only_when_attempts_fail_and_none_succeeds() -> None:
    clock = ManualClock()
    figures = {"delivered_total": 5.0, "deferred_total": 0.0}

    class Counters:
        past_deadline = 0.0

        def __getattr__(self, name: str) -> float:
            return figures[name]

    ask = NothingLeaves(Counters(), clock)  # type: ignore[arg-type]
    assert ask() == ""
    figures["deferred_total"] = 19.0
    assert ask() == ""
    figures["deferred_total"] = 20.0
    assert ask() == "no mail gets out: 20 attempts failed in ten minutes, none succeeded"
    figures["delivered_total"] = 6.0
    assert ask() == ""
    clock.advance(conditions.WINDOW_S + 1)
    assert ask() == ""  # what was before counts no more


def test_a_certificate_that_ends_is_told_in_time(tmp_path: Path) -> None:
    certificate, _ = write_certificate(tmp_path)  # for 30 days
    clock = ManualClock(SystemClock().now_ms())
    ask = CertificateEnds("console", certificate, clock)
    assert ask() == ""
    clock.advance(17 * DAY_S)
    assert ask().startswith(f"console certificate {certificate} ends in 12 days (")
    assert "refuse" not in ask()
    clock.advance(11 * DAY_S)
    assert "ends in 1 days" in ask()
    assert ask().endswith("clients will refuse it soon")
    clock.advance(3 * DAY_S)
    assert "has expired" in ask()


def test_a_certificate_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "broken.pem").write_text("no certificate")
    clock = ManualClock()
    assert "cannot be read" in CertificateEnds("x", tmp_path / "broken.pem", clock)()
    assert "cannot be read" in CertificateEnds("x", tmp_path / "missing.pem", clock)()


def test_a_follower_that_stands_is_told_with_how_far_it_is_behind() -> None:
    metrics = Metrics(CollectorRegistry())
    ask = conditions.followers_stand(metrics)
    metrics.set_follower_lag("quota", 0)
    assert ask() == ""
    metrics.set_follower_lag("quota", 12)
    assert ask() == "followers of the events are behind: quota by 12 events"
