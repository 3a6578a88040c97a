"""The navigation: which pages there are, and which of them this person sees.

A new page adds a line to `SECTIONS` and the text `menu.<key>`; the page itself checks again.
"""

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MenuItem:
    """One page; `permission` empty: for everybody who is signed in; `also`: enough as well."""

    key: str
    path: str
    icon: str
    permission: str = ""
    is_sandbox_only: bool = False
    also: str = ""


@dataclass(frozen=True, slots=True)
class MenuSection:
    """Pages under one heading (`menu.<key>`), or under none."""

    key: str
    items: tuple[MenuItem, ...]


@dataclass(frozen=True, slots=True)
class Link:
    """A page as it is shown."""

    key: str
    path: str
    icon: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class Links:
    """A section as it is shown."""

    key: str
    items: Sequence[Link]

    @property
    def is_current(self) -> bool:
        """Whether the page that is seen is one of these."""
        return any(item.is_current for item in self.items)


SECTIONS = (
    MenuSection(
        "",
        (
            MenuItem("home", "/", "home"),
            MenuItem("approvals", "/approvals", "circle-check", "approve"),
            MenuItem("sandbox", "/sandbox", "inbox", is_sandbox_only=True),
        ),
    ),
    MenuSection(
        "campaign_section",
        (
            MenuItem("campaigns", "/campaigns", "speakerphone", "campaign.view"),
            MenuItem("campaign_calendar", "/campaigns/calendar", "calendar", "campaign.view"),
            MenuItem("automations", "/automations", "clock", "campaign.view"),
        ),
    ),
    MenuSection(
        "templates_section",
        (
            MenuItem("gallery", "/templates/gallery", "eye", "campaign.view"),
            MenuItem("templates", "/templates", "template", "campaign.view"),
            MenuItem("media", "/templates/media", "file-text", "campaign.view"),
            MenuItem("brand", "/templates/brand", "adjustments", "campaign.view"),
        ),
    ),
    MenuSection(
        "audience",
        (
            MenuItem("contacts", "/contacts", "user", "contact.view"),
            MenuItem("lists", "/lists", "list", "contact.view"),
            MenuItem("segments", "/segments", "adjustments", "contact.view"),
            MenuItem("imports", "/imports", "upload", "contact.view"),
            MenuItem("consents", "/consents", "shield-check", "contact.view"),
            MenuItem("suppressions", "/suppressions", "ban", "suppression.view"),
        ),
    ),
    MenuSection(
        "report_section",
        (
            MenuItem("reports", "/reports", "chart-bar", "report.view"),
            MenuItem("report_contract", "/reports/contract", "file-text", "report.view"),
            MenuItem("report_providers", "/reports/providers", "mail", "report.view"),
            MenuItem("usage_reports", "/reports/usage", "file-text", "report.view"),
            MenuItem("report_api", "/reports/api", "key", "report.view"),
            MenuItem("exports", "/exports", "download", "export"),
            MenuItem("evidence", "/reports/evidence", "shield-check", "audit.view"),
        ),
    ),
    MenuSection(
        "relay",
        (
            MenuItem("activity", "/activity", "list", "mail.view"),
            MenuItem("credentials", "/credentials", "key", "credential.view"),
            MenuItem("webhooks", "/webhooks", "webhook", "webhook.view"),
        ),
    ),
    MenuSection(
        "deliverability",
        (
            MenuItem("deliverability_page", "/deliverability", "activity", "report.view"),
            MenuItem("domains", "/domains", "world", "domain.view"),
            MenuItem("tracking", "/tracking", "eye", "domain.view"),
        ),
    ),
    MenuSection(
        "accounts",
        (
            MenuItem("quota", "/quota", "coins", "quota.view"),
            MenuItem("refunds", "/refunds", "arrows-exchange", "quota.view"),
            MenuItem("subaccounts", "/accounts", "building", "account.view"),
            MenuItem("users", "/users", "users", "user.manage", also="audit.view"),
        ),
    ),
    MenuSection(
        "settings",
        (
            MenuItem("compliance", "/compliance", "circle-check", "audit.view"),
            MenuItem("audit", "/audit", "shield-check", "audit.view"),
            MenuItem("handover", "/handover", "file-text", "audit.view"),
            MenuItem("incidents", "/incidents", "alert-triangle", "audit.view"),
            MenuItem("privacy", "/privacy", "lock", "privacy.manage"),
            MenuItem("retention", "/privacy/retention", "clock", "audit.view"),
            MenuItem("closing", "/closing", "download", "privacy.manage"),
            MenuItem("status", "/status", "activity"),
        ),
    ),
    MenuSection(
        "help",
        (
            MenuItem("manuals", "/manuals", "file-text"),
            MenuItem("training", "/training", "circle-check"),
            MenuItem("support", "/support", "help"),
        ),
    ),
)


_PATHS = tuple(item.path for section in SECTIONS for item in section.items)


def menu(
    path: str, may: Callable[[str], bool], served: Container[str], *, is_sandbox: bool
) -> list[Links]:
    """What somebody sees who is at `path`; sections without a page are left out.

    `served`: the paths that this console has; a page that is not put in is not offered.
    """
    shown = []
    here = max((p for p in _PATHS if _is_at(path, p)), key=len, default="")
    for section in SECTIONS:
        links = [
            Link(item.key, item.path, item.icon, item.path == here)
            for item in section.items
            if (not item.permission or may(item.permission) or (item.also and may(item.also)))
            and (is_sandbox or not item.is_sandbox_only)
            and item.path in served
        ]
        if links:
            shown.append(Links(section.key, links))
    return shown


def _is_at(path: str, start: str) -> bool:
    return path == start or (start != "/" and path.startswith(f"{start}/"))
