"""Saved templates as the mails of automations."""

from collections.abc import Sequence

from console.accounts.actor import Actor
from console.automations.definition import SendStep
from console.content.compiling import MessageTemplate
from console.templates.media import MediaService
from console.templates.service import TemplateService
from console.templates.values import Draft
from mta.model.errors import PermanentError

SYSTEM = Actor.system("automations")


class Templates:
    """The `SavedTemplates` of automations over those that people have saved."""

    def __init__(self, stored: TemplateService, media: MediaService) -> None:
        self._stored = stored
        self._media = media

    async def has(self, account: int, template: int, version: int | None) -> bool:
        """As the port says."""
        try:
            await self._draft(account, template, version)
        except PermanentError:
            return False
        return True

    async def message(self, account: int, step: SendStep) -> MessageTemplate:
        """What the template says; who it is from is not in it. Raises `PermanentError`."""
        draft = await self._draft(account, step.template or 0, step.version)
        made = await self._stored.compile(account, draft)
        files = await self._media.attachments(account, draft.files)
        return MessageTemplate(
            "", step.subject or made.subject, made.body.text, made.body.html, files=files
        )

    async def named(self, account: int) -> Sequence[tuple[int, str]]:
        """Ids and names, what was changed last first."""
        found = await self._stored.list(SYSTEM, account, limit=200)
        return [(one.id, one.name) for one in found]

    async def _draft(self, account: int, template: int, version: int | None) -> Draft:
        if (await self._stored.get(SYSTEM, template)).account != account:
            raise PermanentError(f"there is no template {template}")
        return (await self._stored.version(SYSTEM, template, version)).draft
