"""Invitations and resets by mail: a one-time link, and with an invitation the guide of the role.

The guide is made for the person, from the chapters of the user's manual that the role needs, with the
account's domains and limits. It goes along as PDF, or as HTML where no PDF can be made.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import jinja2

from console.accounts.actor import Actor, NotPermitted
from console.accounts.audit import AuditTrail
from console.accounts.permissions import PERMISSIONS, Permission
from console.accounts.ports import MailAttachment, Mailer, SystemMail
from console.accounts.service import AccountService
from console.accounts.signin.links import LinkKind
from console.accounts.signin.profiles import Profile, put_profile
from console.accounts.signin.service import SignIn
from console.accounts.values import Account, AccountKind, Role, State, User
from console.manuals.sources import guide_chapters, load_manuals, user_manual
from console.pages.manual_document import guide_document
from console.pages.pdf import make_pdf
from console.pages.texts import Texts, load_texts
from console.training.guides import GuideBook
from mta.model.errors import PermanentError
from mta.store.base import Store

_SYSTEM = Actor.system("invitations")


class Installation(Protocol):
    """What a guide says of the installation."""

    @property
    def url(self) -> str:
        """Where the console is, without a slash at the end."""
        ...

    @property
    def language(self) -> str:
        """Of people who have chosen none."""
        ...

    @property
    def submission(self) -> str:
        """HOST:PORT for SMTP."""
        ...

    @property
    def max_message_bytes(self) -> int:
        """Of the largest mail that is taken."""
        ...

    @property
    def max_recipients(self) -> int:
        """Of one mail."""
        ...

    @property
    def support(self) -> str:
        """Who helps, in one line; may be empty."""
        ...


@dataclass(frozen=True, slots=True)
class Invited:
    """What became of an invitation."""

    user: int
    email: str
    message: int  # the mail; 0: the person has a password already, none was sent


# Notes that a person of an account got a manual: `user`, `api` or `guide`, its language, the file,
# and the person's address.
HandedOver = Callable[[Actor, int, str, str, bytes, str], Awaitable[None]]


async def _unnoted(*_: object) -> None:
    pass


class Invitations:
    """Sends them; `mailer` is None while no server runs."""

    def __init__(
        self,
        store: Store,
        accounts: AccountService,
        sign_in: SignIn,
        installation: Installation,
        *,
        book: GuideBook,
        trail: AuditTrail | None = None,
        quota_of: Callable[[int], Awaitable[int | None]] | None = None,
    ) -> None:
        """`quota_of` tells how many mails an account can still send, for its guide; None: no limit."""
        self._store = store
        self._accounts = accounts
        self._sign_in = sign_in
        self._about = installation
        self._quota_of = quota_of
        self._trail = trail
        self.book = book
        self.handed_over: HandedOver = _unnoted
        self._texts = load_texts()
        self._manuals = load_manuals()
        self._environment = jinja2.Environment(
            loader=jinja2.PackageLoader("console.pages", "guides"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
        )
        self.mailer: Mailer | None = None

    async def invite(
        self, actor: Actor, email: str, role: Role, account: int, *, name: str, language: str
    ) -> Invited:
        """Give a person a role; who is new gets a mail with a link to choose a password.

        Raises `PermanentError` (also when no server runs that could send), `TransientError`.
        """
        mailer = self._required()
        profile = Profile(name.strip(), language)
        put_profile(0, profile)  # refused before anything is done
        user, made = await self._accounts.users.add(actor, email, role, account)
        if not made:
            return Invited(user, email, 0)
        # The password that was made up is told to nobody: the link sets one.
        await self._store.submit([put_profile(user, profile)])
        return Invited(user, email, await self._mail(mailer, user, email, role, account, profile))

    async def resend(self, actor: Actor, email: str) -> Invited:
        """The invitation once more, with a new link; the one before is worth nothing any more."""
        mailer = self._required()
        user = await self._accounts.users.get(actor, email)
        if user.id not in await self._sign_in.links.invitations():
            raise PermanentError(f"{email} waits for no invitation")
        member = next(
            (m for m in user.memberships if actor.may(Permission.USER_MANAGE, m.account)), None
        )
        if member is None:
            raise NotPermitted(f"{email} has no role that you may give")
        profile = await self._sign_in.profiles.get(user.id)
        message = await self._mail(
            mailer, user.id, user.email, member.role, member.account, profile
        )
        return Invited(user.id, user.email, message)

    async def send_guide(self, actor: Actor, email: str) -> int:
        """Mail the guide of a person's role once more; gives the mail. Noted in the audit trail.

        Of several roles, the first that the actor manages. Raises `NotPermitted`, `PermanentError`.
        """
        mailer = self._required()
        user = await self._accounts.users.get(actor, email)
        member = next(
            (m for m in user.memberships if actor.may(Permission.USER_MANAGE, m.account)), None
        )
        if member is None:
            raise NotPermitted(f"{actor.name} manages no role of {email}")
        texts = self._texts_of(await self._sign_in.profiles.get(user.id))
        found = await self._accounts.get(_SYSTEM, str(member.account))
        guide = await self.guide(user.email, member.role, found, texts)
        values = {"account": found.name, "role": texts(f"role.{member.role}.name")}
        values["link"] = f"{self._about.url}/manuals"
        subject = texts("invitation.guide_subject", account=found.name)
        html = self._html(texts, texts("invitation.guide_button"), "invitation.guide_text", values)
        mail = SystemMail(
            user.email, texts.language, subject, texts("invitation.guide_text", **values), html,
            (guide,), "guide",
        )  # fmt: skip
        message = await mailer.send(mail)
        await self.book.sent(message, user.id, member.account, member.role, texts.language)
        await self.handed_over(
            _SYSTEM, member.account, "guide", texts.language, guide.data, user.email
        )
        if self._trail is not None:
            await self._trail.note(
                actor, "user.guide_sent", member.account, user.email, after={"role": member.role}
            )
        return message

    async def forgot(self, email: str) -> None:
        """Mail a link for a new password, if there is such a person; nobody is told whether."""
        mailer = self._required()
        for user in await self._accounts.users.list(_SYSTEM):
            if user.email == email.strip().lower() and user.state is State.ACTIVE:
                await self._mail_reset(mailer, user)

    async def reset(self, actor: Actor, email: str) -> int:
        """Mail a link for a new password to a person that the actor manages."""
        user = await self._accounts.users.get(actor, email)
        if not any(actor.may(Permission.USER_MANAGE, m.account) for m in user.memberships):
            raise NotPermitted(f"{actor.name} manages no role of {email}")
        return await self._mail_reset(self._required(), user)

    async def guide(self, email: str, role: Role, account: Account, texts: Texts) -> MailAttachment:
        """The guide of a role in an account."""
        return await self._made(email, role, PERMISSIONS[role], account, texts)

    async def guide_of(
        self, actor: Actor, email: str, account: int, texts: Texts
    ) -> MailAttachment:
        """What the actor may do in an account that he sees."""
        found = await self._accounts.get(actor, str(account))
        held = frozenset(one for one in Permission if actor.may(one, account))
        # Of several roles the guide names one that has most of what he may.
        role = max(Role, key=lambda one: (PERMISSIONS[one] <= held, len(PERMISSIONS[one])))
        return await self._made(email, role, held, found, texts)

    async def _made(
        self,
        email: str,
        role: Role,
        held: frozenset[Permission],
        account: Account,
        texts: Texts,
    ) -> MailAttachment:
        named = texts(f"role.{role}.name")
        manual = user_manual(self._manuals, texts.language)
        html = await asyncio.to_thread(
            guide_document,
            texts("invitation.guide_title", role=named),
            texts("guide.lead", role=named, account=account.name),
            await self._facts(email, role, held, account, texts),
            guide_chapters(manual, frozenset(held)),
            texts,
            self._about.url,
        )
        pdf = await make_pdf(html)
        name = texts("invitation.guide_file")
        if pdf is None:
            return MailAttachment(f"{name}.html", "text/html", html.encode())
        return MailAttachment(f"{name}.pdf", "application/pdf", pdf)

    async def _facts(
        self,
        email: str,
        role: Role,
        held: frozenset[Permission],
        account: Account,
        texts: Texts,
    ) -> Sequence[tuple[str, str]]:
        """What is so in this account: domains, limits, addresses."""
        about = self._about
        domains = [d.domain for d in await self._accounts.domains.list(_SYSTEM, account.id)]
        left = await self._quota_of(account.id) if self._quota_of else None
        role_text = texts(
            "guide.role_is", name=texts(f"role.{role}.name"), text=texts(f"role.{role}.text")
        )
        facts = [
            ("console", about.url), ("user", email), ("account", account.name), ("role", role_text),
            ("domains", ", ".join(domains) or texts("guide.no_domains")),
        ]  # fmt: skip
        if left is not None:
            facts.append(("left", texts.number(left)))
        if account.kind is AccountKind.TRAINING:
            facts.append(("training", texts("guide.training_is")))
        if held & {Permission.MAIL_SEND, Permission.CREDENTIAL_VIEW}:
            size = texts.number(about.max_message_bytes / 1_000_000, 0)
            facts += [
                ("smtp", texts("guide.smtp_is", server=about.submission)),
                ("api", texts("guide.api_is", url=about.url)),
                ("limits", texts("guide.limits_are", size=size,
                                 recipients=texts.number(about.max_recipients))),
            ]  # fmt: skip
        if about.support:
            facts.append(("support", about.support))
        return [(texts(f"guide.{key}"), value) for key, value in facts]

    async def _mail(
        self, mailer: Mailer, user: int, email: str, role: Role, account: int, profile: Profile
    ) -> int:
        texts = self._texts_of(profile)
        found = await self._accounts.get(_SYSTEM, str(account))
        guide = await self.guide(email, role, found, texts)
        token = await self._sign_in.new_link(user, LinkKind.INVITATION)
        values = {
            "name": profile.name or email,
            "account": found.name,
            "role": texts(f"role.{role}.name"),
            "link": f"{self._about.url}/link/{token}",
        }
        message = await mailer.send(
            SystemMail(
                email,
                texts.language,
                texts("invitation.subject", account=found.name),
                texts("invitation.text", **values),
                self._html(texts, texts("invitation.button"), "invitation.text", values),
                (guide,),
                "invitation",
            )
        )
        await self._sign_in.links.sent(token, message)
        await self.book.sent(message, user, account, role, texts.language)
        await self.handed_over(_SYSTEM, account, "guide", texts.language, guide.data, email)
        return message

    async def _mail_reset(self, mailer: Mailer, user: User) -> int:
        texts = self._texts_of(await self._sign_in.profiles.get(user.id))
        token = await self._sign_in.new_link(user.id, LinkKind.RESET)
        values = {"link": f"{self._about.url}/link/{token}", "email": user.email}
        message = await mailer.send(
            SystemMail(
                user.email,
                texts.language,
                texts("reset.subject"),
                texts("reset.text", **values),
                self._html(texts, texts("reset.button"), "reset.text", values),
                (),
                "reset",
            )
        )
        await self._sign_in.links.sent(token, message)
        return message

    def _html(self, texts: Texts, button: str, key: str, values: Mapping[str, str]) -> str:
        before, _, after = texts(key, **{**values, "link": "\0"}).partition("\0")
        return self._environment.get_template("mail.html").render(
            language=texts.language,
            before=before.strip().split("\n\n"),
            after=after.strip().split("\n\n"),
            button=button,
            link=values["link"],
        )

    def _texts_of(self, profile: Profile) -> Texts:
        return self._texts[profile.language or self._about.language]

    def _required(self) -> Mailer:
        if self.mailer is None:
            raise PermanentError("no server is running that could send the mail: start it first")
        return self.mailer
