"""Campaigns and an automation on a relay that is killed again and again, from the import on.

Two files are read in: one is the audience of a campaign, the other one fills a list, whose members
get another campaign and go through an automation. A mail's subject says which of them it is of.
"""

import asyncio
import contextlib
import http.client
import json
import os
import random
import re
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from console.app.services import PACKAGES, Services
from console.automations.values import EnrolmentState
from console.campaigns.values import AudienceSpec, Content
from console.contacts.values import ColumnMapping
from mta.engine.foundation import open_foundation
from mta.settings.loading import load_settings
from mta.store.lock import DataDirLock
from tests.accounts_world import OPERATOR
from tests.crash.kill_points import File
from tests.crash.moments import Moments, Step
from tests.crash.proof import impatient, tracer, tracing
from tests.crash.sink import Sink
from tests.e2e.api_client import ApiClient
from tests.e2e.ground import Ground, until
from tests.e2e.server import SENDER, RelevoServer

BY_FILE, BY_LIST = "aviso", "boletin"  # subjects of the campaigns
STEPS = ("hola", "luego")  # mails of the automation
LIST_STEP = "otra"  # between them
DOMAINS = tuple(f"d{number}.test" for number in range(8))
SUBJECT = re.compile(rb"\r\nSubject: (\S+)\r\n")
SCOPES = "mail.send,campaign.view,campaign.edit,campaign.send"
DRAIN_S = 90.0
STILL_OPEN = (
    "SELECT (SELECT count(*) FROM upload WHERE state <> 'ready') + (SELECT count(*) FROM delivery "
    f"WHERE state < 10) + (SELECT count(*) FROM enrolment WHERE state = {EnrolmentState.ACTIVE})"
)
FILE_ROWS, LIST_ROWS = 2_400, 600


@dataclass(frozen=True, slots=True)
class Made:
    """What was made before the first start."""

    campaigns: dict[str, int]  # by subject; that of a file gets its audience once there is one
    upload: int
    automation: int


class Mailing:
    """The relay, its receivers, and the mailings."""

    def __init__(self, ground: Ground, server: RelevoServer, seed: int) -> None:
        self.server = server
        self.random = random.Random(seed)
        self.moments = Moments()
        self.api = ApiClient(server)
        self.sinks = [Sink(ground, n, self.moments, load_id=SUBJECT) for n in (2, 3)]
        for number, domain in enumerate(DOMAINS):
            ground.domain(domain, self.sinks[number % len(self.sinks)].host)
        self.addresses = {
            "file": [f"f{n}@{DOMAINS[n % len(DOMAINS)]}" for n in range(FILE_ROWS)],
            "list": [f"l{n}@{DOMAINS[n % len(DOMAINS)]}" for n in range(LIST_ROWS)],
        }
        self.told: list[str] = []  # what there was at each kill
        self.made: Made

    # -- the mailings --------------------------------------------------------------------------

    def prepare(self) -> None:
        """Make everything while no server runs; the next start reads the files."""
        self.made = asyncio.run(self._make())

    async def _make(self) -> Made:
        server = self.server
        loaded = load_settings(server.config, server.environment())
        account = int(server.account)
        with DataDirLock(server.data_dir):
            foundation = await open_foundation(loaded, PACKAGES)
            services = Services(foundation)
            await services.load()
            contacts, uploads = services.contacts.contacts, services.contacts.uploads
            members = await contacts.add_list(OPERATOR, account, "Miembros")
            others = await contacts.add_list(OPERATOR, account, "Bienvenidos")
            found = {}
            for name, target in (("file", 0), ("list", members.id)):
                upload = await uploads.receive(OPERATOR, account, f"{name}.csv", self._file(name))
                mapping = ColumnMapping(0, {"nombre": 1}, save_as_list=target)
                found[name] = (await uploads.start(OPERATOR, upload.id, mapping)).id
            automations = services.automations.service
            automation = await automations.create(
                OPERATOR, account, "Bienvenida", definition(members.id, others.id), sender=SENDER
            )
            await automations.activate(OPERATOR, automation.id)
            campaigns = {}
            for subject in (BY_FILE, BY_LIST):
                campaign = await services.campaigns.service.create(
                    OPERATOR, account, subject,
                    Content(SENDER, subject=subject, source="<p>Hola, {{ nombre }}</p>"),
                    AudienceSpec(include=(members.id,)),
                )  # fmt: skip
                campaigns[subject] = campaign.id
            await services.sealer.seal()
            await services.areas.close()
            services.close()
            await foundation.store.close()
        return Made(campaigns, found["file"], automation.id)

    async def _file(self, name: str) -> AsyncIterator[bytes]:
        yield b"correo,nombre\n"
        yield "".join(f"{a},Ana {n}\n" for n, a in enumerate(self.addresses[name])).encode()

    def start_campaigns(self) -> None:
        """Those that are not started yet, whatever a kill has left; the server runs."""
        until(lambda: self.count("SELECT count(*) FROM upload WHERE state <> 'ready'") == 0, "read")
        ((audience,),) = self.server.sql(
            "SELECT audience FROM upload WHERE id = ?", self.made.upload
        )
        for subject, number in self.made.campaigns.items():
            path = f"/api/v1/campaigns/{number}"
            if self.api.ask("GET", path).json["status"] != "draft":
                continue
            if subject == BY_FILE:
                change = {"audience": {"audience": str(audience)}}
                assert self.api.ask("PATCH", path, change).status == 200
            answer = self.api.ask("POST", f"{path}/start", {"accept": ["all"]})
            assert answer.status == 200, answer.body

    # -- the kills -----------------------------------------------------------------------------

    def kill_at(self, step: Step, most: int) -> None:
        """Start it, and kill it when the receivers have seen a step 1 to `most` times."""
        self.moments.arm(step, self.random.randint(1, most), self._kill)
        self.server.spawn()
        self._wait_killed(str(step))

    def kill_at_write(self, least: int, most: int) -> None:
        """Start it, and kill it on entering its n-th write to the database's log."""
        count = self.random.randint(least, most)
        self.server.spawn([*tracer("pwrite64", "", count), "-D"])
        self._wait_killed(f"write {count}")

    def kill_while_preparing(self, most: int) -> None:
        """Start the campaigns, and kill it on one of the next writes, answered or not."""
        if not self.server.is_spawned:
            self.server.start()
        log = str(self.server.data_dir / File.LOG)
        count = self.random.randint(1, most)
        with tracing(["-p", str(self.server.pid)], "pwrite64", log, count):
            with contextlib.suppress(OSError, http.client.HTTPException):
                self.start_campaigns()
            self._wait_killed(f"write {count} after the start of campaigns")

    def _kill(self) -> None:
        os.kill(self.server.pid, signal.SIGKILL)

    def _wait_killed(self, where: str) -> None:
        status = self.server.wait_ended(f"the kill at: {where}")
        told = self.server.log_path.read_text()[-2_000:]
        assert status == -signal.SIGKILL, f"{where}: ended with {status}: {told}"
        self.told.append(f"{where:50} {self.state()}")

    def state(self) -> str:
        """Where everything is, for people."""
        uploads = [row[0] for row in self.server.sql("SELECT state FROM upload ORDER BY id")]
        campaigns = [row[0] for row in self.server.sql("SELECT status FROM campaign ORDER BY id")]
        deliveries = self.server.sql("SELECT state, count(*) FROM delivery GROUP BY state")
        walkers = self.server.sql("SELECT step, state, count(*) FROM enrolment GROUP BY 1, 2")
        return f"{uploads} {campaigns} deliveries {deliveries} enrolled {walkers}"

    def finish_mail(self) -> None:
        """Start it, and let the automation and what is in the queue come to an end."""
        self.server.start()
        until(lambda: self.count(STILL_OPEN) == 0, "everything is delivered", DRAIN_S)

    def finish(self) -> None:
        """Start it, and let everything come to its end."""
        self.server.start()
        self.start_campaigns()
        unsettled = "SELECT count(*) FROM campaign WHERE is_settled = 0"
        until(lambda: self.count(unsettled) == 0, "the campaigns are over", DRAIN_S)
        until(lambda: self.count(STILL_OPEN) == 0, "everything is delivered", DRAIN_S)

    # -- what came of it -----------------------------------------------------------------------

    def count(self, statement: str, *parameters: object) -> int:
        """One number out of the database."""
        ((number,),) = self.server.sql(statement, *parameters)
        return int(number or 0)

    @property
    def received(self) -> Counter[tuple[str, str]]:
        """How often each recipient got each mail, by subject and address."""
        return sum((sink.received for sink in self.sinks), Counter())

    @property
    def expected(self) -> set[tuple[str, str]]:
        """Every mail that somebody has to get."""
        subjects = {"file": (BY_FILE,), "list": (BY_LIST, *STEPS)}
        return {
            (subject, address)
            for name, found in subjects.items()
            for subject in found
            for address in self.addresses[name]
        }


def definition(members: int, others: int) -> str:
    """Who comes onto the list gets a mail, comes onto another one, and gets a second mail."""
    sends = [{"kind": "send", "id": s, "subject": s, "text": "Hola {{ nombre }}"} for s in STEPS]
    steps = [sends[0], {"kind": "list_add", "id": LIST_STEP, "list": others}, sends[1]]
    return json.dumps({"trigger": {"kind": "list_joined", "list": members}, "steps": steps})


@contextmanager
def mailing(seed: int) -> Iterator[Mailing]:
    """Prepared, and not running yet."""
    with ExitStack() as stack:
        ground = stack.enter_context(Ground())
        server = stack.enter_context(impatient(ground, SCOPES))
        made = Mailing(ground, server, seed)
        for sink in made.sinks:
            sink.start()
            stack.callback(sink.stop)
        made.prepare()
        yield made
