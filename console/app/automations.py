"""Puts the automations together: the service always, the runner when a server runs."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from console.accounts.audit import AuditTrail
from console.accounts.authenticator import CredentialAuthenticator
from console.app.automation_templates import Templates
from console.automations.checking import DefinitionCheck
from console.automations.definition import SendStep
from console.automations.engagement import FOLLOWED, NAME, EngagementEntrance
from console.automations.entering import Active, Entrance
from console.automations.events import EventService
from console.automations.follow import MemberFollower
from console.automations.ports import StepMail
from console.automations.runner import AutomationRunner, Tools
from console.automations.secrets import StepSecrets
from console.automations.sending import StepSender
from console.automations.service import AutomationService
from console.automations.testing import AutomationTests, TestTools
from console.automations.values import Reader
from console.contacts.readers import ContactReader, listing, matches
from console.contacts.values import Contact
from console.content.compiling import MessageTemplate, compile_template
from console.content.source import SourceKind, compile_source_aside
from console.webhooks.posting import Poster
from console.webhooks.values import Webhook, WebhookState
from mta.engine.engine import Engine
from mta.engine.foundation import Foundation
from mta.model.envelope import Identity
from mta.model.errors import InternalError, PermanentError, TransientError
from mta.model.rendering import ContentRenderer
from mta.spool.follower import EventFollower
from mta.store.base import Store
from mta.store.work import Rows

ENGAGED_BATCH = 100  # events of one job: a campaign may start a dozen automations for each


class AutomationParts:
    """What belongs to automations in one process."""

    def __init__(
        self,
        foundation: Foundation,
        trail: AuditTrail,
        authenticator: CredentialAuthenticator,
        poster: Poster,
        templates: Templates,
    ) -> None:
        store, ids, clock = foundation.store, foundation.ids, foundation.clock
        self._foundation = foundation
        self._authenticator = authenticator
        self._poster = poster
        self._templates = templates
        contacts = ContactReader(store)
        self.readers = Readers(contacts, store)
        self.choices = Choices(store, contacts, authenticator, templates)
        self._secrets = StepSecrets(store, clock, trail, poster.secret)
        definitions = DefinitionCheck(self.readers, templates, poster.checked_url)
        self.service = AutomationService(
            store, ids, clock, trail, self.readers, definitions, self._secrets
        )
        self._active = Active(store)
        self._entrance = Entrance(store, ids, clock, self.readers, self._active)
        self.events = EventService(store, ids, self.readers, self._active, self._entrance)
        self._follower = MemberFollower(store, contacts, self._active, self._entrance)
        self._engaged = EngagementEntrance(store, self._active, self._entrance)
        self._events: EventFollower | None = None
        self._runner: AutomationRunner | None = None

    async def start(self, engine: Engine, renderer: ContentRenderer) -> None:
        """The server runs: let people in and on. Raises `StoreError`."""
        if engine.batches is None:
            raise InternalError("automations need an engine with a renderer")
        base = self._foundation
        contents = Contents(self._templates)
        tools = Tools(
            self.readers,
            Engagement(base.store),
            StepSender(engine.batches, contents, self._identity_of),
            Caller(self._poster, self._secrets),
        )
        self._runner = AutomationRunner(base.store, base.clock, self._active, self._entrance, tools)
        self.service.tests = AutomationTests(
            TestTools(
                engine.intake, renderer, contents, self.readers, self._identity_of, base.clock
            )
        )
        self._follower.start()
        self._runner.start()
        self._events = EventFollower(
            base.store, NAME, FOLLOWED, self._engaged.handle, clock=base.clock,
            metrics=engine.metrics, batch=ENGAGED_BATCH,
        )  # fmt: skip
        await self._events.start()

    async def caught_up(self) -> None:
        """Return when everything that happened until now was looked at; for tests."""
        if self._events is not None:
            await self._events.catch_up()

    async def close(self) -> None:
        """End what runs."""
        await self._follower.stop()
        if self._events is not None:
            await self._events.stop()
        if self._runner is not None:
            await self._runner.stop()

    def _identity_of(self, account: int) -> Identity:
        found = self._authenticator.trusted_identity(str(account))
        if found is None:
            raise PermanentError("the account is not active")
        return found


class Readers:
    """The `Readers` of automations over contacts."""

    def __init__(self, contacts: ContactReader, store: Store) -> None:
        self._contacts = contacts
        self._store = store

    async def get(self, account: int, contacts: Collection[int]) -> Mapping[int, Reader]:
        """As the port says."""
        return {one.id: _reader(one) for one in await self._contacts.some(account, contacts)}

    async def by_address(self, account: int, address: str) -> Reader | None:
        """As the port says."""
        found = await self._contacts.by_address(account, address)
        return None if found is None else _reader(found)

    async def matching(
        self, account: int, document: Mapping[str, Any], contacts: Collection[int]
    ) -> Collection[int]:
        """As the port says; a filter names fields with their values."""
        found = await self._contacts.some(account, contacts)
        return [one.id for one in found if matches(document, {**one.attrs, "email": one.email})]

    async def page(self, account: int, list_id: int, after: int, count: int) -> Sequence[Reader]:
        """As the port says."""
        return [_reader(one) for one in await self._contacts.page(account, list_id, after, count)]

    async def list_exists(self, account: int, list_id: int) -> bool:
        """As the port says."""
        return await self._contacts.has_list(account, list_id)

    async def campaign_exists(self, account: int, campaign: int) -> bool:
        """As the port says."""
        found = await self._store.read("automation_campaign", account=account, campaign=campaign)
        return bool(found)

    def listing(
        self, _account: int, list_id: int, contacts: Sequence[int], now_ms: int, *, is_on: bool
    ) -> Sequence[Rows]:
        """As the port says; the definition was checked to name lists of the account only."""
        return listing(list_id, contacts, now_ms, is_on=is_on)


def _reader(contact: Contact) -> Reader:
    values = {"email": contact.email, **contact.attrs}
    return Reader(
        contact.id,
        contact.email,
        json.dumps(values, ensure_ascii=False),
        is_reachable=contact.status == "active",
    )


class Choices:
    """What the editor offers."""

    def __init__(
        self,
        store: Store,
        contacts: ContactReader,
        authenticator: CredentialAuthenticator,
        templates: Templates,
    ) -> None:
        self._store = store
        self._templates = templates
        self._contacts = contacts
        self._authenticator = authenticator

    async def lists(self, account: int) -> Sequence[tuple[int, str]]:
        """As the port says."""
        return await self._contacts.lists(account)

    async def campaigns(self, account: int) -> Sequence[tuple[int, str]]:
        """As the port says."""
        rows = await self._store.read("automation_campaigns", account=account)
        return [(row[0], row[1]) for row in rows]

    async def templates(self, account: int) -> Sequence[tuple[int, str]]:
        """As the port says."""
        return await self._templates.named(account)

    async def senders(self, account: int) -> Sequence[str]:
        """As the port says."""
        identity = self._authenticator.trusted_identity(str(account))
        return sorted(identity.sender_domains) if identity is not None else []

    async def addresses(self, account: int, contacts: Sequence[int]) -> Mapping[int, str]:
        """As the port says."""
        return {one.id: one.email for one in await self._contacts.some(account, contacts)}


class Contents:
    """The `Contents` of automations: a saved template or what stands in the step."""

    def __init__(self, templates: Templates) -> None:
        self._templates = templates

    async def compiled(
        self, account: int, step: SendStep, sender: str, sender_name: str
    ) -> StepMail:
        """As the port says."""
        if step.template is not None:
            message = await self._templates.message(account, step)
        else:
            message = await self._own(step)
        message = replace(message, author=sender, author_name=sender_name)
        return StepMail(message.subject, compile_template(message))

    @staticmethod
    async def _own(step: SendStep) -> MessageTemplate:
        html, text = "", step.text
        if step.html:
            body = await compile_source_aside(SourceKind.HTML, step.html)
            html, text = body.html, step.text or body.text
        return MessageTemplate(author="", subject=step.subject, text=text, html=html)


class Engagement:
    """Who opened and clicked, from the sums of tracking."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def opened(self, deliveries: Collection[int]) -> Collection[int]:
        """As the port says."""
        return await self._those(deliveries, "automation_opened")

    async def clicked(self, deliveries: Collection[int]) -> Collection[int]:
        """As the port says."""
        return await self._those(deliveries, "automation_clicked")

    async def _those(self, deliveries: Collection[int], statement: str) -> Collection[int]:
        if not deliveries:
            return ()
        rows = await self._store.read(statement, deliveries=json.dumps(sorted(deliveries)))
        return [row[0] for row in rows]


class Caller:
    """Posts to other systems as webhooks do: vetted addresses, no redirects, signed."""

    def __init__(self, poster: Poster, secrets: StepSecrets) -> None:
        self._poster = poster
        self._secrets = secrets

    async def post(self, account: int, url: str, document: Mapping[str, Any]) -> None:
        """As the port says; the secret is that of the automation."""
        number = int(document["automation"])
        now = await self._secrets.current(number)
        target = Webhook(
            number, account, url, "", (), WebhookState.ACTIVE, "", now.number,
            now.previous_until_ms, 0, 0, 0, 0, 0, 0,
        )  # fmt: skip
        body = json.dumps(document, ensure_ascii=False).encode()
        answer = await self._poster.post(target, str(document["id"]), body)
        if 200 <= answer.status < 300:
            return
        told = f"{answer.status or 'no answer'}: {answer.text[:200]}"
        if answer.status in (400, 401, 403, 404, 405, 410, 422):
            raise PermanentError(told)
        raise TransientError(told)
