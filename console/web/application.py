"""The console's HTTP server: the one place that joins pages, API, health and middlewares."""

from collections.abc import Callable, Sequence

from aiohttp import web

from console.accounts.authenticator import CredentialAuthenticator
from console.accounts.signin.service import SignIn
from console.accounts.usage.counters import UsageCounters
from console.api.application import Api
from console.api.bearer import BearerCheck
from console.maillog.simulated import SimulatedMail
from console.pages.account_switch import AccountSwitch
from console.pages.profile import ProfilePages
from console.pages.rendering import Renderer
from console.pages.sandbox import SandboxPages
from console.pages.sign_in import SignInPages
from console.pages.status import StatusPage
from console.web.access import Access
from console.web.crowd import crowd_middleware
from console.web.failures import Failures
from console.web.forwarded import forwarded_middleware
from console.web.gate import Gate, GateMetrics
from console.web.headers import add_headers
from console.web.limits import HttpLimits, http_limits
from console.web.site import Site
from console.web.usage import usage_middleware
from mta.engine.health import Health, add_health_routes
from mta.model.clock import Clock, SystemClock
from mta.settings.schema import Settings

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
        simulated: SimulatedMail | None,
        api: Api,
        *,
        clock: Clock | None = None,
        areas: Sequence[Area] = (),
        add_doors: Doors | None = None,
        usage: UsageCounters | None = None,
        metrics: GateMetrics | None = None,
        limits: HttpLimits | None = None,
    ) -> None:
        """Nothing is opened yet; `simulated` is None unless in sandbox mode.

        `add_doors` adds the routes of doors that check keys themselves, and gives their resources.
        """
        self._settings = settings
        self._health = health
        self._sign_in = sign_in
        self._areas = areas
        self._authenticator = authenticator
        self._simulated = simulated
        self._api = api
        self._clock = clock or SystemClock()
        self._add_doors = add_doors
        self._usage = usage or UsageCounters(self._clock, settings.server.timezone)
        self._pages: SandboxPages | None = None
        self._first_mail = _first_mail(settings)
        self._routes: Sequence[tuple[str, str]] = ()
        console = settings.console
        self.gate = Gate(
            "console",
            limits or http_limits(settings, console),
            trusted=console.trusted_proxies,
            metrics=metrics,
            clock=self._clock,
        )
        self._site = Site(
            "console", console.listen, console.tls_certificate, console.tls_key, self.gate
        )

    async def start(self) -> None:
        """Listen. Raises `ConfigurationError` when the address is taken or the certificate is bad."""
        app = self._application()
        self._routes = [
            (route.method, route.resource.canonical)
            for route in app.router.routes()
            if route.resource is not None
        ]
        await self._site.start(app)

    @property
    def routes(self) -> Sequence[tuple[str, str]]:
        """Method and path of everything it answers once started: `GET`, `/users/{id}`."""
        return self._routes

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Where it listens."""
        return self._site.addresses

    async def close(self) -> None:
        """Stop listening and end what runs."""
        await self._site.close()

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
            is_sandbox=self._simulated is not None,
        )
        sessions = self._sign_in.sessions
        access = Access(sessions, BearerCheck(self._authenticator, settings.server.language))
        proxies = settings.console.trusted_proxies
        app = web.Application(
            middlewares=[
                forwarded_middleware(proxies),
                Failures(renderer, settings.server.language).middleware(),
                crowd_middleware(self.gate, proxies),
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
        if self._simulated is not None:
            self._pages = SandboxPages(
                renderer,
                sessions,
                self._simulated,
                self._health,
                clock=self._clock,
                first_mail=self._first_mail,
            )
            self._pages.add_routes(app)
        self._api.add_to(app)
        for area in self._areas:
            area(app, renderer)
        if not any(resource.canonical == "/" for resource in app.router.resources()):
            app.router.add_get("/", status.show if self._simulated is None else _go_to_sandbox)
        if self._add_doors is not None:
            access.guarded = self._add_doors(app)
        return app

    def reload(self) -> None:
        """Use the certificate's files as they are now for new connections.

        Raises `ConfigurationError` and keeps the old certificate when they do not fit.
        """
        self._site.reload()


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
