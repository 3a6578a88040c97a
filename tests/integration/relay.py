"""A whole relay in the test's own loop: a real `Engine` between a client and real receiving servers.

    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await network.receiver(2)                 # listens on 127.0.0.2, is mx2.test
        network.domain("example.test", mx)             # MX record
        await relay.send("ana@example.test")           # over port 587
        await relay.until(lambda: mx.received)

Nothing waits by sleeping: `until` looks again whenever the store has committed or a receiver has
taken a message, and fails loudly at its deadline. On the way out the relay must be quiet and its
books must balance (`relay_audit`). The store, the clock and the receivers can be steered.
"""

import asyncio
import json
import logging
import os
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from email.message import EmailMessage
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiosmtplib
import structlog

import mta.engine.engine as engine_module
import mta.engine.foundation as foundation_module
from mta.engine.dispatch_view import DispatchView
from mta.engine.engine import Engine, Ports
from mta.engine.foundation import Foundation
from mta.engine.operations import QueueOperations
from mta.events.log_config import configure_logging
from mta.intake.ports import AllowAll, SubmissionPolicy
from mta.model.address import parse_address
from mta.model.envelope import Envelope, Identity, Origin, Recipient, Submission
from mta.model.rendering import ContentRenderer
from mta.model.traffic import DeliveryState, TrafficClass
from mta.settings.loading import load_settings
from mta.store.sqlite import SqliteStore
from tests.integration.relay_audit import audit, describe
from tests.integration.relay_network import MemoryAuthenticator, Network
from tests.integration.relay_store import SteeredClock, WatchedStore

DEADLINE_S = 20.0  # of a test's own waiting
CALM = """\
[default]
connections_start = 4
connections_max = 10
messages_per_connection = 100
idle_timeout = "60s"
[routes]
connections_start = 4
connections_max = 10
"""


class Relay:
    """One engine on one data directory; entering it a second time is a restart."""

    def __init__(
        self, directory: Path, network: Network, *, shaping: str = CALM, **environ: str
    ) -> None:
        """`environ`: settings as `QUEUE__RETRY="1s"`, without the prefix."""
        self.directory = directory
        self.network = network
        self.pulse = network.pulse
        self.clock = SteeredClock()
        self.accepted = 0  # recipients for whom 250 was said, over all starts
        self.audits = True
        self.expected_errors: tuple[str, ...] = ()  # words of log entries that are no surprise
        self.renderer: ContentRenderer | None = None
        self.packages: tuple[str, ...] = ()  # above the mail half
        self.policy: Callable[[Foundation], SubmissionPolicy] = lambda _: AllowAll()
        self._shaping = shaping
        self._environ = environ
        self._client: aiosmtplib.SMTP | None = None
        directory.mkdir(exist_ok=True)

    # -- life ----------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        (self.directory / "relevo.toml").write_text("")
        (self.directory / "shaping.toml").write_text(self._shaping)
        loaded = load_settings(self.directory / "relevo.toml", self._variables())
        self._switch_interval_s = sys.getswitchinterval()
        self._log_file = os.open(self.directory / "log", os.O_RDWR | os.O_CREAT | os.O_APPEND)
        self._log = configure_logging(loaded.settings.log, fd=self._log_file)
        self._classes = (foundation_module.SqliteStore, engine_module.SystemClock)
        foundation_module.SqliteStore = self  # type: ignore[assignment]  # `open` is all it is asked
        engine_module.SystemClock = lambda: self.clock  # type: ignore[assignment]
        self.engine = Engine(
            loaded,
            Ports(
                self.packages, self._authenticator, renderer=self.renderer, policy=self.policy
            ),
            self._log,
        )  # fmt: skip
        started = asyncio.Event()
        self.task = asyncio.create_task(self.engine.run(started.set))
        waiting = asyncio.create_task(started.wait())
        async with asyncio.timeout(DEADLINE_S):
            await asyncio.wait((self.task, waiting), return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if self.task.done():
            self._restore()
            self.task.result()
        return self

    async def open(self, *arguments: Any, **named: Any) -> WatchedStore:
        """`SqliteStore.open`, as the engine calls it."""
        store = await SqliteStore.open(*arguments, **named)
        self.store = WatchedStore(store, self.pulse)
        return self.store

    async def _authenticator(self, foundation: Foundation) -> MemoryAuthenticator:
        """What the console does at this point: operators' holds are known before mail goes."""
        operations = QueueOperations(
            store=self.store,
            clock=self.clock,
            flows=foundation.flows,
            sites=foundation.sites,
            port=DispatchView(self.dispatcher, self.clock),
        )
        await operations.restore_holds()
        self.queue = operations.operations
        return MemoryAuthenticator()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.task.done():
            return
        if error is None and self.audits:
            await self.quiet()
            await self.audit()
        await self.stop()
        if error is None and self.audits:
            assert not self.errors(), self.errors()
            assert not self.states()["claimed"], "claimed rows after a graceful stop"

    async def stop(self) -> None:
        """The graceful stop."""
        if self._client is not None:
            self._client.close()
            self._client = None
        self.engine.stop()
        try:
            async with asyncio.timeout(2 * DEADLINE_S):
                await self.task
        finally:
            self._restore()

    async def kill(self) -> None:
        """End as by SIGKILL: what is in memory is gone, what is on disk stays."""
        self.store.is_dead = True
        self.engine.listener.stop_accepting()
        await self.engine.listener.close(0)
        self.dispatcher.lanes.is_stopping = True
        for lane in self.lanes():
            lane._is_stopping = True
            lane.abort()
        self.task.cancel()
        with suppress(asyncio.CancelledError, BaseExceptionGroup):
            await self.task
        self._restore()

    def _restore(self) -> None:
        if self._log_file < 0:
            return
        foundation_module.SqliteStore, engine_module.SystemClock = self._classes  # type: ignore[misc]
        self._log.close()
        structlog.reset_defaults()
        logging.captureWarnings(capture=False)
        logging.getLogger().setLevel(logging.WARNING)
        os.close(self._log_file)
        self._log_file = -1
        sys.setswitchinterval(self._switch_interval_s)

    def _variables(self) -> Mapping[str, str]:
        values = {
            "SERVER__DATA_DIR": str(self.directory / "queue"),
            "SERVER__DKIM_DIR": str(self.directory / "keys"),
            "SERVER__HOSTNAME": "relay.test",
            "SUBMISSION__LISTEN": "127.0.0.1:0",
            "SUBMISSION__ALLOW_PLAINTEXT_AUTH": "true",
            "DELIVERY__NAMESERVERS": self.network.dns.address,
            "DELIVERY__PORT": str(self.network.port),
            "DELIVERY__ALLOW_PRIVATE_ADDRESSES": "true",
            "LOG__FORMAT": "json",
            "STORE__MIN_FREE_PERCENT": "0",
            "STORE__MIN_FREE_INODES_PERCENT": "0",
            **self._environ,
        }
        return {f"RELEVO_{key}": value for key, value in values.items()}

    # -- parts ---------------------------------------------------------------------------------

    @property
    def dispatcher(self) -> Any:
        return self.engine.delivery.dispatcher

    @property
    def board(self) -> Any:
        return self.dispatcher.board

    def lanes(self) -> list[Any]:
        return self.dispatcher.lanes.all()

    # -- handing mail in -----------------------------------------------------------------------

    async def client(self) -> aiosmtplib.SMTP:
        """A client that has logged in."""
        if self._client is None or not self._client.is_connected:
            port = self.engine.listener.addresses[0][1]
            self._client = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False)
            await self._client.connect()
            await self._client.login("app", "secret")
        return self._client

    async def send(
        self,
        *recipients: str,
        sender: str = "app@sender.test",
        body: str = "hello\n",
        mail: Sequence[str] = (),
        rcpt: Sequence[str] = (),
        **headers: str,
    ) -> int:
        """One message over SMTP; its id. Headers as `X_Relevo_Class="urgent"`."""
        message = EmailMessage()
        message["From"], message["To"] = sender or "daemon@sender.test", recipients[0]
        message["Subject"] = "test"
        for name, value in headers.items():
            message[name.replace("_", "-")] = value
        message.set_content(body)
        client = await self.client()
        _, text = await client.sendmail(
            sender, list(recipients), message.as_bytes(), mail_options=mail, rcpt_options=rcpt
        )
        self.accepted += len(recipients)
        return int(text.split()[1])

    async def submit(self, *recipients: str, **options: Any) -> int:
        """One message straight through the door: its id once it is durable."""
        return await self.hand_in(*recipients, **options)

    def hand_in(
        self,
        *recipients: str,
        sender: str = "app@sender.test",
        klass: TrafficClass = TrafficClass.TRANSACTIONAL,
        campaign: str = "",
        account: int = 7,
        body: str = "x\r\n",
        protocol: str = "HTTP",
    ) -> "asyncio.Task[int]":
        """Begin to submit; give the task of it."""
        head = f"From: {sender}\r\nSubject: t\r\nX-Relevo-Class: {klass.label}\r\n"
        if campaign:
            head += f"X-Relevo-Campaign: {campaign}\r\n"
        identity = Identity(
            account, 1, "app", any_sender=True, may_send_urgent=True, may_use_null_sender=True
        )
        submission = Submission(
            identity,
            Envelope(
                parse_address(sender) if sender else None,
                tuple(Recipient(parse_address(r)) for r in recipients),
            ),
            f"{head}\r\n{body}".encode(),
            Origin(protocol, "127.0.0.1"),
        )
        answer = self.engine.intake.submit(submission)

        async def receipt() -> int:
            got = await answer
            assert got.reply.code == 250, got.reply
            self.accepted += len(recipients)
            return got.message_id

        return asyncio.ensure_future(receipt())

    def queue_everything(self) -> None:
        """From now on no mail goes straight to a free connection: each is claimed for itself."""
        self.dispatcher.ahead.take = lambda _deliveries: None  # type: ignore[method-assign]

    # -- waiting -------------------------------------------------------------------------------

    async def until(
        self, condition: Callable[[], Any], what: str = "", *, deadline_s: float = DEADLINE_S
    ) -> Any:
        """Wait until the condition holds; give what it gave."""
        end_s = asyncio.get_running_loop().time() + deadline_s
        while not (value := condition()):
            if self.task.done() and not self.engine.stopping.is_set():
                self.task.result()
            if asyncio.get_running_loop().time() > end_s:
                raise AssertionError(f"never: {what or condition}\n{describe(self)}")
            await self.pulse.next()
        return value

    async def until_states(self, **wanted: int) -> None:
        """Wait until exactly so many deliveries are in these states, and none in others."""
        await self.until(lambda: self.states() == Counter(wanted), f"states {wanted}")

    async def quiet(self) -> None:
        """Wait until nothing is under way: all that is left waits for its time or for limits."""
        await self.until(self._is_quiet, "quiet")

    def _is_quiet(self) -> bool:
        dispatcher = self.dispatcher
        return (
            not dispatcher.sending.is_busy
            and dispatcher.settlement.is_idle
            and not self.store.stats().waiting
            and not self.store.gated
            and not any(lane.opening for lane in self.lanes())
            and not dispatcher.arrivals.refiller._waiting
            and not any(
                t.is_refilling for s in self.board.sites.values() for t in s.streams.values()
            )
            and not dispatcher.domains._waiting
        )

    async def audit(self) -> None:
        """Balance the books; what was read ahead a moment too early may take a moment to go."""
        patience_s = asyncio.get_running_loop().time() + 2.0
        while True:
            try:
                audit(self)
                return
            except AssertionError:
                if asyncio.get_running_loop().time() > patience_s:
                    raise
            await self.pulse.next()
            await self.quiet()

    def advance(self, seconds: float) -> None:
        """Move the clocks on, and let due mail go."""
        self.clock.advance(seconds)
        self.dispatcher.timekeeper.note_due(0)
        self.dispatcher.flow_clock._event.set()
        for site_id in self.board.sites:
            self.dispatcher.lanes.kick(site_id)

    async def ask(self, name: str, **arguments: object) -> Any:
        """An operator's command, as the control channel runs it."""
        return await self.queue[name](arguments)

    # -- looking -------------------------------------------------------------------------------

    def sql(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Read the database from outside."""
        path = self.directory / "queue" / "relevo.db"
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            return connection.execute(statement, parameters).fetchall()
        finally:
            connection.close()

    def states(self) -> Counter[str]:
        """Deliveries by state, as on disk."""
        rows = self.sql("SELECT state, count(*) FROM delivery GROUP BY state")
        return Counter({DeliveryState(state).label: n for state, n in rows})

    def row(self, address: str) -> dict[str, Any]:
        """The delivery to an address."""
        names = (
            "id", "message", "flow", "site", "state", "due_ms", "attempts", "first_attempt_ms",
            "expires_ms", "flags", "last_reply", "last_host", "domain",
        )  # fmt: skip
        ((*values,),) = self.sql(
            f"SELECT {', '.join(names)} FROM delivery WHERE address = ?", address
        )
        found = dict(zip(names, values, strict=True))
        found["state"] = DeliveryState(found["state"]).label
        return found

    def events(self, address: str) -> list[dict[str, Any]]:
        """The data of what happened to the delivery to an address, in order."""
        rows = self.sql("SELECT data FROM event WHERE delivery = ?", self.row(address)["id"])
        return [json.loads(data) for (data,) in rows]

    def log(self) -> list[dict[str, Any]]:
        """What was logged so far."""
        text = (self.directory / "log").read_text()
        return [json.loads(line) for line in text.splitlines() if line]

    def errors(self) -> list[dict[str, Any]]:
        """Log entries that no test should cause unless it says so."""
        return [
            entry
            for entry in self.log()
            if entry["level"] in {"error", "critical"}
            and not any(word in str(entry) for word in self.expected_errors)
        ]
