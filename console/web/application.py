"""The console's HTTP server: the one place that joins pages, API, health and middlewares."""

import asyncio
import ssl
from collections.abc import Callable, Sequence

from aiohttp import web

from console.accounts.authenticator import CredentialAuthenticator
from console.accounts.signin.service import SignIn
from console.accounts.usage.counters import UsageCounters
from console.api.application import Api
from console.api.bearer import BearerCheck
from console.pages.account_switch import AccountSwitch
from console.pages.profile import ProfilePages
from console.pages.rendering import Renderer
from console.pages.sandbox import SandboxPages
from console.pages.sign_in import SignInPages
from console.pages.status import StatusPage
from console.web.access import Access
from console.web.failures import Failures
from console.web.forwarded import forwarded_middleware
from console.web.headers import add_headers
from console.web.usage import usage_middleware
from mta.engine.health import Health, add_health_routes
from mta.listener.tls import CIPHERS
from mta.model.clock import Clock, SystemClock
from mta.model.errors import ConfigurationError
from mta.sandbox.simulator import Simulator
from mta.settings.schema import Settings

BACKLOG = 1024
SHUTDOWN_S = 1.0  # for requests that run when the server stops; live pages are told to end
CLOSE_TIMEOUT_S = 5.0
Doors = Callable[[web.Application], frozenset[str]]
MAX_REQUEST_BYTES = 64 * 1024  # forms are small; uploads come with routes of their own

# A part of the console brings its pages or its API: it adds its routes.
Area = Callable[[web.Application, Renderer], None]


class ConsoleServer:
    """Admin pages and API on `[console] listen`; `start()`, then `close()`."""

    def __init__(
        self,
        settings: Settings,
        health: Health,
        sign_in: SignIn,
        authenticator: CredentialAuthenticator,
        simulator: Simulator | None,
        api: Api,
        *,
        clock: Clock | None = None,
        areas: Sequence[Area] = (),
        add_doors: Doors | None = None,
        usage: UsageCounters | None = None,
    ) -> None:
        """Nothing is opened yet; `simulator` is None unless in sandbox mode.

        `add_doors` adds the routes of doors that check keys themselves, and gives their resources.
        """
        self._settings = settings
        self._health = health
        self._sign_in = sign_in
        self._areas = areas
        self._authenticator = authenticator
        self._simulator = simulator
        self._api = api
        self._clock = clock or SystemClock()
        self._add_doors = add_doors
        self._usage = usage or UsageCounters(self._clock, settings.server.timezone)
        self._pages: SandboxPages | None = None
        self._first_mail = _first_mail(settings)
        self._runner: web.AppRunner | None = None
        self._tls: ssl.SSLContext | None = None

    async def start(self) -> None:
        """Listen. Raises `ConfigurationError` when the address is taken or the certificate is bad."""
        listen = self._settings.console.listen
        if self._settings.console.tls_certificate is not None:
            self._tls = _tls_context()
            self._load_certificate(self._tls)
        self._runner = web.AppRunner(
            self._application(),
            access_log=None,
            shutdown_timeout=SHUTDOWN_S,
            auto_decompress=False,  # the API inflates within its own bounds, pages never
        )
        await self._runner.setup()
        try:
            await web.TCPSite(
                self._runner, listen.host, listen.port, ssl_context=self._tls, backlog=BACKLOG
            ).start()
        except OSError as error:
            await self._runner.cleanup()
            raise ConfigurationError(
                f"[console] listen = {listen}: cannot listen there: {error.strerror}"
            ) from error

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Where it listens."""
        return [address[:2] for address in self._runner.addresses] if self._runner else []

    async def close(self) -> None:
        """Stop listening and end what runs."""
        if self._runner is not None:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._runner.cleanup()
            self._runner = None

    @property
    def first_mail(self) -> str:
        """The command that the empty sandbox shows, ready to paste."""
        return self._first_mail

    @first_mail.setter
    def first_mail(self, command: str) -> None:
        self._first_mail = command
        if self._pages is not None:
            self._pages.first_mail = command

    def _application(self) -> web.Application:
        settings = self._settings
        renderer = Renderer(
            language=settings.server.language,
            timezone=settings.server.timezone,
            is_sandbox=self._simulator is not None,
        )
        sessions = self._sign_in.sessions
        access = Access(sessions, BearerCheck(self._authenticator, settings.server.language))
        app = web.Application(
            middlewares=[
                forwarded_middleware(settings.console.trusted_proxies),
                Failures(renderer).middleware(),
                usage_middleware(self._usage, self._clock),
                access.middleware(),
            ],
            client_max_size=MAX_REQUEST_BYTES,
        )
        app.on_response_prepare.append(add_headers)
        renderer.setup(app)
        add_health_routes(app, self._health)
        SignInPages(renderer, self._sign_in).add_routes(app)
        ProfilePages(renderer, self._sign_in).add_routes(app)
        AccountSwitch(sessions).add_routes(app)
        status = StatusPage(renderer, self._health, _facts(settings))
        app.router.add_get("/status", status.show)
        app.router.add_get("/", status.show if self._simulator is None else _go_to_sandbox)
        inbox = None if self._simulator is None else self._simulator.inbox
        if inbox is not None:
            self._pages = SandboxPages(
                renderer,
                sessions,
                inbox,
                self._health,
                clock=self._clock,
                first_mail=self._first_mail,
            )
            self._pages.add_routes(app)
        self._api.add_to(app)
        for area in self._areas:
            area(app, renderer)
        if self._add_doors is not None:
            access.guarded = self._add_doors(app)
        return app

    def reload(self) -> None:
        """Use the certificate's files as they are now for new connections.

        Raises `ConfigurationError` and keeps the old certificate when they do not fit.
        """
        if self._tls is not None:
            self._load_certificate(_tls_context())  # a try, so that a failure changes nothing
            self._load_certificate(self._tls)

    def _load_certificate(self, context: ssl.SSLContext) -> None:
        console = self._settings.console
        if console.tls_certificate is None:
            return
        try:
            # An empty password: an encrypted key is an error and never a question at the terminal.
            context.load_cert_chain(console.tls_certificate, console.tls_key, password="")
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            raise ConfigurationError(
                f'[console] tls_certificate = "{console.tls_certificate}", '
                f'tls_key = "{console.tls_key}": {error}; '
                "expected a PEM chain, leaf first, and its private key without a password"
            ) from error


def _tls_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_ciphers(CIPHERS)
    return context


async def _go_to_sandbox(_: web.Request) -> web.StreamResponse:
    raise web.HTTPSeeOther("/sandbox")


def _facts(settings: Settings) -> dict[str, str]:
    return {
        "hostname": settings.server.hostname,
        "mode": settings.delivery.mode,
        "submission": ", ".join(
            str(listen)
            for listen in (*settings.submission.listen, *settings.submission.implicit_tls_listen)
        ),
    }


def _first_mail(settings: Settings) -> str:
    """Without a login of the sandbox: the user fills that in."""
    server = next(iter(settings.submission.listen), "127.0.0.1:587")
    return f"relevo send --server {server} --user USER --password PASSWORD --to ok@example.com"
