"""A console over real accounts, a real simulator and a real socket, and a client that signs in."""

import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

import aiohttp
import aiosmtplib
from aiohttp import web

from console.accounts.actors import Actors
from console.accounts.mailer import compose
from console.accounts.ports import SystemMail
from console.accounts.signin.rules import FactorRules
from console.accounts.values import Limits, Role, Scope
from console.api.acting import ActorOf
from console.api.application import Api
from console.api.sandbox import SandboxEndpoints
from console.app.chains import CheckedChain
from console.app.people import PeopleParts
from console.maillog.simulated import SimulatedMail
from console.pages.accounts import AccountPages
from console.pages.audit import AuditPages
from console.pages.quota import QuotaPages
from console.pages.rendering import Renderer
from console.pages.users import UserPages
from console.web.application import Area, ConsoleServer
from mta.engine.health import Health
from mta.model.address import parse_address
from mta.sandbox.simulator import Simulator
from mta.settings.loading import load_settings
from mta.settings.schema import Settings
from tests.accounts_world import OPERATOR, World, open_world

EMAIL = "ana@example.org"
# With these it sees what came to the simulator from nobody, too.
KEY_SCOPES = (Scope.SEND, Scope.MAIL_VIEW, Scope.USER_MANAGE)
PASSWORD = "correcto caballo"
_TOKEN = re.compile(r'name="csrf" value="([^"]+)"')


class Outbox:
    """A `Mailer` that keeps what it is given."""

    def __init__(self) -> None:
        self.mails: list[SystemMail] = []

    async def send(self, mail: SystemMail) -> int:
        """As `Mailer.send`."""
        compose(mail, parse_address("relevo@example.org"))
        self.mails.append(mail)
        return len(self.mails)


@dataclass
class WebWorld:
    """The console under test and everything behind it."""

    accounts: World
    health: Health
    simulator: Simulator | None
    console: ConsoleServer
    url: str
    api_key: str
    outbox: Outbox
    people: PeopleParts

    @asynccontextmanager
    async def browser(self, **headers: str) -> AsyncIterator[aiohttp.ClientSession]:
        """A client with cookies that does not follow redirects by itself."""
        jar = aiohttp.CookieJar(unsafe=True)  # cookies for an IP address
        async with aiohttp.ClientSession(self.url, cookie_jar=jar, headers=headers) as session:
            yield session

    @asynccontextmanager
    async def signed_in(self, **headers: str) -> AsyncIterator[aiohttp.ClientSession]:
        """A client whose person has signed in."""
        async with self.browser(**headers) as browser:
            response = await sign_in(browser)
            assert response.status == 303, await response.text()
            yield browser

    async def settle(self) -> None:
        """Return when the resets that were asked for are mailed."""
        await self.people.settle()

    async def deliver(self, message: EmailMessage, *, to: str = "ok@example.com") -> None:
        """Hand a mail to the simulator over SMTP."""
        assert self.simulator is not None
        host, port = self.simulator.addresses[0]
        await aiosmtplib.send(
            message,
            sender=str(message["From"]),
            recipients=[to],
            hostname=host,
            port=port,
            start_tls=False,
        )


@asynccontextmanager
async def open_web(
    folder: Path,
    *,
    is_sandbox: bool = True,
    settings: Mapping[str, str] | None = None,
    areas: Callable[[World, Settings], Sequence[Area]] = lambda _world, _settings: (),
) -> AsyncIterator[WebWorld]:
    """Start everything on loopback; `settings` are environment variables."""
    environ = {
        "RELEVO_CONSOLE__LISTEN": "127.0.0.1:0",
        "RELEVO_SERVER__DATA_DIR": str(folder),
        "RELEVO_DELIVERY__MODE": "sandbox" if is_sandbox else "internet",
        **(settings or {}),
    }
    loaded = load_settings(None, environ)
    async with open_world(folder) as world:
        account = await world.accounts.add(OPERATOR, "Principal")
        await world.accounts.users.add(OPERATOR, EMAIL, Role.ADMINISTRATOR, account.id, PASSWORD)
        credential = await world.accounts.credentials.add(
            OPERATOR, account.id, "aplicación", Limits(frozenset(KEY_SCOPES))
        )
        health = Health()
        simulator = Simulator(clock=world.clock) if is_sandbox else None
        if simulator is not None:
            await simulator.start()
        simulated = None
        if simulator is not None:
            hostname = loaded.settings.server.hostname
            simulated = SimulatedMail(simulator.inbox, world.store, hostname)
        api = empty_api(world, simulated)
        outbox = Outbox()
        people = PeopleParts(
            loaded.settings,
            world.store,
            world.clock,
            world.accounts,
            world.sign_in,
            world.bag,
            world.trail,
        )
        people.invitations.mailer = outbox
        console = ConsoleServer(
            loaded.settings,
            health,
            world.sign_in,
            world.authenticator,
            simulated,
            api,
            clock=world.clock,
            areas=[people.area, _account_area(world, people), *areas(world, loaded.settings)],
        )
        await console.start()
        host, port = console.addresses[0]
        scheme = "https" if loaded.settings.console.tls_certificate else "http"
        try:
            yield WebWorld(
                world,
                health,
                simulator,
                console,
                f"{scheme}://{host}:{port}/",
                credential.secret,
                outbox,
                people,
            )
        finally:
            await console.close()
            if simulator is not None:
                await simulator.close()


def _actor_of(world: World) -> ActorOf:
    actors = Actors(world.store, world.authenticator)
    return lambda call: actors.of_identity(call.identity, address=call.origin.peer)


def empty_api(world: World, simulated: SimulatedMail | None = None) -> Api:
    """The API without mail: what the simulator got, and its document."""
    return Api(
        [SandboxEndpoints(simulated, _actor_of(world))],
        store=world.store,
        clock=world.clock,
        language="es",
        server="/",
        version="0",
        max_message_bytes=1_000_000,
    )


def _account_area(world: World, people: PeopleParts) -> Area:
    async def verify() -> tuple[list[CheckedChain], list[str]]:
        return [CheckedChain("audit", 1, "ab" * 16)], []

    def add(app: web.Application, renderer: Renderer) -> None:
        rules = FactorRules(world.store, world.clock, world.trail)
        AccountPages(renderer, world.accounts, world.bag, world.sign_in.sessions, rules).add_routes(
            app
        )
        UserPages(
            renderer, world.accounts, world.bag, world.sign_in, people.invitations
        ).add_routes(app)
        QuotaPages(renderer, world.bag, world.trail).add_routes(app)
        AuditPages(renderer, world.audit_log, verify).add_routes(app)

    return add


def token_of(page: str) -> str:
    """The token of the forms on a page."""
    found = _TOKEN.search(page)
    assert found is not None, page
    return found[1]


async def sign_in(
    browser: aiohttp.ClientSession,
    *,
    email: str = EMAIL,
    password: str = PASSWORD,
    next_path: str = "/",
) -> aiohttp.ClientResponse:
    """Fill in the form of the login page; gives the answer, not followed."""
    async with browser.get("/login") as page:
        token = token_of(await page.text())
    form = {"csrf": token, "email": email, "password": password, "next": next_path}
    response = await browser.post("/login", data=form, allow_redirects=False)
    await response.read()
    return response


def mail(
    subject: str = "Primer correo",
    *,
    text: str = "Hola",
    html: str = "",
    sender: str = "Tienda <hola@sandbox.example>",
    to: str = "ok@example.com",
) -> EmailMessage:
    """A mail as an application makes it."""
    message = EmailMessage()
    message["From"] = sender
    message["To"] = to
    message["Subject"] = subject
    message["Date"] = "Sun, 22 Nov 2026 10:00:00 -0500"
    message["Message-ID"] = "<1@sandbox.example>"
    message.set_content(text)
    if html:
        message.add_alternative(html, subtype="html")
    return message
