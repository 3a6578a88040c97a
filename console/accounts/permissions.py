"""What each role may do: the one table that every service asks, through `Actor`.

A role holds in an account and in everything below it. Nobody can give away what he does not have:
a role may be granted only by who has all of its permissions there (`UserService`).
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType

from console.accounts.values import Role, Scope


class Permission(StrEnum):
    """One thing that somebody may do in an account; the meaning stands in `MEANINGS`."""

    ACCOUNT_VIEW = "account.view"
    ACCOUNT_MANAGE = "account.manage"
    USER_MANAGE = "user.manage"
    QUOTA_VIEW = "quota.view"
    QUOTA_MOVE = "quota.move"
    REFUND_PROPOSE = "refund.propose"
    REFUND_CONFIRM = "refund.confirm"
    CREDENTIAL_VIEW = "credential.view"
    CREDENTIAL_MANAGE = "credential.manage"
    DOMAIN_VIEW = "domain.view"
    DOMAIN_MANAGE = "domain.manage"
    CAMPAIGN_VIEW = "campaign.view"
    CAMPAIGN_EDIT = "campaign.edit"
    CAMPAIGN_TEST = "campaign.test"
    CAMPAIGN_SEND = "campaign.send"
    MAIL_SEND = "mail.send"
    MAIL_VIEW = "mail.view"
    MAIL_CANCEL = "mail.cancel"
    SUPPRESSION_VIEW = "suppression.view"
    SUPPRESSION_MANAGE = "suppression.manage"
    WEBHOOK_VIEW = "webhook.view"
    WEBHOOK_MANAGE = "webhook.manage"
    REPORT_VIEW = "report.view"
    EXPORT = "export"
    AUDIT_VIEW = "audit.view"
    CONTACT_VIEW = "contact.view"
    CONTACT_EDIT = "contact.edit"
    TEMPLATE_EDIT = "template.edit"
    PRIVACY_MANAGE = "privacy.manage"
    SETTINGS_MANAGE = "settings.manage"
    APPROVE = "approve"


P = Permission

MEANINGS: Mapping[Permission, str] = MappingProxyType(
    {
        P.ACCOUNT_VIEW: "see the account, its settings and what is below it",
        P.ACCOUNT_MANAGE: "create, rename, disable, enable and close sub-accounts",
        P.USER_MANAGE: "see, invite, change and remove people and their roles",
        P.QUOTA_VIEW: "see the bag: granted, allocated, consumed, by whom",
        P.QUOTA_MOVE: "move quota between accounts, set caps",
        P.REFUND_PROPOSE: "propose that failed sends are put back into the bag",
        P.REFUND_CONFIRM: "confirm what somebody else proposed to put back",
        P.CREDENTIAL_VIEW: "see API and SMTP credentials (never their secrets)",
        P.CREDENTIAL_MANAGE: "add, rotate and revoke credentials",
        P.DOMAIN_VIEW: "see sending domains and the DNS records they need",
        P.DOMAIN_MANAGE: "add, verify and remove sending domains",
        P.CAMPAIGN_VIEW: "see campaigns and their results",
        P.CAMPAIGN_EDIT: "create and change campaigns that are not sent yet",
        P.CAMPAIGN_TEST: "send test mails of a campaign",
        P.CAMPAIGN_SEND: "start, schedule, pause, resume and cancel campaigns",
        P.MAIL_SEND: "send single mails from the console",
        P.MAIL_VIEW: "search the message log, see timelines and SMTP dialogues",
        P.MAIL_CANCEL: "cancel mail that is waiting, send mail again",
        P.SUPPRESSION_VIEW: "see who gets no mail, and why",
        P.SUPPRESSION_MANAGE: "add, import and remove suppressions",
        P.WEBHOOK_VIEW: "see webhooks and their delivery log",
        P.WEBHOOK_MANAGE: "add, change, test, replay and remove webhooks",
        P.REPORT_VIEW: "see reports and statistics",
        P.EXPORT: "download lists, logs and reports as files",
        P.AUDIT_VIEW: "see and export the audit trail, and who has which role",
        P.CONTACT_VIEW: "see contacts and lists",
        P.CONTACT_EDIT: "import and change contacts and lists",
        P.TEMPLATE_EDIT: "create and change templates",
        P.PRIVACY_MANAGE: "export and erase everything about a person or the account",
        P.SETTINGS_MANAGE: "change the account's settings (language, time zone, approval)",
        P.APPROVE: "decide as the second person on what somebody else asked for",
    }
)

_LOOK = frozenset(
    (
        P.ACCOUNT_VIEW,
        P.QUOTA_VIEW,
        P.DOMAIN_VIEW,
        P.CAMPAIGN_VIEW,
        P.MAIL_VIEW,
        P.SUPPRESSION_VIEW,
        P.REPORT_VIEW,
        P.CONTACT_VIEW,
    )
)
_EDIT = _LOOK | {P.CAMPAIGN_EDIT, P.CAMPAIGN_TEST, P.CONTACT_EDIT, P.TEMPLATE_EDIT}
_ALL = frozenset(Permission)

PERMISSIONS: Mapping[Role, frozenset[Permission]] = MappingProxyType(
    {
        Role.OWNER: _ALL,
        Role.ADMINISTRATOR: _ALL - {P.PRIVACY_MANAGE},
        Role.SENDER: _EDIT
        | {
            P.CAMPAIGN_SEND,
            P.MAIL_SEND,
            P.MAIL_CANCEL,
            P.SUPPRESSION_MANAGE,
            P.REFUND_PROPOSE,
            P.EXPORT,
            P.APPROVE,
        },
        Role.EDITOR: _EDIT,
        Role.VIEWER: _LOOK,
        # Keys and logs: no contacts, no campaigns. A key sends, so who makes keys can send by one.
        Role.INTEGRATOR: frozenset(
            (
                P.ACCOUNT_VIEW,
                P.QUOTA_VIEW,
                P.CREDENTIAL_VIEW,
                P.CREDENTIAL_MANAGE,
                P.DOMAIN_VIEW,
                P.MAIL_VIEW,
                P.SUPPRESSION_VIEW,
                P.WEBHOOK_VIEW,
                P.WEBHOOK_MANAGE,
                P.REPORT_VIEW,
            )
        ),
        Role.AUDITOR: _LOOK | {P.CREDENTIAL_VIEW, P.WEBHOOK_VIEW, P.EXPORT, P.AUDIT_VIEW},
    }
)

# What a credential may do below its own account, too: mail, keys and domains stay where they are.
OVER_TREE = frozenset(
    (
        P.ACCOUNT_VIEW,
        P.ACCOUNT_MANAGE,
        P.USER_MANAGE,
        P.QUOTA_VIEW,
        P.QUOTA_MOVE,
        P.REFUND_PROPOSE,
        P.REFUND_CONFIRM,
        P.REPORT_VIEW,
    )
)

# What goes out of an account; nobody has it in an account that is disabled.
SENDING = frozenset((P.CAMPAIGN_TEST, P.CAMPAIGN_SEND, P.MAIL_SEND))

# Scopes that are no permission by name (`mail.urgent`, …) say how a credential may send, not what
# it may do; who has one may see its own account.
_BY_NAME = MappingProxyType({permission.value: permission for permission in Permission})


def permissions_of_scopes(scopes: Iterable[Scope]) -> frozenset[Permission]:
    """What a credential with those scopes may do; who may change something sees it, too."""
    names = {scope.value for scope in scopes}
    for name in tuple(names):
        noun, _, verb = name.partition(".")
        if verb in ("manage", "move", "edit") or name in ("campaign.test", "campaign.send"):
            names.add(f"{noun}.view")
    return frozenset(_BY_NAME[name] for name in names if name in _BY_NAME)
