"""The running process: the mail half, the console's services, signals, systemd, control socket."""

import asyncio
import gc
import os
import signal
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import structlog
import uvloop

from console.accounts.caps import CredentialCaps
from console.accounts.quota.service import QuotaService
from console.app.api import build_api
from console.app.campaign_pages import campaign_area
from console.app.contact_pages import contact_area
from console.app.dialects import dialect_doors
from console.app.pages import activity_area, home_area, page_areas
from console.app.public import PublicFace
from console.app.quota import make_faults, make_quota, make_releases, tell_by_mail
from console.app.report_pages import report_area
from console.app.resending import MailResender
from console.app.sandbox_returns import SandboxReturns
from console.app.services import PACKAGES, Services
from console.content.raw_tracking import RawTracker
from console.content.rendering import Renderer
from console.maillog.simulated import SimulatedMail
from console.public.confirmation_mail import ConfirmationMails
from console.web.application import ConsoleServer
from console.web.metrics_site import MetricsSite
from mta.dkim import record_text
from mta.engine.control import SOCKET_NAME, ControlServer
from mta.engine.dispatch_view import DispatchView
from mta.engine.engine import Engine, Ports
from mta.engine.foundation import Foundation
from mta.engine.lease import OPERATION as LEASE_OPERATION
from mta.engine.lease import RemovalLease
from mta.engine.notify import Notifier, listen_fds
from mta.intake.ports import SubmissionPolicy
from mta.listener.authenticator import Authenticator
from mta.listener.tls import build_context
from mta.model.errors import ConfigurationError, StoreError
from mta.sandbox.simulator import Simulator
from mta.settings.loading import Loaded
from mta.settings.schema import EXAMPLE_PUBLIC_URL
from mta.spool.follower import EventFollower

IMPLICIT_TLS_SOCKET = "submissions"  # FileDescriptorName= of the socket for port 465
FEEDBACK_SOCKET = "feedback"  # for port 25
PUBLIC_SOCKET = "public"  # for port 443

GC_THRESHOLDS = (50_000, 20, 100)  # new objects before a look at the young, middle, old ones

Started = Callable[["Server"], None]


class Server:
    """One process that serves."""

    def __init__(self, loaded: Loaded, started: Started) -> None:
        self.loaded = loaded
        self._renderer = Renderer()
        self._tracker = RawTracker()
        self.settings = loaded.settings
        self.services: Services
        self._quota: QuotaService
        self._releases: EventFollower
        self._faults: EventFollower
        self.simulator: Simulator | None = None
        self.console: ConsoleServer | None = None
        self.public: PublicFace | None = None
        self.metrics_site: MetricsSite | None = None
        self._control: ControlServer | None = None
        self._tasks: list[asyncio.Task[object]] = []
        self._started = started
        self._public_sockets: list[socket.socket] | None = None
        ports = Ports(
            packages=PACKAGES,
            authenticator=self._make_services,
            services=[
                self._start_simulator,
                self._start_areas,
                self._start_control,
                self._start_console,
                self._start_metrics,
            ],
            closers=[self._close],
            finishers=[self._finish],
            chores=[
                lambda: self.services.areas.privacy.tidy(),
                lambda: self.services.areas.tracking.tidy(),
                lambda: self.services.areas.reports.exports.tidy(),
                lambda: self.services.areas.deadlines.run(),
                lambda: self.services.areas.heads.run(),
                lambda: self.services.close_accounts(),
                lambda: self.services.contacts.optin.tidy(),
                lambda: self.services.people.invitations.book.tidy(),
            ],
            usage=lambda: self.services.usage,
            renderer=self._renderer,
            tracker=self._tracker,
            policy=self._make_policy,
            still_valid=lambda identity: self.services.authenticator.is_still_valid(identity),
            is_foreign=lambda who, domain: self.services.authenticator.is_foreign(who, domain),
        )
        self.notifier = Notifier.from_environment(os.environ)
        for activated in listen_fds(os.environ):
            if activated.name == IMPLICIT_TLS_SOCKET:
                ports.tls_sockets = [*(ports.tls_sockets or ()), activated.socket]
            elif activated.name == FEEDBACK_SOCKET:
                ports.feedback_sockets = [*(ports.feedback_sockets or ()), activated.socket]
            elif activated.name == PUBLIC_SOCKET:
                self._public_sockets = [*(self._public_sockets or ()), activated.socket]
            else:
                ports.sockets = [*(ports.sockets or ()), activated.socket]
        self.engine = Engine(loaded, ports)
        self._log = structlog.get_logger("relevo")

    async def run(self) -> int:
        """Serve until told to stop; gives the exit status."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        status = await self.engine.run(self._begin)
        self.engine.log_output.close()
        return status

    def _begin(self) -> None:
        # What was made until now stays; what a message is made of is freed without the collector,
        # which at Python's setting would look through it every few messages: 5 to 10 % of the CPU.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        addresses = ", ".join(f"{host}:{port}" for host, port in self.engine.listener.addresses)
        self.notifier.ready(f"taking mail on {addresses}")
        self._spawn(self.notifier.keep_alive())
        self._log.info("taking mail", listen=addresses)
        self._started(self)

    def _stop(self) -> None:
        self.notifier.stopping("finishing what is on the wire")
        self.engine.stop()

    def _reload(self) -> None:
        self.notifier.reloading(time.monotonic())
        self._spawn(self._reload_all())

    async def _reload_all(self) -> list[str]:
        """Certificates, keys, rules and accounts; what cannot be used leaves the old in place."""
        problems = self.engine.reload()
        for site in (self.console, self.public):
            try:
                if site is not None:
                    site.reload()
            except ConfigurationError as error:
                problems.append(str(error))
                self._log.error("a certificate was not renewed", error=str(error))
        try:
            await self.services.authenticator.refresh()
        except StoreError as error:
            problems.append(f"accounts: {error}")
            self._log.error("accounts were not read anew", error=str(error))
        self.notifier.ready("; ".join(problems) or "reloaded")
        return problems

    def _spawn(self, coroutine: Coroutine[Any, Any, object]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.append(task)

    def _make_policy(self, foundation: Foundation) -> SubmissionPolicy:
        self._quota = make_quota(foundation)
        self._releases = make_releases(foundation)
        return CredentialCaps(self._quota.policy, self._quota.meter.zone_of)

    async def _make_services(self, foundation: Foundation) -> Authenticator:
        view = DispatchView(self.engine.delivery.dispatcher, foundation.clock)
        self.services = Services(foundation, view, self._quota)
        tracking = self.services.areas.tracking
        await tracking.accounts.load()
        self._renderer.tokens = tracking.tokens
        self._renderer.own_links = tracking.own_links(self.engine.unsubscribe)
        self._tracker.begin(tracking.tokens, tracking.accounts.options)
        await self.services.load()
        await self.services.queue.restore_holds()
        self._spawn(self.services.last_use.run())
        self._spawn(self.services.usage_recorder.run())
        self._spawn(self.services.sealer.run())
        self._spawn(self.services.quota_sealer.run())
        self._spawn(self.services.quota.keeper.run())
        await self._releases.start()
        self._faults = make_faults(foundation, self._quota)
        await self._faults.start()
        return self.services.authenticator

    async def _start_simulator(self, engine: Engine) -> None:
        """In sandbox mode it takes all mail; in every mode, on loopback, that of test keys."""
        listen = self.settings.sandbox.listen
        is_sandbox = self.settings.delivery.mode == "sandbox"
        returns = SandboxReturns(self._feedback_address)
        self.simulator = Simulator(
            ((str(listen.host), listen.port) if is_sandbox else ("127.0.0.1", 0),),
            tls_context=self._simulator_tls(),
            dkim_keys=self._dkim_record,
            send_feedback=returns.send if engine.feedback.server is not None else None,
            fetch=returns.fetch,
            public_host=self._public_host(),
            read_after_s=self.settings.sandbox.read_after,
        )
        await self.simulator.start()
        host, port = self.simulator.addresses[0]
        engine.delivery.router.simulator_at(host, port)

    def _public_host(self) -> str:
        """Where the simulator may fetch pictures and links; nowhere while the URL is an example."""
        url = self.settings.server.public_url
        return "" if url == EXAMPLE_PUBLIC_URL else urlsplit(url).netloc

    def _feedback_address(self) -> tuple[str, int] | None:
        server = self.engine.feedback.server
        return server.addresses[0] if server is not None and server.addresses else None

    def _simulator_tls(self) -> ssl.SSLContext | None:
        """The submission certificate serves the simulator too: deliveries show as encrypted."""
        chosen = self.settings.submission
        if chosen.tls_certificate is None or chosen.tls_key is None:
            return None
        return build_context(chosen.tls_certificate, chosen.tls_key)

    def _dkim_record(self, name: bytes) -> bytes | None:
        """What the DNS would say for our own keys: the simulator checks signatures by it."""
        selector, _, domain = name.decode("ascii", "replace").rstrip(".").partition("._domainkey.")
        for key in self.engine.delivery.signing.ring.keys(domain):
            if key.selector == selector:
                return record_text(key).encode()
        return None

    async def _start_areas(self, engine: Engine) -> None:
        def read_keys() -> None:
            try:
                engine.delivery.signing.ring.reload()
            except ConfigurationError as error:
                self._log.error("DKIM keys were not read anew", error=str(error))

        hosts = engine.return_paths.hosts if engine.return_paths is not None else None
        mailer = self.services.people.start(engine.intake)
        self._quota.refunds.resender = MailResender(
            engine.foundation.store, engine.intake, lambda: engine.batches
        )
        tell_by_mail(self._quota, self.services.accounts, mailer, self.settings.server.language)
        await self.services.areas.start(mailer, engine.metrics, read_keys, hosts)
        await self.services.reports.start(mailer, self.services.areas.reports.counted)
        url = str(self.settings.server.public_url).rstrip("/")
        language = self.settings.server.language
        await self.services.contacts.start(ConfirmationMails(mailer, language=language, url=url))
        news = self.services.areas.mails.campaign_stopped
        self.services.closing.start()
        self.services.closing.erasures.on_done = self.services.areas.mails.account_erased
        self.services.approvals.on_asked = self.services.areas.mails.approval_asked
        await self.services.campaigns.start(engine, self._renderer, news)
        await self.services.automations.start(engine, self._renderer)

    async def _start_control(self, _: Engine) -> None:
        handlers: dict[str, Callable[[dict[str, Any]], Awaitable[object]]] = {
            name: partial(self.services.run, name) for name in self.services.names
        }
        handlers["server.reload"] = handlers["dkim.reload"] = self._reload_operation
        handlers[LEASE_OPERATION] = RemovalLease(self.engine.foundation.store).keep
        self._control = ControlServer(self.settings.server.data_dir / SOCKET_NAME, handlers)
        await self._control.start()

    async def _reload_operation(self, _: Mapping[str, Any]) -> object:
        return {"problems": await self._reload_all()}

    async def _start_console(self, engine: Engine) -> None:
        simulated = None
        if self.settings.delivery.mode == "sandbox" and self.simulator is not None:
            simulated = SimulatedMail(
                self.simulator.inbox, engine.foundation.store, self.settings.server.hostname
            )
        self.public = PublicFace(
            engine, self.services.areas.tracking, self._renderer, self._tracker,
            self.services.areas.templates, self.services.contacts.optin, self._public_sockets,
        )  # fmt: skip
        await self.public.start()
        api = build_api(engine, self.services, simulated)
        self.console = ConsoleServer(
            self.settings,
            engine.health,
            self.services.sign_in,
            self.services.authenticator,
            simulated,
            api,
            add_doors=dialect_doors(engine, self.services),
            usage=self.services.usage,
            metrics=engine.metrics,
            areas=[
                *page_areas(self.services, self.settings),
                home_area(engine, self.services),
                contact_area(self.services),
                campaign_area(self.services),
                report_area(self.services, self.settings),
                activity_area(engine, self.services, self.settings),
                self.public.console_area,
            ],
        )
        await self.console.start()
        self._spawn(api.idempotency.keep_swept())

    async def _start_metrics(self, engine: Engine) -> None:
        listen = self.settings.metrics.listen
        if listen is None:
            return
        self.metrics_site = MetricsSite(
            listen, engine.registry, engine.health, metrics=engine.metrics
        )
        await self.metrics_site.start()

    async def _close(self) -> None:
        if self._control is not None:
            await self._control.close()
        if self.public is not None:
            await self.public.close()
        if self.console is not None:
            await self.console.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.services.reports.close()
        await self.services.closing.close()
        await self.services.automations.close()
        await self.services.campaigns.close()
        await self.services.contacts.close()
        await self.services.last_use.flush()
        await self._releases.stop()
        await self._faults.stop()
        await self.services.areas.close()
        self.services.close()
        if self.simulator is not None:
            await self.simulator.close()

    async def _finish(self) -> None:
        try:
            await self.services.usage_recorder.flush()
        except StoreError as error:
            self._log.warning("usage_not_written", error=str(error))
        for sealer in (self.services.sealer, self.services.quota_sealer):
            try:
                await sealer.seal()
            except StoreError as error:  # the next start seals what is left
                self._log.warning("chain_not_sealed", error=str(error))
        if self.metrics_site is not None:  # to the end, so that monitors see the last mails
            await self.metrics_site.close()


def run_server(loaded: Loaded, started: Started) -> None:
    """Run a server to its end; exits the process with a status other than 0 after a failure."""
    os.umask(0o077)

    async def main() -> int:
        return await Server(loaded, started).run()

    status = uvloop.run(main())
    if status:
        raise SystemExit(status)
