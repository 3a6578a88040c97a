"""Puts together what concerns people: system mail, invitations, their pages and commands."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from console.accounts.actor import Actor
from console.accounts.audit import AuditTrail
from console.accounts.mailer import SystemMailer
from console.accounts.quota.service import QuotaService
from console.accounts.service import AccountService
from console.accounts.signin.service import SignIn
from console.accounts.values import Role
from console.pages.invitations import Invitations
from console.pages.links import LinkPages
from console.pages.manuals import ManualPages
from console.pages.press import Press
from console.pages.rendering import Renderer
from console.pages.training import TrainingPages
from console.training.exercises import TrainingCourse
from console.training.guides import GuideBook
from mta.intake.intake import Intake
from mta.model.clock import Clock
from mta.model.errors import PermanentError
from mta.settings.schema import Settings
from mta.store.base import Store

_OPERATOR = Actor.command()


@dataclass(frozen=True, slots=True)
class About:
    """What a guide says of the installation."""

    url: str
    language: str
    submission: str
    max_message_bytes: int
    max_recipients: int
    support: str


class PeopleParts:
    """What belongs to people in one process."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        clock: Clock,
        accounts: AccountService,
        sign_in: SignIn,
        quota: QuotaService,
        trail: AuditTrail | None = None,
    ) -> None:
        self._settings = settings
        self._store = store
        self._trail = trail
        self.url = str(settings.server.public_url).rstrip("/")
        self._quota = quota
        self._clock = clock
        self._accounts = accounts
        self._sign_in = sign_in
        self.invitations = Invitations(
            store,
            accounts,
            sign_in,
            _about(settings),
            book=GuideBook(store, clock),
            trail=trail,
            quota_of=self._quota_of,
        )
        self._links: LinkPages | None = None
        self.operations = {
            "user.invite": self._invite,
            "user.guide": self._guide,
            "user.reset_link": self._reset_link,
            "user.drop_factor": self._drop_factor,
        }

    def start(self, intake: Intake) -> SystemMailer:
        """The server takes mail: system mail goes through its intake from now on."""
        sender = self._settings.console.mail_from or f"relevo@{self._settings.server.hostname}"
        mailer = SystemMailer(intake, sender)
        self.invitations.mailer = mailer
        return mailer

    def area(self, app: web.Application, renderer: Renderer) -> None:
        """The pages."""
        self._links = LinkPages(renderer, self._sign_in, self.invitations, self._clock)
        self._links.add_routes(app)
        if self._trail is not None:
            course = TrainingCourse(self._store, self._clock, self._trail)
            TrainingPages(renderer, course, self.url).add_routes(app)
        folder = self._settings.server.data_dir / "manuals"
        ManualPages(renderer, Press(folder), self.invitations, self.url).add_routes(app)

    async def settle(self) -> None:
        """Return when what people asked for is mailed."""
        if self._links is not None:
            await self._links.settle()

    async def _quota_of(self, account: int) -> int | None:
        await self._quota.refresh()  # the account may be a minute old
        return self._quota.shares.share(account).available

    async def _invite(self, arguments: Mapping[str, Any]) -> object:
        """`email`, `role`, `account`, `name`, `language`."""
        named = arguments.get("account")
        account = (
            await self._accounts.get(_OPERATOR, str(named))
            if named is not None
            else await self._accounts.only(_OPERATOR)
        )
        try:
            role = Role(str(arguments.get("role")))
        except ValueError as error:
            raise PermanentError(f"{error}: roles are {', '.join(Role)}") from None
        invited = await self.invitations.invite(
            _OPERATOR,
            str(arguments.get("email", "")),
            role,
            account.id,
            name=str(arguments.get("name") or ""),
            language=str(arguments.get("language") or ""),
        )
        return {
            "id": str(invited.user),
            "email": invited.email,
            "account": str(account.id),
            "account_name": account.name,
            "role": role,
            "message": str(invited.message) if invited.message else None,
        }

    async def _reset_link(self, arguments: Mapping[str, Any]) -> object:
        """`email`."""
        email = str(arguments.get("email", ""))
        return {"email": email, "message": str(await self.invitations.reset(_OPERATOR, email))}

    async def _guide(self, arguments: Mapping[str, Any]) -> object:
        """`email`."""
        email = str(arguments.get("email", ""))
        return {"email": email, "message": str(await self.invitations.send_guide(_OPERATOR, email))}

    async def _drop_factor(self, arguments: Mapping[str, Any]) -> object:
        """`email`."""
        user = await self._accounts.users.get(_OPERATOR, str(arguments.get("email", "")))
        await self._sign_in.drop_factor(_OPERATOR, user)
        return {"email": user.email}


def _about(settings: Settings) -> About:
    submission = next(iter(settings.submission.listen), None)
    support = settings.support
    parts = (support.email, support.phone, support.hours)
    return About(
        str(settings.server.public_url).rstrip("/"),
        settings.server.language,
        f"{settings.server.hostname}:{submission.port if submission else 587}",
        settings.submission.max_message_bytes,
        settings.submission.max_recipients,
        " · ".join(str(part) for part in parts if part),
    )
