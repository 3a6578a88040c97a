"""The console's HTTP server: the one place that joins pages, API, health and middlewares."""

import asyncio
import ssl

from aiohttp import web

from console.accounts.authenticator import CredentialAuthenticator
from console.accounts.service import AccountService
from mta.engine.health import Health, add_health_routes
from mta.model.errors import ConfigurationError
from mta.sandbox.simulator import Simulator
from mta.settings.schema import Settings

BACKLOG = 1024
SHUTDOWN_S = 1.0  # for requests that run when the server stops; live pages are told to end
CLOSE_TIMEOUT_S = 5.0


class ConsoleServer:
    """Admin pages and API on `[console] listen`; `start()`, then `close()`."""

    def __init__(
        self,
        settings: Settings,
        health: Health,
        accounts: AccountService,
        authenticator: CredentialAuthenticator,
        simulator: Simulator | None,
    ) -> None:
        """Nothing is opened yet; `simulator` is None unless in sandbox mode."""
        self._settings = settings
        self._health = health
        self._accounts = accounts
        self._authenticator = authenticator
        self._simulator = simulator
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen. Raises `ConfigurationError` when the address is taken or the certificate is bad."""
        listen = self._settings.console.listen
        tls = self._tls_context()
        self._runner = web.AppRunner(
            self._application(), access_log=None, shutdown_timeout=SHUTDOWN_S
        )
        await self._runner.setup()
        try:
            await web.TCPSite(
                self._runner, listen.host, listen.port, ssl_context=tls, backlog=BACKLOG
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

    def _application(self) -> web.Application:
        app = web.Application()
        add_health_routes(app, self._health)
        return app

    def _tls_context(self) -> ssl.SSLContext | None:
        console = self._settings.console
        if console.tls_certificate is None:
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(console.tls_certificate, console.tls_key)
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError(
                f"[console] tls_certificate = {console.tls_certificate}: {error}"
            ) from error
        return context
