"""Invitations and reports of the doors' use."""

from console.accounts.permissions import Permission
from console.accounts.signin.rules import FactorRules
from console.accounts.usage.service import UsageQuery
from console.accounts.values import Role
from console.content.rendering import Renderer
from console.maillog.search import Search
from console.maillog.service import MailLogService
from console.pages.texts import load_texts
from console.training.exercises import TrainingCourse
from tests.accounts_world import OPERATOR
from tests.matrix.stand import Row, Stand

_OWN = "of the person who has signed in, whom the caller names by the session"

WITHOUT_ACTOR = {
    "FactorRules.accounts": "which accounts ask for a second factor, for the sign-in",
    "SignIn.password": "this is how one becomes an actor",
    "SignIn.code": "this is how one becomes an actor",
    "SignIn.use_link": "this is how one becomes an actor: the token is the proof",
    "SignIn.new_link": "for a mail of Invitations, which has asked",
    "SignIn.mail_state": "of a mail that the caller got from Invitations or a list of his",
    **{
        f"SignIn.{verb}": _OWN
        for verb in (
            "leave",
            "change_password",
            "enrol",
            "confirm",
            "new_codes",
            "disable_factor",
            "save_profile",
            "revoke",
            "revoke_others",
        )
    },
    "HandoverService.verify": "anybody who knows the code of a certificate may ask whose it is",
    "PersonService.overwrite": "finishes on the disk what was erased, also after a crash",
    "Invitations.forgot": "anybody may ask for a link; it goes to the person, the answer is the same",
    "Invitations.guide": "the guide of a role, for a mail of a service that has asked",
}

INSIDE = {
    "TrainingCourse.certificate": "asks progress, whose row is here: tests/integration/test_training.py",
    "SignIn.drop_factor": "operators alone, whatever the permission: asked first of all",
    **{
        f"MailLogService.{verb}": "asks where the mail is known: tests/unit/test_maillog.py"
        for verb in ("show", "cancel", "resend")
    },
}


def _email(stand: Stand) -> str:
    return f"i{stand.name().split()[1]}@example.org"


async def _invited(stand: Stand, account: int) -> str:
    email = _email(stand)
    invitations = stand.services.people.invitations
    await invitations.invite(OPERATOR, email, Role.VIEWER, account, name="Ana", language="es")
    return email


async def _user(stand: Stand, account: int):
    email = await _invited(stand, account)
    return await stand.services.accounts.users.get(OPERATOR, email)


async def _end_sessions(stand, actor, _account, email):
    user = await stand.services.accounts.users.get(actor, email)
    await stand.services.sign_in.end_sessions(actor, user)


def _rules(stand: Stand) -> FactorRules:
    base = stand.services.foundation
    return FactorRules(base.store, base.clock, stand.services.trail)


def _course(stand: Stand) -> TrainingCourse:
    base = stand.services.foundation
    return TrainingCourse(base.store, base.clock, stand.services.trail)


async def _nothing(*_: object) -> None:
    pass


def _mail_log(stand: Stand) -> MailLogService:
    base = stand.services.foundation
    return MailLogService(
        base.store,
        base.clock,
        stand.services.trail,
        cancel=_nothing,
        submit=_nothing,
        renderer=Renderer(),
    )


async def _log_exported(stand, actor, account, _):
    return [rows async for rows in _mail_log(stand).export(actor, account, Search())]


ROWS = (
    Row(
        "MailLogService.search",
        Permission.MAIL_VIEW,
        lambda s, a, n, _: _mail_log(s).search(a, n, Search()),
    ),
    Row("MailLogService.export", Permission.EXPORT, _log_exported),
    Row("SignIn.end_sessions", Permission.USER_MANAGE, _end_sessions, make=_invited),
    Row(
        "SignIn.drop_factor",
        None,
        lambda s, a, _n, user: s.services.sign_in.drop_factor(a, user),
        make=_user,
    ),
    Row(
        "FactorRules.set",
        Permission.SETTINGS_MANAGE,
        lambda s, a, n, _: _rules(s).set(a, n, is_required=False),
    ),
    Row(
        "Invitations.invite",
        Permission.USER_MANAGE,
        lambda s, a, n, _: s.services.people.invitations.invite(
            a, _email(s), Role.VIEWER, n, name="Ana", language="es"
        ),
    ),
    Row(
        "Invitations.resend",
        Permission.USER_MANAGE,
        lambda s, a, _n, email: s.services.people.invitations.resend(a, email),
        make=_invited,
    ),
    Row(
        "Invitations.reset",
        Permission.USER_MANAGE,
        lambda s, a, _n, email: s.services.people.invitations.reset(a, email),
        make=_invited,
    ),
    Row(
        "Invitations.send_guide",
        Permission.USER_MANAGE,
        lambda s, a, _n, email: s.services.people.invitations.send_guide(a, email),
        make=_invited,
    ),
    *(
        Row(
            f"TrainingCourse.{verb}",
            Permission.ACCOUNT_VIEW,
            lambda s, a, n, _, verb=verb: getattr(_course(s), verb)(a, n),
        )
        for verb in ("progress", "certify")
    ),
    Row(
        "Invitations.guide_of",
        Permission.ACCOUNT_VIEW,
        lambda s, a, n, _: s.services.people.invitations.guide_of(
            a, "x@example.org", n, load_texts()["es"]
        ),
    ),
    Row(
        "PersonService.look",
        Permission.PRIVACY_MANAGE,
        lambda s, a, n, _: s.services.areas.privacy.persons.look(a, "x@example.com", n),
    ),
    Row(
        "PersonService.export",
        Permission.PRIVACY_MANAGE,
        lambda s, a, n, _: s.services.areas.privacy.persons.export(a, "x@example.com", n),
    ),
    Row(
        "PersonService.erase",
        Permission.PRIVACY_MANAGE,
        lambda s, a, n, _: s.services.areas.privacy.persons.erase(a, "x@example.com", "asked", n),
    ),
    Row(
        "UsageService.report",
        Permission.REPORT_VIEW,
        lambda s, a, n, _: s.services.usage_reports.report(a, UsageQuery(account=n)),
    ),
)
