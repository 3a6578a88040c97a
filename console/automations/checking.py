"""Whether the account has what a definition names, and whether its URLs are called."""

from collections.abc import Callable

from console.automations.definition import (
    CalendarTrigger,
    Definition,
    DefinitionError,
    EngagementTrigger,
    ListStep,
    ListTrigger,
    SendStep,
    WebhookStep,
    read_definition,
)
from console.automations.ports import Readers, SavedTemplates
from mta.model.errors import PermanentError


class DefinitionCheck:
    """Reads definitions that somebody wants to save."""

    def __init__(
        self, readers: Readers, templates: SavedTemplates, checked_url: Callable[[str], str]
    ) -> None:
        """`checked_url` raises `PermanentError` for a URL that is not called."""
        self._readers = readers
        self._templates = templates
        self._checked_url = checked_url

    async def read(self, account: int, document: str) -> Definition:
        """The definition. Raises `DefinitionError` with every field that is wrong, `StoreError`."""
        definition = read_definition(document)
        wrong = [
            *await self._lists(account, definition),
            *await self._campaign(account, definition),
            *self._urls(definition),
            *await self._saved(account, definition),
        ]
        if wrong:
            raise DefinitionError(wrong)
        return definition

    async def _lists(self, account: int, definition: Definition) -> list[tuple[str, str]]:
        wanted = [
            (f"steps.{n}.list", step.list)
            for n, step in enumerate(definition.steps)
            if isinstance(step, ListStep)
        ]
        if isinstance(definition.trigger, ListTrigger | CalendarTrigger):
            wanted.append(("trigger.list", definition.trigger.list))
        return [
            (field, f"there is no list {one}")
            for field, one in wanted
            if not await self._readers.list_exists(account, one)
        ]

    async def _campaign(self, account: int, definition: Definition) -> list[tuple[str, str]]:
        trigger = definition.trigger
        if not isinstance(trigger, EngagementTrigger):
            return []
        if await self._readers.campaign_exists(account, trigger.campaign):
            return []
        return [("trigger.campaign", f"there is no campaign {trigger.campaign}")]

    def _urls(self, definition: Definition) -> list[tuple[str, str]]:
        found = []
        for n, step in enumerate(definition.steps):
            if isinstance(step, WebhookStep):
                try:
                    self._checked_url(step.url)
                except PermanentError as error:
                    found.append((f"steps.{n}.url", str(error)))
        return found

    async def _saved(self, account: int, definition: Definition) -> list[tuple[str, str]]:
        found = []
        for n, step in enumerate(definition.steps):
            if not isinstance(step, SendStep) or step.template is None:
                continue
            if not await self._templates.has(account, step.template, step.version):
                told = f"there is no template {step.template}"
                told += f" with a version {step.version}" if step.version else ""
                found.append((f"steps.{n}.template", told))
        return found
