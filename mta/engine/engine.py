"""The life of the mail half: start order and stop order, written once.

Start: lock the data directory, open the store, recover what a crash left, begin to deliver, then
listen. Stop: stop accepting, finish running transactions, finish what is on the wire, settle,
flush, close. Whoever asks twice to stop is served faster.
"""

import asyncio
import hmac
import os
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry

from mta.bounces.classifier import Classifier
from mta.delivery.clock_steps import ClockSteps
from mta.delivery.notices import DsnNotices, NoticeFlows
from mta.dkim.keys import KeyRing
from mta.engine.alerts.service import AlertService
from mta.engine.alerts.watching import watch_all
from mta.engine.assembly import DeliveryAssembly, assemble_delivery, retry_plan
from mta.engine.feedback import Feedback
from mta.engine.foundation import Foundation, open_foundation, suppression_follower
from mta.engine.gauges import QueueGauges
from mta.engine.health import Health
from mta.engine.housekeeping import Capacity, Housekeeping
from mta.engine.secret import installation_key
from mta.engine.warming import counting
from mta.events.log_config import LogOutput, configure_logging
from mta.events.loop_lag import LoopLagMonitor
from mta.events.mail_log import MailLog
from mta.events.metrics import Metrics, register_process
from mta.feedback.storms import BounceStorms
from mta.intake.admission import Admission
from mta.intake.batch import BatchIntake
from mta.intake.expansion import Expansion
from mta.intake.flow_lookup import FlowLookup
from mta.intake.intake import Intake
from mta.intake.ports import AllowAll, SubmissionPolicy
from mta.intake.replies import IsForeign
from mta.intake.return_path import ReturnPaths
from mta.intake.trace import TraceWriter
from mta.intake.unsubscribe_links import UnsubscribeLinks
from mta.listener.authenticator import Authenticator
from mta.listener.listener import Listener
from mta.listener.ports import UsagePort
from mta.model.clock import SteadyClock, SystemClock
from mta.model.envelope import Identity
from mta.model.errors import ConfigurationError
from mta.model.rendering import ContentRenderer, ContentTracker
from mta.settings.files import unusable_files
from mta.settings.loading import Loaded
from mta.settings.whole_file import make_folder
from mta.shaping.rules import Shaping
from mta.store.lock import DataDirLock

# How long a busy loop keeps the interpreter from a thread that asks for it (ADR 0008): the database
# writer asks three times a commit, a signer once a signature.
SWITCH_INTERVAL_S = 0.0001
LISTENER_STOP_S = 10.0
DELIVERY_STOP_S = 12.0
LAST_ANSWERS_S = 0.5  # between a failed disk and the end of the process
DISK_FAILED = 70  # EX_SOFTWARE, the exit status


@dataclass(slots=True)
class Ports:
    """What the layers above give to the engine."""

    packages: Sequence[str]
    authenticator: Callable[[Foundation], Awaitable[Authenticator]]
    services: list[Callable[["Engine"], Awaitable[None]]] = field(default_factory=list)
    closers: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    finishers: list[Callable[[], Awaitable[None]]] = field(default_factory=list)  # mail has ended
    still_valid: Callable[[Identity], bool] = lambda _identity: True
    is_foreign: IsForeign = lambda _identity, _domain: False
    policy: Callable[[Foundation], SubmissionPolicy] = lambda _foundation: AllowAll()
    # What is done once a minute besides: each call is a small piece of work.
    chores: list[Callable[[], Awaitable[object]]] = field(default_factory=list)
    usage: Callable[[], UsagePort] | None = None  # asked when the authenticator is there
    renderer: ContentRenderer | None = None  # None: template messages are not taken
    tracker: ContentTracker | None = None  # None: only template messages are tracked
    sockets: list[socket.socket] | None = None  # already open (socket activation)
    tls_sockets: list[socket.socket] | None = None
    feedback_sockets: list[socket.socket] | None = None


class Engine:
    """The running mail half."""

    def __init__(self, loaded: Loaded, ports: Ports, log_output: LogOutput | None = None) -> None:
        """`log_output`: where the log goes; None: where the settings say."""
        self.loaded = loaded
        self.settings = loaded.settings
        self.health = Health()
        self.registry = CollectorRegistry()
        self.metrics = Metrics(self.registry)
        self.stopping = asyncio.Event()
        self.hurrying = asyncio.Event()
        self.exit_status = 0
        self.return_paths: ReturnPaths | None = None  # None: applications' own senders stay
        self.foundation: Foundation
        self.delivery: DeliveryAssembly
        self.listener: Listener
        self.feedback: Feedback
        self.unsubscribe: UnsubscribeLinks | None = None
        self.intake: Intake
        self.expansion: Expansion | None = None
        self.batches: BatchIntake | None = None
        self.authenticator: Authenticator
        self.capacity: Capacity
        self.alerts: AlertService
        self.notice_flows: NoticeFlows
        self.flow_lookup: FlowLookup
        self._ports = ports
        self._is_taking_mail = False
        self.health.check("start", lambda: "" if self._is_taking_mail else "starting")
        register_process(self.registry)
        self.log_output = log_output or configure_logging(self.settings.log, metrics=self.metrics)
        self._log = structlog.get_logger("mta.engine")

    async def run(self, started: Callable[[], None]) -> int:
        """Serve until `stop`; gives the exit status. `started` is called when mail can be taken.

        Raises `ConfigurationError` before anything is opened when a named file cannot be used.
        """
        problems = unusable_files(self.settings)
        if problems:
            raise ConfigurationError("\n".join(map(str, problems)))
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        data_dir = self.settings.server.data_dir
        _make_directory(data_dir)
        with DataDirLock(data_dir):
            self._clock = SteadyClock(SystemClock())
            self.foundation = await open_foundation(
                self.loaded,
                self._ports.packages,
                metrics=self.metrics,
                on_failed=self._disk_failed,
                clock=self._clock,
            )
            try:
                await self._serve(started)
            finally:
                await self._close_store()
        return self.exit_status

    def stop(self) -> None:
        """Begin to stop, and a second time: wait for nobody any more; safe from a signal handler."""
        if self.stopping.is_set() and not self.hurrying.is_set():
            self._log.warning("told to stop again: clients and receivers are not waited for")
            self.hurrying.set()
        self.stopping.set()

    def reload(self) -> list[str]:
        """Read certificates, DKIM keys and shaping rules anew; gives what could not be used.

        What cannot be used leaves the old in place.
        """
        problems = []
        for name, action in (
            ("certificate", self.listener.reload_certificates),
            ("dkim keys", self.delivery.signing.ring.reload),
            ("shaping rules", self._reload_shaping),
        ):
            try:
                action()
            except ConfigurationError as error:
                problems.append(str(error))
                self._log.error("reload failed, the old stays in use", what=name, error=str(error))
        if not problems:
            self._log.info("reloaded certificates, keys and rules")
        return problems

    # -- start ---------------------------------------------------------------------------------

    async def _serve(self, started: Callable[[], None]) -> None:
        base = self.foundation
        self.notice_flows = NoticeFlows(base.flows, base.ids)
        await self.notice_flows.load(base.store)
        await base.suppression.load()
        self._build()
        self.authenticator = await self._ports.authenticator(self.foundation)
        dispatcher = self.delivery.dispatcher
        ready = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            delivering = group.create_task(dispatcher.run(ready.set), name="dispatcher")
            await self._first_of(ready, delivering)
            for service in self._ports.services:
                await service(self)
            self._suppressing = suppression_follower(base, self.storms, self.metrics)
            await self._suppressing.start()
            keeping = self._start_housekeeping(group)
            self.listener = Listener(
                self.settings.submission,
                self.settings.server,
                self.intake,
                self.authenticator,
                self.foundation.clock,
                self.metrics,
                usage=self._ports.usage() if self._ports.usage is not None else None,
                decoy_secret=hmac.digest(self.installation_key, b"scram decoy", "sha256"),
            )
            await self.listener.start(self._ports.sockets, self._ports.tls_sockets)
            await self.feedback.start(self.listener, self._ports.feedback_sockets)
            self._is_taking_mail = True
            started()
            await self.stopping.wait()
            await self._stop()
            for task in (*keeping, delivering):
                task.cancel()

    @staticmethod
    async def _first_of(ready: asyncio.Event, task: "asyncio.Task[None]") -> None:
        """Wait for `ready`; a task that fails before is raised by its group."""
        waiter = asyncio.ensure_future(ready.wait())
        await asyncio.wait((waiter, task), return_when=asyncio.FIRST_COMPLETED)
        waiter.cancel()

    def _build(self) -> None:
        base, settings = self.foundation, self.settings
        self.storms = BounceStorms(base.clock)
        config_dir = self.loaded.path.parent if self.loaded.path else None
        self.capacity = Capacity(settings.server.data_dir, settings)
        self.capacity.look()
        trace = TraceWriter(settings.server.hostname)
        self.flow_lookup = FlowLookup(base.store, base.flows, base.ids, base.clock)
        mail_log = MailLog(self.log_output, asyncio.get_running_loop().call_soon)
        domain = settings.inbound.return_path_domain
        self.return_paths = ReturnPaths.of(self.installation_key, domain)
        notices = DsnNotices(
            ids=base.ids,
            reserve=base.store.reserve,
            trace=trace,
            site_of=lambda domain: self.delivery.site_of(domain),
            flows=self.notice_flows,
            flow_of=base.flows.get,
            delay_notice_s=settings.queue.delay_notice,
        )
        self.unsubscribe = UnsubscribeLinks.of(settings, self.installation_key)
        classifier = Classifier.load(_beside(config_dir, "bounce_rules.toml"))
        self.feedback = Feedback(
            base, settings, self.installation_key, self.return_paths, self.metrics, classifier,
            notices, lambda told, due_ms: self.delivery.dispatcher.accepted(told, due_ms),
        )  # fmt: skip
        self.delivery = assemble_delivery(
            settings,
            base,
            shaping=Shaping.load(_beside(config_dir, "shaping.toml")),
            ring=KeyRing.load(settings.server.dkim_dir),
            metrics=self.metrics,
            mail_log=mail_log,
            classifier=classifier,
            notices=notices,
            return_paths=self.return_paths,
            unsubscribe=self.unsubscribe,
            renderer=self._ports.renderer,
            tracker=self._ports.tracker,
            storms=self.storms,
        )
        lanes = self.delivery.dispatcher.lanes
        self.feedback.effects.heard = counting(base.warm_ups, lambda: lanes.shaping)
        self._build_doors(trace, mail_log)

    def _build_doors(self, trace: TraceWriter, mail_log: MailLog) -> None:
        base, settings = self.foundation, self.settings
        policy = self._ports.policy(base)
        admission = Admission(
            ids=base.ids,
            trace=trace,
            queue=settings.queue,
            suppression=base.suppression,
            site_of=self.delivery.site_of,
            reserve=base.store.reserve,
            adds_unsubscribe=self.unsubscribe is not None,
            tracker=self._ports.tracker,
            is_foreign=self._ports.is_foreign,
        )
        if self._ports.renderer is not None:
            self.expansion = self.delivery.make_expansion(
                base.store, self.flow_lookup, admission, base.ids, base.clock,
                self._ports.renderer, self.metrics, self.capacity.refusal, policy,
                base.suppression,
            )  # fmt: skip
            self.batches = self.delivery.make_batches(
                base.store, self.flow_lookup, admission, base.ids, base.clock,
                self._ports.renderer, self.metrics, policy, base.suppression,
            )  # fmt: skip
        self.intake = Intake(
            store=base.store, flows=self.flow_lookup, admission=admission,
            listener=self.delivery.dispatcher, clock=base.clock,
            max_hops=settings.submission.max_hops, policy=policy, capacity=self.capacity.refusal,
            still_valid=self._ports.still_valid, metrics=self.metrics, mail_log=mail_log,
        )  # fmt: skip

    @property
    def installation_key(self) -> bytes:
        """The secret that signs tokens; made at the first start."""
        return installation_key(self.settings.console.secret_file)

    def _start_housekeeping(self, group: asyncio.TaskGroup) -> "list[asyncio.Task[None]]":
        base, dispatcher = self.foundation, self.delivery.dispatcher
        gauges = QueueGauges(base.store, dispatcher.board, self.metrics, base.clock)
        keeper = self.housekeeping = Housekeeping(
            store=base.store, gauges=gauges, capacity=self.capacity, settings=self.settings,
            clock=base.clock, is_in_memory=lambda message: message in dispatcher.board.messages,
            chores=(base.suppression.drop_expired, *self._ports.chores),
        )  # fmt: skip
        plan = retry_plan(self.settings)
        steps = ClockSteps(base.store, self._clock, dispatcher, plan, keeper.clock_was_set)
        self.health.check("disk", lambda: "disk space is low" if self.capacity.is_low else "")
        self.health.check("store", lambda: "the disk failed" if self.exit_status else "")
        self.health.check("stopping", lambda: "stopping" if self.capacity.is_stopping else "")
        return [
            group.create_task(keeper.measure(), name="gauges"),
            group.create_task(keeper.watch_space(), name="space"),
            group.create_task(keeper.sweep(), name="retention"),
            group.create_task(steps.run(), name="clock"),
            group.create_task(self._make_alerts().run(), name="alerts"),
            group.create_task(LoopLagMonitor(self.metrics, base.clock).run(), name="lag"),
        ]

    def _make_alerts(self) -> AlertService:
        base = self.foundation
        self.alerts = AlertService(self.settings, base.store, self.intake, base.clock)
        watch_all(self.alerts, self.settings, self.health, self.metrics, base.clock)
        return self.alerts

    def _reload_shaping(self) -> None:
        config_dir = self.loaded.path.parent if self.loaded.path else None
        self.delivery.dispatcher.lanes.change_shaping(
            Shaping.load(_beside(config_dir, "shaping.toml"))
        )

    # -- stop ----------------------------------------------------------------------------------

    async def _stop(self) -> None:
        self._log.info("stopping")
        self.capacity.is_stopping = True
        self.listener.stop_accepting()
        self.feedback.stop_accepting()
        for closer in self._ports.closers:
            await closer()
        await self.listener.close(LISTENER_STOP_S, self.hurrying)
        await self.feedback.close()
        await self.flow_lookup.close()
        await self.delivery.dispatcher.stop(DELIVERY_STOP_S, self.hurrying)
        await self._suppressing.stop()
        for finisher in self._ports.finishers:
            await finisher()

    async def _close_store(self) -> None:
        if hasattr(self, "delivery"):
            self.delivery.executor.shutdown(wait=True, cancel_futures=True)
        await self.foundation.store.close()
        self._log.info("stopped")

    def _disk_failed(self, error: BaseException) -> None:
        """EIO under a commit: nothing can be promised any more, systemd starts us again.

        Whoever waits for the store is told so first (451); the store writes nothing from now on.
        """
        self._log.critical("the disk failed, the process ends", error=str(error))
        self.exit_status = DISK_FAILED
        asyncio.get_running_loop().call_later(LAST_ANSWERS_S, self._end_at_once)

    def _end_at_once(self) -> None:
        """Clean nothing up: no further fsync may run."""
        self.log_output.close()
        os._exit(self.exit_status)


def _beside(config_dir: Path | None, name: str) -> Path | None:
    path = config_dir / name if config_dir is not None else None
    return path if path is not None and path.exists() else None


def _make_directory(path: Path) -> None:
    try:
        make_folder(path)
    except OSError as error:
        raise ConfigurationError(f"[server] data_dir = {path}: {error.strerror}") from None
