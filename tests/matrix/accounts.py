"""Accounts, people, credentials, approvals, audit."""

from console.accounts.approvals import ApprovalKind
from console.accounts.audit.log import AuditFilter
from console.accounts.permissions import Permission
from console.accounts.values import Role
from tests.accounts_world import OPERATOR
from tests.matrix.stand import Row, Stand

# Public, asynchronous, without an actor: why that is right.
WITHOUT_ACTOR = {
    "NoQuota.on_accounts_changed": "called by AccountService, gives nothing away",
    "AccountService.observe_ids": "at the start, gives nothing away",
    "ApprovalService.observe_ids": "at the start, gives nothing away",
    "ApprovalService.register": "when the program is put together",
    "AuditTrail.observe_ids": "at the start, gives nothing away",
    "UserService.authenticate": "this is how one becomes an actor",
}

# With an actor, but no service: parts inside of services that ask.
INSIDE = {
    "AccountService.only": "what `list` gives, if it is one main account",
    "AuditTrail.entry": "a row for a job of a service that has asked",
    "AuditTrail.note": "as entry",
    "Approval.was_asked_by": "a value",
    "ApprovalService.may_decide": "a question without effect",
    "ApprovalService.waiting": "what `list` gives, if the actor may decide on it",
    "NoEffect.approved": "called by ApprovalService, which has asked",
    "NoQuota.on_disabled": "called by AccountService, which has asked",
}


async def _sub(stand: Stand, account: int) -> int:
    """The account below the one in question."""
    return stand.subs[account]


async def _person(stand: Stand, account: int) -> str:
    email = f"u{stand.name().split()[1]}@example.org"
    await stand.services.accounts.users.add(OPERATOR, email, Role.VIEWER, account, "long enough")
    return email


async def _key(stand: Stand, account: int):
    credentials = stand.services.accounts.credentials
    return (await credentials.add(OPERATOR, account, stand.name())).credential


async def _request(stand: Stand, account: int) -> int:
    approval = await stand.services.approvals.request(
        OPERATOR, ApprovalKind.CAMPAIGN_SEND, account, stand.name(), {}
    )
    return approval.id


async def _pending_shown(stand, actor, account, number):
    approvals = stand.services.approvals
    asked = await approvals.get(OPERATOR, number)
    return await approvals.pending_of(actor, asked.kind, account, asked.object)


async def _shown(found, account: int) -> bool:
    return any(getattr(item, "account", 0) == account for item in await found)


async def _account_shown(stand, actor, account, _):
    return any(item.id == account for item in await stand.services.accounts.list(actor))


async def _person_shown(stand, actor, _account, email):
    return any(user.email == email for user in await stand.services.accounts.users.list(actor))


async def _pieces(stand, actor, account, _):
    return [piece async for piece in stand.services.audit_log.export(actor, AuditFilter(account))]


ROWS = (
    Row("AccountService.list", Permission.ACCOUNT_VIEW, _account_shown, lists=True),
    Row(
        "AccountService.get",
        Permission.ACCOUNT_VIEW,
        lambda s, a, n, _: s.services.accounts.get(a, str(n)),
    ),
    Row(
        "AccountService.add",
        Permission.ACCOUNT_MANAGE,
        lambda s, a, n, _: s.services.accounts.add(a, s.name(), parent=n),
    ),
    Row("AccountService.add", None, lambda s, a, _n, _: s.services.accounts.add(a, s.name())),
    Row(
        "AccountService.rename",
        Permission.ACCOUNT_MANAGE,
        lambda s, a, _n, made: s.services.accounts.rename(a, made, s.name()),
        make=_sub,
    ),
    Row(
        "AccountService.change_settings",
        Permission.SETTINGS_MANAGE,
        lambda s, a, n, _: s.services.accounts.change_settings(a, n, needs_approval=False),
    ),
    *(
        Row(
            f"AccountService.{verb}",
            Permission.ACCOUNT_MANAGE,
            lambda s, a, _n, made, verb=verb: getattr(s.services.accounts, verb)(a, made),
            make=_sub,
        )
        for verb in ("disable", "enable", "close")
    ),
    Row(
        "AccountService.disable",
        Permission.ACCOUNT_MANAGE,
        lambda s, a, n, _: s.services.accounts.enable(a, n),  # enabling asks the same: no harm
        above=True,
    ),
    Row(
        "UserService.list",
        Permission.USER_MANAGE,
        _person_shown,
        make=_person,
        also=Permission.AUDIT_VIEW,
        lists=True,
    ),
    Row(
        "UserService.add",
        Permission.USER_MANAGE,
        lambda s, a, n, _: s.services.accounts.users.add(
            a, f"n{s.name().split()[1]}@example.org", Role.VIEWER, n, "long enough"
        ),
    ),
    Row(
        "UserService.get",
        Permission.USER_MANAGE,
        lambda s, a, _n, email: s.services.accounts.users.get(a, email),
        make=_person,
        also=Permission.AUDIT_VIEW,
    ),
    Row(
        "UserService.change_role",
        Permission.USER_MANAGE,
        lambda s, a, n, email: s.services.accounts.users.change_role(a, email, n, Role.EDITOR),
        make=_person,
    ),
    Row(
        "UserService.remove",
        Permission.USER_MANAGE,
        lambda s, a, n, email: s.services.accounts.users.remove(a, email, n),
        make=_person,
    ),
    *(
        Row(
            f"UserService.{verb}",
            Permission.USER_MANAGE,
            lambda s, a, _n, email, verb=verb: getattr(s.services.accounts.users, verb)(a, email),
            make=_person,
        )
        for verb in ("disable", "unlock", "reset")
    ),
    Row(
        "CredentialService.list",
        Permission.CREDENTIAL_VIEW,
        lambda s, a, n, _: _shown(s.services.accounts.credentials.list(a), n),
        make=_key,
        lists=True,
    ),
    Row(
        "CredentialService.list",
        Permission.CREDENTIAL_VIEW,
        lambda s, a, n, _: s.services.accounts.credentials.list(a, n),
    ),
    Row(
        "CredentialService.get",
        Permission.CREDENTIAL_VIEW,
        lambda s, a, _n, key: s.services.accounts.credentials.get(a, key.username),
        make=_key,
    ),
    Row(
        "CredentialService.add",
        Permission.CREDENTIAL_MANAGE,
        lambda s, a, n, _: s.services.accounts.credentials.add(a, n, s.name()),
    ),
    Row(
        "CredentialService.rotate",
        Permission.CREDENTIAL_MANAGE,
        lambda s, a, _n, key: s.services.accounts.credentials.rotate(a, key),
        make=_key,
    ),
    Row(
        "CredentialService.revoke",
        Permission.CREDENTIAL_MANAGE,
        lambda s, a, _n, key: s.services.accounts.credentials.revoke(a, key),
        make=_key,
    ),
    Row(
        "DomainService.list",
        Permission.DOMAIN_VIEW,
        lambda s, a, n, _: s.services.accounts.domains.list(a, n),
    ),
    Row(
        "DomainService.add",
        Permission.DOMAIN_MANAGE,
        lambda s, a, n, _: s.services.accounts.domains.add(a, s.domain(), n),
    ),
    Row(
        "ApprovalService.request",
        Permission.CAMPAIGN_EDIT,
        lambda s, a, n, _: s.services.approvals.request(
            a, ApprovalKind.CAMPAIGN_SEND, n, s.name(), {}
        ),
    ),
    Row(
        "ApprovalService.list",
        Permission.CAMPAIGN_EDIT,
        lambda s, a, n, _: _shown(s.services.approvals.list(a), n),
        make=_request,
        lists=True,
    ),
    Row(
        "ApprovalService.pending_of",
        Permission.CAMPAIGN_EDIT,
        _pending_shown,
        make=_request,
        lists=True,
    ),
    Row(
        "ApprovalService.get",
        Permission.CAMPAIGN_EDIT,
        lambda s, a, _n, number: s.services.approvals.get(a, number),
        make=_request,
    ),
    Row(
        "ApprovalService.approve",
        Permission.CAMPAIGN_SEND,
        lambda s, a, _n, number: s.services.approvals.approve(a, number),
        make=_request,
    ),
    Row(
        "ApprovalService.reject",
        Permission.CAMPAIGN_SEND,
        lambda s, a, _n, number: s.services.approvals.reject(a, number, "no"),
        make=_request,
        also=Permission.CAMPAIGN_EDIT,  # whoever may ask may take a request of a campaign back
    ),
    Row(
        "AuditLog.page",
        Permission.AUDIT_VIEW,
        lambda s, a, n, _: s.services.audit_log.page(a, AuditFilter(n)),
    ),
    Row(
        "AuditLog.export_page",
        Permission.AUDIT_VIEW,
        lambda s, a, n, _: s.services.audit_log.export_page(a, AuditFilter(n)),
    ),
    Row("AuditLog.export", Permission.AUDIT_VIEW, _pieces),
)
