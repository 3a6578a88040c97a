"""The API and the dialects."""

from console.accounts.values import Scope
from tests.matrix import automations, filed, routes_reports, support
from tests.matrix.routes import Asks, RouteRow

_FILTER = {"field": "email", "op": "filled"}
_V1 = "/api/v1"
_MAIL = {"from": "a@own.example.org", "to": "b@example.com", "subject": "x", "text": "x"}


def _hook(
    method: str, verb: str, scope: Scope, json: object = None, *, also: Scope | None = None
) -> RouteRow:
    tail = f"/{verb}" if verb else ""
    return RouteRow(
        method,
        f"{_V1}/webhooks/{{id}}{tail}",
        scope,
        also=also,
        url=f"{_V1}/webhooks/{{hook}}{tail}",
        json=json,
    )


def _import(method: str, end: str, asks: Scope, json: object = None) -> RouteRow:
    path = f"{_V1}/imports/{{id}}{end}"
    return RouteRow(method, path, asks, url=path.replace("{id}", "{upload}"), json=json)


def _campaign(
    method: str, verb: str, scope: Scope, json: object = None, *, is_view: bool = False
) -> RouteRow:
    tail = f"/{verb}" if verb else ""
    return RouteRow(
        method,
        f"{_V1}/campaigns/{{id}}{tail}",
        scope,
        also=Scope.CAMPAIGN_EDIT if is_view else None,
        url=f"{_V1}/campaigns/{{campaign}}{tail}",
        json=json,
    )


_CV, _CE, _CS = Scope.CAMPAIGN_VIEW, Scope.CAMPAIGN_EDIT, Scope.CAMPAIGN_SEND

ROWS = (
    *automations.API_ROUTES,
    *routes_reports.API,
    *filed.API_ROUTES,
    *support.API_ROUTES,
    RouteRow("POST", "/api/v1/exports", Scope.PRIVACY_MANAGE, json={}),
    RouteRow("GET", "/api/v1/exports", Scope.PRIVACY_MANAGE),
    RouteRow(
        "GET", "/api/v1/exports/{id}", Scope.PRIVACY_MANAGE, url="/api/v1/exports/{account_export}"
    ),
    RouteRow(
        "GET", "/api/v1/exports/{id}/file", Scope.PRIVACY_MANAGE,
        url="/api/v1/exports/{account_export}/file",
    ),
    RouteRow("GET", f"{_V1}/openapi.json", Asks.NOTHING),
    RouteRow("POST", f"{_V1}/messages", Scope.SEND, json=_MAIL),
    # What a key sent itself it sees anyway.
    RouteRow("GET", f"{_V1}/messages", Scope.MAIL_VIEW, also=Scope.SEND),
    RouteRow(
        "GET", f"{_V1}/messages/{{id}}", Scope.MAIL_VIEW, also=Scope.SEND, url=f"{_V1}/messages/1"
    ),
    RouteRow(
        "POST", f"{_V1}/messages/{{id}}/cancel", Scope.MAIL_CANCEL, also=Scope.SEND,
        url=f"{_V1}/messages/1/cancel",
    ),
    RouteRow(
        "POST", f"{_V1}/messages/{{id}}/resend", Scope.MAIL_CANCEL, url=f"{_V1}/messages/1/resend"
    ),
    RouteRow("GET", f"{_V1}/usage", Scope.REPORT_VIEW, also=Scope.SEND),  # of its own
    RouteRow("GET", f"{_V1}/suppressions", Scope.SUPPRESSION_VIEW, also=Scope.SUPPRESSION_MANAGE),
    RouteRow(
        "POST", f"{_V1}/suppressions", Scope.SUPPRESSION_MANAGE,
        json={"addresses": ["x@example.com"]},
    ),
    RouteRow(
        "DELETE", f"{_V1}/suppressions/{{address}}", Scope.SUPPRESSION_MANAGE,
        url=f"{_V1}/suppressions/x@example.com",
    ),
    RouteRow(
        "GET", f"{_V1}/campaigns", _CV, also=Scope.CAMPAIGN_EDIT
    ),
    RouteRow("POST", f"{_V1}/campaigns", _CE, json={"name": "x"}),
    RouteRow("GET", f"{_V1}/contacts", Scope.CONTACT_VIEW),
    RouteRow(
        "POST", f"{_V1}/contacts", Scope.CONTACT_EDIT, json={"email": "a@example.com"}
    ),
    RouteRow("POST", f"{_V1}/imports", Scope.CONTACT_EDIT),
    RouteRow("GET", f"{_V1}/imports", Scope.CONTACT_VIEW),
    _import("GET", "", Scope.CONTACT_VIEW),
    _import("GET", "/preview", Scope.CONTACT_VIEW),
    _import("POST", "/start", Scope.CONTACT_EDIT, {}),
    _import("GET", "/rejected", Scope.CONTACT_VIEW),
    _import("GET", "/rejected.csv", Scope.CONTACT_EDIT),
    _import("DELETE", "", Scope.CONTACT_EDIT),
    RouteRow("GET", f"{_V1}/lists", Scope.CONTACT_VIEW),
    RouteRow("POST", f"{_V1}/lists", Scope.CONTACT_EDIT, json={"name": "l{number}"}),
    RouteRow(
        "POST", f"{_V1}/lists/{{id}}/members", Scope.CONTACT_EDIT,
        url=f"{_V1}/lists/{{list}}/members", json={"email": "a@example.com"},
    ),
    RouteRow(
        "GET", f"{_V1}/contacts/{{id}}", Scope.CONTACT_VIEW, url=f"{_V1}/contacts/{{contact}}"
    ),
    RouteRow(
        "PUT", f"{_V1}/contacts/{{id}}", Scope.CONTACT_EDIT, url=f"{_V1}/contacts/{{contact}}",
        json={"email": "p{number}@example.com"},
    ),
    RouteRow(
        "DELETE", f"{_V1}/contacts/{{id}}", Scope.CONTACT_EDIT, url=f"{_V1}/contacts/{{contact}}"
    ),
    RouteRow("GET", f"{_V1}/lists/{{id}}", Scope.CONTACT_VIEW, url=f"{_V1}/lists/{{list}}"),
    RouteRow(
        "GET", f"{_V1}/lists/{{id}}/members", Scope.CONTACT_VIEW,
        url=f"{_V1}/lists/{{list}}/members",
    ),
    RouteRow(
        "DELETE", f"{_V1}/lists/{{id}}/members/{{contact}}", Scope.CONTACT_EDIT,
        url=f"{_V1}/lists/{{list}}/members/{{contact}}",
    ),
    RouteRow(
        "GET", f"{_V1}/lists/{{id}}/optin", Scope.CONTACT_VIEW, url=f"{_V1}/lists/{{list}}/optin"
    ),
    RouteRow(
        "PUT", f"{_V1}/lists/{{id}}/optin", Scope.CONTACT_EDIT, url=f"{_V1}/lists/{{list}}/optin",
        json={"optin": "double"},
    ),
    RouteRow(
        "POST", f"{_V1}/lists/{{id}}/ask", Scope.CONTACT_EDIT, url=f"{_V1}/lists/{{list}}/ask",
        json={},
    ),
    RouteRow("GET", f"{_V1}/consents", Scope.CONTACT_VIEW),
    RouteRow("GET", f"{_V1}/segments", Scope.CONTACT_VIEW),
    RouteRow(
        "POST", f"{_V1}/segments", Scope.CONTACT_EDIT,
        json={"name": "s{number}", "filter": _FILTER},
    ),
    RouteRow("POST", f"{_V1}/segments/count", Scope.CONTACT_VIEW, json={"filter": _FILTER}),
    RouteRow(
        "GET", f"{_V1}/segments/{{id}}", Scope.CONTACT_VIEW, url=f"{_V1}/segments/{{segment}}"
    ),
    RouteRow(
        "PUT", f"{_V1}/segments/{{id}}", Scope.CONTACT_EDIT, url=f"{_V1}/segments/{{segment}}",
        json={"name": "s{number}", "filter": _FILTER},
    ),
    RouteRow(
        "DELETE", f"{_V1}/segments/{{id}}", Scope.CONTACT_EDIT, url=f"{_V1}/segments/{{segment}}"
    ),
    RouteRow(
        "GET", f"{_V1}/segments/{{id}}/count", Scope.CONTACT_VIEW,
        url=f"{_V1}/segments/{{segment}}/count",
    ),
    _campaign("GET", "", _CV, is_view=True),
    _campaign("PATCH", "", _CE, {"name": "y"}),
    _campaign("POST", "clone", _CE, {}),
    _campaign("POST", "resend", _CE, {}),
    _campaign("POST", "review", _CE),
    _campaign("POST", "schedule", _CS, {"send_at": "2030-01-01T00:00:00Z"}),
    _campaign("POST", "start", _CS, {}),
    _campaign("POST", "pause", _CS, {}),
    _campaign("POST", "resume", _CS, {}),
    _campaign("POST", "cancel", _CS, {}),
    _campaign("POST", "preflight", _CV, is_view=True),
    _campaign("POST", "test", Scope.CAMPAIGN_TEST, {"to": ["a@example.com"]}),
    _campaign("GET", "progress", _CV, is_view=True),
    _campaign("GET", "report", Scope.REPORT_VIEW),
    _campaign("GET", "recipients", _CV, is_view=True),
    RouteRow("GET", f"{_V1}/webhooks", Scope.WEBHOOK_VIEW, also=Scope.WEBHOOK_MANAGE),
    RouteRow(
        "POST", f"{_V1}/webhooks", Scope.WEBHOOK_MANAGE, json={"url": "https://x.example.org/"}
    ),
    _hook("GET", "", Scope.WEBHOOK_VIEW, also=Scope.WEBHOOK_MANAGE),
    _hook("PATCH", "", Scope.WEBHOOK_MANAGE, {"description": "x"}),
    _hook("DELETE", "", Scope.WEBHOOK_MANAGE),
    _hook("POST", "pause", Scope.WEBHOOK_MANAGE),
    _hook("POST", "enable", Scope.WEBHOOK_MANAGE, {}),
    _hook("POST", "rotate", Scope.WEBHOOK_MANAGE, {}),
    _hook("POST", "test", Scope.WEBHOOK_MANAGE),
    _hook("GET", "deliveries", Scope.WEBHOOK_VIEW, also=Scope.WEBHOOK_MANAGE),
    RouteRow(
        "POST", f"{_V1}/webhooks/{{id}}/deliveries/{{delivery}}/replay", Scope.WEBHOOK_MANAGE,
        url=f"{_V1}/webhooks/{{hook}}/deliveries/1/replay",
    ),
    RouteRow("GET", f"{_V1}/tracking", Scope.DOMAIN_VIEW, also=Scope.DOMAIN_MANAGE),
    RouteRow("PATCH", f"{_V1}/tracking", Scope.DOMAIN_MANAGE, json={"mode": "full"}),
    RouteRow("POST", f"{_V1}/tracking/check", Scope.DOMAIN_VIEW, also=Scope.DOMAIN_MANAGE),
    RouteRow("GET", f"{_V1}/domains", Scope.DOMAIN_VIEW, also=Scope.DOMAIN_MANAGE),
    RouteRow("POST", f"{_V1}/domains", Scope.DOMAIN_MANAGE, json={"domain": "y.example.net"}),
    RouteRow(
        "GET", f"{_V1}/domains/{{domain}}", Scope.DOMAIN_VIEW, also=Scope.DOMAIN_MANAGE, url=f"{_V1}/domains/{{domain}}"
    ),
    RouteRow(
        "POST", f"{_V1}/domains/{{domain}}/check", Scope.DOMAIN_VIEW, also=Scope.DOMAIN_MANAGE,
        url=f"{_V1}/domains/{{domain}}/check",
    ),
    RouteRow(
        "DELETE", f"{_V1}/domains/{{domain}}", Scope.DOMAIN_MANAGE,
        url=f"{_V1}/domains/{{lone_domain}}",
    ),
    RouteRow(
        "GET", f"{_V1}/credentials", Scope.CREDENTIAL_VIEW, also=Scope.CREDENTIAL_MANAGE
    ),
    RouteRow(
        "POST", f"{_V1}/credentials", Scope.CREDENTIAL_MANAGE,
        json={"name": "x", "scopes": ["credential.manage"]},
    ),
    RouteRow(
        "GET", f"{_V1}/credentials/{{id}}", Scope.CREDENTIAL_VIEW, also=Scope.CREDENTIAL_MANAGE,
        url=f"{_V1}/credentials/{{credential}}",
    ),
    # A key gives no scopes that it has not itself; with others in the old one it may not rotate.
    RouteRow(
        "POST", f"{_V1}/credentials/{{id}}/rotate", Scope.CREDENTIAL_MANAGE,
        url=f"{_V1}/credentials/{{credential}}/rotate", json={}, untried="a key gives no scope that it has not: tests/e2e/test_api_accounts.py",
    ),
    RouteRow(
        "DELETE", f"{_V1}/credentials/{{id}}", Scope.CREDENTIAL_MANAGE,
        url=f"{_V1}/credentials/{{credential}}",
    ),
    RouteRow("GET", f"{_V1}/accounts", Scope.ACCOUNT_VIEW, also=Scope.ACCOUNT_MANAGE),
    RouteRow("POST", f"{_V1}/accounts", Scope.ACCOUNT_MANAGE, json={"name": "k{number}"}),
    RouteRow(
        "GET", f"{_V1}/accounts/{{id}}", Scope.ACCOUNT_VIEW, also=Scope.ACCOUNT_MANAGE,
        url=f"{_V1}/accounts/{{sub}}",
    ),
    RouteRow(
        "PATCH", f"{_V1}/accounts/{{id}}", Scope.ACCOUNT_MANAGE, url=f"{_V1}/accounts/{{sub}}",
        json={"name": "k{number}"},
    ),
    RouteRow(
        "POST", f"{_V1}/accounts/{{id}}/disable", Scope.ACCOUNT_MANAGE,
        url=f"{_V1}/accounts/{{sub}}/disable",
    ),
    RouteRow(
        "POST", f"{_V1}/accounts/{{id}}/enable", Scope.ACCOUNT_MANAGE,
        url=f"{_V1}/accounts/{{sub}}/enable",
    ),
    RouteRow("GET", f"{_V1}/users", Scope.USER_MANAGE),
    # A key gives and takes no role with more than it may itself: tests/e2e/test_api_people.py.
    RouteRow(
        "POST", f"{_V1}/users", Scope.USER_MANAGE,
        json={"email": "n{number}@example.org", "role": "integrator"}, untried="a key gives no role with more than it may: tests/e2e/test_api_people.py",
    ),
    RouteRow(
        "PATCH", f"{_V1}/users/{{id}}", Scope.USER_MANAGE, url=f"{_V1}/users/{{user}}",
        json={"role": "integrator"}, untried="a key gives no role with more than it may: tests/e2e/test_api_people.py",
    ),
    RouteRow(
        "DELETE", f"{_V1}/users/{{id}}/memberships/{{account}}", Scope.USER_MANAGE,
        url=f"{_V1}/users/{{user}}/memberships/{{account}}", untried="a key gives no role with more than it may: tests/e2e/test_api_people.py",
    ),
    RouteRow(
        "POST", f"{_V1}/quota/refunds", Scope.REFUND_PROPOSE, json={"message": "1", "reason": "x"}
    ),
    RouteRow("GET", f"{_V1}/quota/refunds", Scope.QUOTA_VIEW, also=Scope.QUOTA_MOVE),
    *(
        RouteRow(
            "GET", f"{_V1}/quota/refunds/{{id}}{tail}", Scope.QUOTA_VIEW, also=Scope.QUOTA_MOVE,
            url=f"{_V1}/quota/refunds/{{refund}}{tail}",
        )
        for tail in ("", "/deliveries")
    ),
    # No key decides, whatever its scopes: tests/e2e/test_api_refunds.py.
    *(
        RouteRow(
            "POST", f"{_V1}/quota/refunds/{{id}}/{verb}", Scope.REFUND_CONFIRM,
            url=f"{_V1}/quota/refunds/{{refund}}/{verb}", untried="no key decides, whatever its scopes: tests/e2e/test_api_refunds.py",
        )
        for verb in ("confirm", "reject")
    ),
    RouteRow("GET", f"{_V1}/quota", Scope.QUOTA_VIEW, also=Scope.QUOTA_MOVE),
    RouteRow("GET", f"{_V1}/quota/ledger", Scope.QUOTA_VIEW, also=Scope.QUOTA_MOVE),
    *(
        RouteRow(
            "POST", f"{_V1}/quota/{verb}", Scope.QUOTA_MOVE, json={"account": "{sub}", "amount": 5}
        )
        for verb in ("allocate", "return", "cap")
    ),
    RouteRow("GET", f"{_V1}/queue", Scope.MAIL_VIEW),
    RouteRow(
        "GET", f"{_V1}/queue/{{id}}/why", Scope.MAIL_VIEW, also=Scope.SEND, url=f"{_V1}/queue/1/why"
    ),
    RouteRow("GET", f"{_V1}/sandbox/messages", Asks.KEY),
    RouteRow("DELETE", f"{_V1}/sandbox/messages", Asks.KEY),
    RouteRow("GET", f"{_V1}/sandbox/messages/{{id}}", Asks.KEY, url=f"{_V1}/sandbox/messages/1"),
    # The dialects say who may not in their vendor's own words: their tests look at that.
    *(
        RouteRow(method, path, Scope.SEND, url=path.replace("{tail}", "x").replace("{email}", "x@y.z").replace("{batch_id}", "x"), untried="says who may not in the words of its vendor: tests of the dialects")
        for method, path in (
            ("POST", "/v3/mail/send"),
            ("POST", "/v3/mail/batch"),
            ("GET", "/v3/scopes"),
            ("POST", "/v3/user/scheduled_sends"),
            ("GET", "/v3/user/scheduled_sends"),
            *(
                (method, "/v3/user/scheduled_sends/{batch_id}")
                for method in ("GET", "PATCH", "DELETE")
            ),
            *(
                (method, f"/v3/suppression/{kind}{tail}")
                for kind in ("bounces", "spam_reports", "unsubscribes")
                for method in ("GET", "DELETE")
                for tail in ("", "/{email}")
            ),
            ("POST", "/v3/asm/suppressions/global"),
            ("GET", "/v3/asm/suppressions/global/{email}"),
            ("DELETE", "/v3/asm/suppressions/global/{email}"),
            ("*", "/v3/{tail}"),
            ("POST", "/email"),
            ("POST", "/email/batch"),
            ("POST", "/email/withTemplate"),
            ("POST", "/email/withTemplate/"),
            ("POST", "/email/batchWithTemplates"),
            ("POST", "/email/batchWithTemplates/"),
            ("GET", "/server"),
            ("*", "/email/{tail}"),
            ("*", "/server/{tail}"),
        )
    ),
)  # fmt: skip
