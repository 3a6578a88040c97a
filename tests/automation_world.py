"""Automations over a real store and a real intake; contacts are a table of the test's own."""

import asyncio
import json
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from console.accounts.actor import Actor
from console.accounts.audit.chain import ChainKey
from console.accounts.audit.trail import AuditTrail
from console.automations.checking import DefinitionCheck
from console.automations.definition import SendStep
from console.automations.entering import Active, Entrance
from console.automations.ports import StepMail
from console.automations.runner import AutomationRunner, Tools
from console.automations.secrets import StepSecrets
from console.automations.sending import StepSender
from console.automations.service import AutomationService
from console.automations.values import Automation, Enrolment, Reader
from console.content.compiling import MessageTemplate, compile_template
from mta.model.clock import ManualClock
from mta.model.envelope import Identity
from mta.model.errors import PermanentError
from mta.store.sqlite import SqliteStore
from mta.store.statements import SqlFile, StatementPackage
from mta.store.work import Rows
from tests.api_stand import MERGES, ApiStand
from tests.intake_stand import BAG, ME

OPERATOR = Actor.command()
ACCOUNT = ME.account_id
SENDER = "app@example.org"
HOUR_MS = 3_600_000
TEMPLATE = 7  # the account has it, in two versions
LISTING = """
-- name: test_listing
-- order: 80
-- rows: list, contact, is_on
INSERT INTO test_list (list, contact, is_on)
SELECT value->>0, value->>1, value->>2 FROM json_each(:rows) WHERE true
ON CONFLICT (list, contact) DO UPDATE SET is_on = excluded.is_on;

-- name: test_listed
SELECT contact FROM test_list WHERE list = :list AND is_on = 1 ORDER BY contact;

-- name: test_enrolments
SELECT contact, occasion, step, state, due_ms, tries, reason FROM enrolment ORDER BY id;

-- name: test_mails
SELECT d.contact, m.subject FROM delivery AS d JOIN message AS m ON m.id = d.message ORDER BY d.id;
"""
LISTS = StatementPackage(
    "tests.lists",
    (SqlFile("lists", "", LISTING), SqlFile("merges", "", MERGES)),
    (
        SqlFile(
            "0001_lists",
            "",
            "CREATE TABLE test_list (list INTEGER, contact INTEGER, is_on INTEGER,"
            " PRIMARY KEY (list, contact));",
        ),
    ),
)


class Contacts:
    """Readers in memory, lists on disk."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self.all: dict[int, Reader] = {}

    def add(self, contact: int, *, is_reachable: bool = True, **values: str) -> None:
        address = f"c{contact}@example.net"
        self.all[contact] = Reader(contact, address, json.dumps(values), is_reachable)

    async def get(self, _account: int, contacts: Collection[int]) -> Mapping[int, Reader]:
        return {one: self.all[one] for one in contacts if one in self.all}

    async def by_address(self, _account: int, address: str) -> Reader | None:
        return next((one for one in self.all.values() if one.address == address), None)

    async def matching(
        self, _account: int, document: Mapping[str, Any], contacts: Collection[int]
    ) -> Collection[int]:
        ((field, wanted),) = document.items()
        return [one for one in contacts if json.loads(self.all[one].values).get(field) == wanted]

    async def page(self, _account: int, list_id: int, after: int, count: int) -> Sequence[Reader]:
        listed = {row[0] for row in await self._store.read("test_listed", list=list_id)}
        wanted = [one for one in sorted(self.all) if one > after and (not list_id or one in listed)]
        return [self.all[one] for one in wanted[:count]]

    async def list_exists(self, _account: int, list_id: int) -> bool:
        return list_id < 100

    async def campaign_exists(self, _account: int, campaign: int) -> bool:
        return campaign < 100

    def listing(
        self, _account: int, list_id: int, contacts: Sequence[int], _now_ms: int, *, is_on: bool
    ) -> Sequence[Rows]:
        return [Rows("test_listing", [(list_id, one, int(is_on)) for one in contacts])]


class PlainContents:
    """Compiles what stands in the step."""

    async def has(self, _account: int, template: int, version: int | None) -> bool:
        return template == TEMPLATE and (version or 1) <= 2

    async def compiled(
        self, _account: int, step: SendStep, sender: str, sender_name: str
    ) -> StepMail:
        if step.template is not None:
            step = step.model_copy(
                update={"subject": f"Plantilla {step.version or 2}", "text": "Hola"}
            )
        compiled = compile_template(
            MessageTemplate(
                author=sender,
                author_name=sender_name,
                subject=step.subject,
                text=step.text,
                html=step.html,
            )
        )
        return StepMail(step.subject, compiled)


class Opened:
    """Who opened and clicked."""

    def __init__(self) -> None:
        self.opens: set[int] = set()
        self.clicks: set[int] = set()

    async def opened(self, deliveries: Collection[int]) -> Collection[int]:
        return self.opens & set(deliveries)

    async def clicked(self, deliveries: Collection[int]) -> Collection[int]:
        return self.clicks & set(deliveries)


def _callable(url: str) -> str:
    if "private" in url:
        raise PermanentError(f"{url} is not a public address")
    return url


class Callee:
    """Another system: remembers, and fails as told."""

    def __init__(self) -> None:
        self.told: list[Mapping[str, Any]] = []
        self.failures: list[Exception] = []
        self.answers = asyncio.Event()  # until then it takes what comes and says nothing
        self.answers.set()

    async def post(self, _account: int, _url: str, document: Mapping[str, Any]) -> None:
        await self.answers.wait()
        if self.failures:
            raise self.failures.pop(0)
        self.told.append(document)


class AutomationWorld:
    """What a composition hands to people, and what stands behind it."""

    def __init__(self, store: SqliteStore, **options: Any) -> None:
        self.store = store
        self.stand = ApiStand(store, clock=ManualClock(), **options)
        self.clock = self.stand.clock
        self.contacts = Contacts(store)
        self.opened = Opened()
        self.callee = Callee()
        self.identity: Identity = ME
        trail = AuditTrail(store, self.stand.ids, self.clock, ChainKey(b"k" * 32))
        self.service = AutomationService(
            store,
            self.stand.ids,
            self.clock,
            trail,
            self.contacts,
            DefinitionCheck(self.contacts, PlainContents(), _callable),
            StepSecrets(store, self.clock, trail, lambda *which: f"secret {which}"),
        )
        self.restart()

    def restart(self) -> None:
        """What a new process has: nothing but the store."""
        self.active = Active(self.store)
        self.entrance = Entrance(self.store, self.stand.ids, self.clock, self.contacts, self.active)
        self.sender = StepSender(
            self.stand.batches, PlainContents(), lambda _account: self.identity
        )
        self.runner = AutomationRunner(
            self.store,
            self.clock,
            self.active,
            self.entrance,
            Tools(self.contacts, self.opened, self.sender, self.callee),
        )

    async def begin(self, *steps: Mapping[str, Any], **options: Any) -> Automation:
        """An active automation with those steps; `trigger`: list 1 is joined, if not said."""
        mode = {"mode": options.pop("mode")} if "mode" in options else {}
        account = options.pop("account", ACCOUNT)
        document = {
            "trigger": options.pop("trigger", {"kind": "list_joined", "list": 1}),
            "steps": steps,
            **options,
        }
        made = await self.service.create(
            OPERATOR,
            account,
            f"Serie {steps[0]['id']}",
            json.dumps(document),
            sender=SENDER,
            **mode,
        )
        active = await self.service.activate(OPERATOR, made.id)
        await self.active.refresh()
        return active

    async def join(self, *contacts: int, list_id: int = 1, account: int = ACCOUNT) -> None:
        """They come onto a list."""
        await self.active.refresh()
        for one in contacts:
            rows = self.entrance.joined(account, list_id, one, is_confirmed=False)
            if rows:
                await self.store.submit(rows)

    async def pass_hours(self, hours: float) -> None:
        """Time goes by in the runner's own steps, so that nothing is due twice at once."""
        end_ms = self.clock.now_ms() + round(hours * HOUR_MS)
        while True:
            next_ms = await self.runner.run_due()
            if next_ms is None or next_ms > end_ms:
                break
            self.clock.advance((next_ms - self.clock.now_ms()) / 1000)
        self.clock.advance((end_ms - self.clock.now_ms()) / 1000)
        await self.runner.run_due()

    async def mails(self) -> list[tuple[int, str]]:
        """(contact, subject) of each mail that was handed in, in order."""
        return [(row[0], row[1]) for row in await self.store.read("test_mails")]

    async def people(self, automation: Automation) -> list[Enrolment]:
        """Everybody who is or was in it."""
        found = await self.service.enrolments(OPERATOR, automation.id, count=1000)
        return [one for one, _ in reversed(found)]


@asynccontextmanager
async def open_automations(folder: Path, **options: Any) -> AsyncIterator[AutomationWorld]:
    """Open the store in `folder`."""
    names = ("mta.spool", "console.accounts", "console.accounts.audit", "console.automations")
    packages = [*(StatementPackage.of(name) for name in names), BAG, LISTS]
    store = await SqliteStore.open(folder, packages)
    try:
        yield AutomationWorld(store, **options)
    finally:
        await store.close()
