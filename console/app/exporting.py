"""The complete export of an account, beside a running server or without one (T-t).

A package whose tables are to be in it has a module `exported` that declares them as `TABLES`; it is
joined here. A test fails for a table that is neither exported nor named below.
"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Any

from console.accounts.exporting.archive import Progress, Source, require_new, write_archive
from console.accounts.exporting.tables import TABLES as CORE
from console.app.services import PACKAGES
from console.automations.exported import TABLES as AUTOMATIONS
from console.campaigns.exported import TABLES as CAMPAIGNS
from console.contacts.exported import TABLES as CONTACTS
from console.reports.filed.exported import TABLES as FILED
from console.reports.handover.exported import TABLES as HANDOVER
from console.reports.usage.exported import TABLES as USAGE_REPORTS
from console.templates.exported import TABLES as TEMPLATES
from console.tracking.exported import TABLES as TRACKING
from console.training.exported import TABLES as TRAINING
from console.webhooks.exported import TABLES as WEBHOOKS
from mta.model.clock import SystemClock
from mta.settings.loading import Loaded
from mta.store.snapshot import StoreSnapshot

__all__ = ["NOT_EXPORTED", "TABLES", "require_new", "write_export"]

TABLES = (
    *CORE,
    *CONTACTS,
    *CAMPAIGNS,
    *AUTOMATIONS,
    *TEMPLATES,
    *TRAINING,
    *USAGE_REPORTS,
    *TRACKING,
    *WEBHOOKS,
    *FILED,
    *HANDOVER,
)

# Tables of the database that no export holds, and why.
NOT_EXPORTED: Mapping[str, str] = MappingProxyType(
    {
        "account_factor_rule": "a setting of sign-in, told by the audit trail",
        "account_export": "work of this export itself, told by the audit trail",
        "account_erasure": "of the account's end; the certificate tells it",
        "api_answer": "answers kept for a day for repeated requests",
        "chain_head": "of the whole installation",
        "client_open": "sums of opens, by program and device",
        "console_session": "secrets of sign-in",
        "credential_use": "counters of this hour and day",
        "domain_status": "in sending_domain",
        "engagement_day": "sums of engagement",
        "engagement_hour": "sums of engagement",
        "engagement_link": "sums of engagement",
        "engagement_link_hour": "sums of engagement",
        "export_job": "tables that were made of the same data, kept for three days",
        "event_cursor": "places of the server's own work",
        "expansion": "work under way",
        "figure_flow_day": "sums of events",
        "figure_hour": "sums of events",
        "figure_person": "an index of events",
        "flow_count": "sums of deliveries",
        "incident_alert": "which mails were sent about deadlines",
        "hit": "raw requests, a table of work; what counted is in engagement",
        "idempotency": "keys of requests, kept for a day",
        "lane_state": "of the whole installation",
        "member_event": "places of the server's own work",
        "one_time_link": "secrets of sign-in",
        "privacy_erasing": "work under way",
        "privacy_place": "work under way",
        "quota_alert": "which mails were sent about the bag",
        "quota_back": "an index of the ledger",
        "quota_charge": "an index of the ledger",
        "quota_checkpoint": "sums of the ledger",
        "recovery_code": "secrets of sign-in",
        "second_factor": "secrets of sign-in; whether there is one is in person",
        "service_run": "of the whole installation",
        "usage_report_part": "in usage_report_file",
        "usage_schedule": "a setting, told by the audit trail",
        "segment": "where contents lie",
        "site": "of the whole installation",
        "suppression_full": "counters of a rule",
        "tracking_account": "a setting, told by the audit trail",
        "console_user": "as person",
        "user_profile": "in person",
        "quota_bag": "as share",
        "quota_contract": "as contract",
        "quota_entry": "as ledger",
        "quota_refund": "as refund",
        "quota_refund_item": "as refund_delivery",
        "quota_reservation": "as reservation",
        "quota_use": "as share_use",
        "audit_entry": "as audit",
        "campaign_link": "as link",
        "campaign_tally": "sums of deliveries",
        "automation_count": "sums of enrolment",
        "automation_cursor": "places of the server's own work",
        "warm_up": "of the whole installation",
    }
)


def write_export(
    loaded: Loaded, account: int, target: Path, progress: Progress
) -> Mapping[str, Any]:
    """As `export_from`, of the settings' data directory."""
    return export_from(loaded.settings.server.data_dir, account, target, progress)


def export_from(
    data_dir: Path, account: int, target: Path, progress: Progress
) -> Mapping[str, Any]:
    """Write everything about an account and those below it; gives what was written.

    Raises `PermanentError`, `StoreError`, `ConfigurationError`.
    """
    packages = ("mta.spool", "mta.engine", *PACKAGES)
    with StoreSnapshot.open(data_dir, packages) as store:
        store.prepare()
        accounts = [row[0] for row in store.rows("export_accounts", account=account)]
        source = Source(store, account, accounts, TABLES)
        made = write_archive(target, source, SystemClock(), progress)
    return {
        "path": str(made.path),
        "account": str(made.account),
        "accounts": [str(number) for number in made.accounts],
        "bytes": made.bytes,
        "sha256": made.sha256,
        "files": [asdict(file) for file in made.files],
    }
