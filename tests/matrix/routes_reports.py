"""Routes of reports of consumption: pages and API."""

from console.accounts.permissions import Permission
from console.accounts.values import Scope
from tests.matrix.routes import RouteRow

_DAYS = {"period": "custom", "first": "2026-01-01", "last": "2026-01-02"}

PAGES = (
    RouteRow("GET", "/reports/usage", Permission.REPORT_VIEW),
    RouteRow("GET", "/reports/usage/new", Permission.EXPORT),
    RouteRow("POST", "/reports/usage/new", Permission.EXPORT, form={**_DAYS, "language": "es"}),
    RouteRow("GET", "/reports/usage/schedule", Permission.REPORT_VIEW),
    RouteRow("POST", "/reports/usage/schedule", Permission.SETTINGS_MANAGE, form={"is_on": "1"}),
    RouteRow("POST", "/reports/usage/verify", Permission.REPORT_VIEW, file="x"),
    RouteRow("GET", "/reports/usage/{id}", Permission.REPORT_VIEW, url="/reports/usage/{report}"),
    RouteRow(
        "GET", "/reports/usage/{id}/file.{format}", Permission.EXPORT,
        url="/reports/usage/{report}/file.pdf",
    ),
    RouteRow(
        "POST", "/reports/usage/{id}/mail", Permission.EXPORT,
        url="/reports/usage/{report}/mail", form={"addressees": "ana@example.org"},
    ),
    RouteRow(
        "POST", "/reports/usage/{id}/again", Permission.EXPORT,
        url="/reports/usage/{failed_report}/again",
    ),
)  # fmt: skip

API = (
    RouteRow(
        "POST", "/api/v1/reports", Scope.EXPORT, json={"from": "2026-01-01", "to": "2026-01-02"}
    ),
    RouteRow("GET", "/api/v1/reports", Scope.REPORT_VIEW, also=Scope.EXPORT),
    RouteRow(
        "GET", "/api/v1/reports/{id}", Scope.REPORT_VIEW, also=Scope.EXPORT,
        url="/api/v1/reports/{report}",
    ),
    RouteRow(
        "GET", "/api/v1/reports/{id}/file", Scope.EXPORT, url="/api/v1/reports/{report}/file"
    ),
)  # fmt: skip
