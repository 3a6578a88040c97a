"""Pages."""

from console.accounts.permissions import Permission
from tests.matrix import automations, filed, routes_reports
from tests.matrix.routes import Asks, RouteRow

ROWS = (
    *automations.PAGE_ROUTES,
    *routes_reports.PAGES,
    *filed.PAGE_ROUTES,
    RouteRow("GET", "/static/{name}", Asks.NOTHING, url="/static/relevo.css"),
    RouteRow("GET", "/healthz", Asks.NOTHING),
    RouteRow("GET", "/readyz", Asks.NOTHING),
    RouteRow("GET", "/login", Asks.NOTHING),
    RouteRow("POST", "/login", Asks.NOTHING),
    RouteRow("GET", "/login/code", Asks.NOTHING, untried="needs a password that was right: tests/integration/test_web_profile.py"),
    RouteRow("POST", "/login/code", Asks.NOTHING, untried="needs a password that was right: tests/integration/test_web_profile.py"),
    RouteRow("GET", "/forgot", Asks.NOTHING),
    RouteRow("POST", "/forgot", Asks.NOTHING),
    RouteRow("GET", "/link/{token}", Asks.NOTHING, url="/link/x"),
    RouteRow("POST", "/link/{token}", Asks.NOTHING, url="/link/x"),
    RouteRow("GET", "/public/public.css", Asks.NOTHING),
    RouteRow("GET", "/u/{token}", Asks.NOTHING, url="/u/x"),
    RouteRow("GET", "/c/{token}", Asks.NOTHING, url="/c/x"),
    RouteRow("GET", "/o/{token}.gif", Asks.NOTHING, url="/o/x.gif"),
    RouteRow("GET", "/v/{token}", Asks.NOTHING, url="/v/x"),
    RouteRow("POST", "/u/{token}", Asks.NOTHING, url="/u/x"),
    RouteRow("GET", "/subscribe/{token}", Asks.NOTHING, url="/subscribe/x"),
    RouteRow("POST", "/subscribe/{token}", Asks.NOTHING, url="/subscribe/x"),
    RouteRow("GET", "/confirm/{token}", Asks.NOTHING, url="/confirm/x"),
    RouteRow("POST", "/confirm/{token}", Asks.NOTHING, url="/confirm/x"),
    RouteRow("POST", "/u/{token}/undo", Asks.NOTHING, url="/u/x/undo"),
    RouteRow("GET", "/c/{token}", Asks.NOTHING, url="/c/x"),
    RouteRow("GET", "/o/{token}.gif", Asks.NOTHING, url="/o/x.gif"),
    RouteRow("GET", "/v/{token}", Asks.NOTHING, url="/v/x"),
    RouteRow("POST", "/logout", Asks.SIGN_IN, untried="it would be the last that is tried"),
    RouteRow("GET", "/profile", Asks.SIGN_IN),
    RouteRow("POST", "/profile", Asks.SIGN_IN, form={"name": "Ana", "language": "es"}),
    RouteRow("GET", "/profile/password", Asks.SIGN_IN),
    RouteRow("POST", "/profile/password", Asks.SIGN_IN),
    RouteRow("GET", "/profile/second-factor", Asks.SIGN_IN),
    RouteRow("POST", "/profile/second-factor", Asks.SIGN_IN),
    RouteRow("POST", "/profile/second-factor/codes", Asks.SIGN_IN),
    RouteRow("POST", "/profile/second-factor/disable", Asks.SIGN_IN),
    RouteRow("GET", "/profile/sessions", Asks.SIGN_IN),
    RouteRow("POST", "/profile/sessions", Asks.SIGN_IN, untried="ends the session that tries"),
    RouteRow("POST", "/account", Asks.SIGN_IN, form={"account": "{account}", "next": "/"}),
    RouteRow("GET", "/status", Asks.SIGN_IN),
    RouteRow("GET", "/certificate/{code}", Asks.NOTHING, url="/certificate/ABCD-ABCD"),
    RouteRow("GET", "/training", Asks.SIGN_IN),
    RouteRow("POST", "/training", Asks.SIGN_IN),
    RouteRow("GET", "/training/certificates/{user}", Asks.SIGN_IN, url="/training/certificates/1", untried="needs a certificate: tests/integration/test_training.py"),
    RouteRow("GET", "/manuals", Asks.SIGN_IN),
    RouteRow("GET", "/manuals/guide", Asks.SIGN_IN),
    RouteRow("GET", "/manuals/{name}.pdf", Asks.SIGN_IN, url="/manuals/api.es.pdf"),
    RouteRow("GET", "/", Asks.SIGN_IN),
    RouteRow("GET", "/sandbox", Asks.SIGN_IN),
    RouteRow("GET", "/sandbox/live", Asks.SIGN_IN, untried="it never ends"),
    RouteRow("POST", "/sandbox/clear", Asks.SIGN_IN),
    RouteRow("GET", "/sandbox/messages/{id}", Asks.SIGN_IN, url="/sandbox/messages/1", untried="needs a mail there: tests/integration/test_web_sandbox.py"),
    RouteRow(
        "GET", "/sandbox/messages/{id}/html", Asks.SIGN_IN, url="/sandbox/messages/1/html",
        untried="needs a mail there: tests/integration/test_web_sandbox.py",
    ),
    RouteRow(
        "GET", "/sandbox/messages/{id}/source", Asks.SIGN_IN, url="/sandbox/messages/1/source",
        untried="needs a mail there: tests/integration/test_web_sandbox.py",
    ),
    RouteRow(
        "GET", "/sandbox/messages/{id}/parts/{number}", Asks.SIGN_IN,
        url="/sandbox/messages/1/parts/1", untried="needs a mail there: tests/integration/test_web_sandbox.py",
    ),
    RouteRow("GET", "/search", Asks.SIGN_IN, url="/search?q=a"),
    RouteRow("GET", "/support", Asks.SIGN_IN),
    RouteRow(
        "POST", "/support", Permission.ACCOUNT_VIEW,
        form={"category": "other", "subject": "x", "text": "x", "contact": "x"},
    ),
    RouteRow("GET", "/support/{number}", Permission.ACCOUNT_VIEW, url="/support/{incident}"),
    RouteRow(
        "POST", "/support/{number}", Permission.ACCOUNT_VIEW, url="/support/{incident}",
        form={"text": "more"},
    ),
    RouteRow("GET", "/privacy/retention", Permission.AUDIT_VIEW),
    RouteRow("GET", "/privacy/processor", Permission.AUDIT_VIEW),
    RouteRow("GET", "/closing", Permission.PRIVACY_MANAGE),
    RouteRow("POST", "/closing/exports", Permission.PRIVACY_MANAGE),
    RouteRow(
        "GET", "/closing/exports/{id}", Permission.PRIVACY_MANAGE,
        url="/closing/exports/{account_export}",
    ),
    RouteRow(
        "POST", "/closing/erase", Permission.PRIVACY_MANAGE, form={"typed": "no", "why": "x"}
    ),
    RouteRow(
        "GET", "/closing/decide/{id}", Permission.PRIVACY_MANAGE,
        url="/closing/decide/{erasure_approval}",
    ),
    RouteRow(
        "POST", "/closing/decide/{id}", Permission.PRIVACY_MANAGE,
        url="/closing/decide/{erasure_approval}", form={"decision": "reject", "why": "x"},
    ),
    RouteRow("POST", "/closing/{number}/undo", Permission.PRIVACY_MANAGE, url="/closing/{erasure}/undo"),
    RouteRow(
        "GET", "/closing/{number}/certificate", Permission.PRIVACY_MANAGE,
        url="/closing/{erasure}/certificate",
    ),
    RouteRow("GET", "/incidents", Permission.AUDIT_VIEW),
    RouteRow("GET", "/incidents.csv", Permission.AUDIT_VIEW),
    RouteRow("GET", "/incidents.xlsx", Permission.AUDIT_VIEW),
    RouteRow("GET", "/incidents/{number}", Permission.AUDIT_VIEW, url="/incidents/{incident}"),
    RouteRow(
        "GET", "/incidents/{number}/report", Permission.AUDIT_VIEW, url="/incidents/{incident}/report"
    ),
    RouteRow(
        "POST", "/incidents/{number}/judge", Permission.SETTINGS_MANAGE,
        url="/incidents/{incident}/judge",
        form={"kind": "service", "severity": "low", "known": "2020-01-01T00:00", "happened": "x"},
    ),
    RouteRow(
        "POST", "/incidents/{number}/tell", Permission.SETTINGS_MANAGE,
        url="/incidents/{incident}/tell",
        form={"whom": "other", "name": "x", "way": "mail", "told": "2020-01-01T00:00"},
    ),
    RouteRow(
        "POST", "/incidents/{number}/link", Permission.SETTINGS_MANAGE,
        url="/incidents/{incident}/link", form={"refund": "{refund}"},
    ),
    RouteRow("GET", "/webhooks", Permission.WEBHOOK_VIEW),
    RouteRow(
        "POST", "/webhooks", Permission.WEBHOOK_MANAGE, form={"url": "https://x.example.org/"}
    ),
    RouteRow("GET", "/webhooks/{id}", Permission.WEBHOOK_VIEW, url="/webhooks/{hook}"),
    RouteRow(
        "POST", "/webhooks/{id}", Permission.WEBHOOK_MANAGE, url="/webhooks/{hook}",
        form={"url": "https://x.example.org/"},
    ),
    RouteRow(
        "POST", "/webhooks/{id}/{action}", Permission.WEBHOOK_MANAGE, url="/webhooks/{hook}/pause"
    ),
    RouteRow(
        "POST", "/webhooks/{id}/replay", Permission.WEBHOOK_MANAGE, url="/webhooks/{hook}/replay",
        form={"delivery": "1"},
    ),
    RouteRow("GET", "/suppressions", Permission.SUPPRESSION_VIEW),
    RouteRow(
        "POST", "/suppressions", Permission.SUPPRESSION_MANAGE,
        form={"address": "x@example.com", "addresses": "x@example.com"},
    ),
    RouteRow(
        "POST", "/suppressions/remove", Permission.SUPPRESSION_MANAGE,
        form={"address": "gone@example.com", "account": "{account}", "why": "asked"},
    ),
    RouteRow("POST", "/suppressions/undo", Permission.SUPPRESSION_MANAGE),
    RouteRow(
        "POST", "/suppressions/import", Permission.SUPPRESSION_MANAGE, file="x@example.com\r\n"
    ),
    RouteRow("GET", "/suppressions/export", Permission.EXPORT),
    RouteRow(
        "POST", "/suppressions/export.{kind}", Permission.EXPORT, url="/suppressions/export.xlsx"
    ),
    RouteRow("POST", "/suppressions/held", Permission.SUPPRESSION_MANAGE, form={"action": "drop"}),
    RouteRow("GET", "/tracking", Permission.DOMAIN_VIEW),
    RouteRow("POST", "/tracking/mode", Permission.DOMAIN_MANAGE, form={"mode": "full"}),
    RouteRow("POST", "/tracking/domain", Permission.DOMAIN_MANAGE, form={"remove": "1"}),
    RouteRow("POST", "/tracking/check", Permission.DOMAIN_VIEW),
    RouteRow("GET", "/domains", Permission.DOMAIN_VIEW),
    RouteRow("POST", "/domains", Permission.DOMAIN_MANAGE, form={"domain": "x.example.net"}),
    RouteRow("GET", "/domains/{domain}", Permission.DOMAIN_VIEW, url="/domains/{domain}"),
    RouteRow(
        "POST", "/domains/{domain}/check", Permission.DOMAIN_VIEW, url="/domains/{domain}/check"
    ),
    RouteRow(
        "POST", "/domains/{domain}/remove", Permission.DOMAIN_MANAGE,
        url="/domains/{lone_domain}/remove",
    ),
    RouteRow("GET", "/credentials", Permission.CREDENTIAL_VIEW),
    RouteRow("GET", "/credentials/new", Permission.CREDENTIAL_MANAGE),
    RouteRow(
        "POST", "/credentials/new", Permission.CREDENTIAL_MANAGE,
        form={"name": "ERP", "scopes": "mail.send", "kind": "live"},
    ),
    RouteRow(
        "POST", "/credentials/{id}/rotate", Permission.CREDENTIAL_MANAGE,
        url="/credentials/{credential}/rotate",
    ),
    RouteRow(
        "POST", "/credentials/{id}/revoke", Permission.CREDENTIAL_MANAGE,
        url="/credentials/{credential}/revoke",
    ),
    RouteRow(
        "GET", "/credentials/{id}/first", Permission.CREDENTIAL_VIEW,
        url="/credentials/{credential}/first",
    ),
    RouteRow("GET", "/accounts", Permission.ACCOUNT_VIEW),
    RouteRow("GET", "/accounts/new", Permission.ACCOUNT_MANAGE),
    RouteRow(
        "POST", "/accounts/new", Permission.ACCOUNT_MANAGE,
        form={"name": "n{number}", "parent": "{account}"},
    ),
    RouteRow("GET", "/accounts/{id}", Permission.ACCOUNT_VIEW, url="/accounts/{sub}"),
    RouteRow(
        "POST", "/accounts/{id}/settings", Permission.ACCOUNT_MANAGE, url="/accounts/{sub}/settings",
        form={"name": "n{number}"},
    ),
    RouteRow(
        "POST", "/accounts/{id}/training", Permission.ACCOUNT_MANAGE, url="/accounts/{sub}/training",
        form={"addresses": "a@example.com"},
    ),
    RouteRow(
        "POST", "/accounts/{id}/share", Permission.QUOTA_MOVE, url="/accounts/{sub}/share",
        form={"action": "cap", "amount": "5"},
    ),
    RouteRow(
        "POST", "/accounts/{id}/state", Permission.ACCOUNT_MANAGE, url="/accounts/{sub}/state",
        form={"action": "disable"},
    ),
    RouteRow("GET", "/users", Permission.USER_MANAGE, also=Permission.AUDIT_VIEW),
    RouteRow("GET", "/users/new", Permission.USER_MANAGE),
    RouteRow(
        "POST", "/users/new", Permission.USER_MANAGE,
        form={
            "email": "n{number}@example.org", "role": "viewer", "account": "{account}",
            "language": "es",
        },
    ),
    RouteRow(
        "GET", "/users/{id}", Permission.USER_MANAGE, also=Permission.AUDIT_VIEW, url="/users/{user}"
    ),
    RouteRow(
        "POST", "/users/{id}/role", Permission.USER_MANAGE, url="/users/{user}/role",
        form={"account": "{account}", "role": "viewer"},
    ),
    RouteRow(
        "POST", "/users/{id}/state", Permission.USER_MANAGE, url="/users/{user}/state",
        form={"action": "enable"},
    ),
    RouteRow("GET", "/quota", Permission.QUOTA_VIEW),
    RouteRow(
        "POST", "/quota/move", Permission.QUOTA_MOVE,
        form={"source": "{sub}", "target": "{account}", "amount": "1"},
    ),
    RouteRow("GET", "/quota/ledger", Permission.QUOTA_VIEW),
    RouteRow("GET", "/quota/ledger.csv", Permission.EXPORT),
    RouteRow("GET", "/refunds", Permission.QUOTA_VIEW),
    RouteRow("GET", "/refunds/new", Permission.REFUND_PROPOSE),
    RouteRow(
        "POST", "/refunds/new", Permission.REFUND_PROPOSE,
        form={"by": "flow", "flow": "1", "reason": "x", "action": "propose"},
    ),
    RouteRow("GET", "/refunds/{id}", Permission.QUOTA_VIEW, url="/refunds/{refund}"),
    RouteRow(
        "GET", "/refunds/{id}/deliveries.csv", Permission.EXPORT,
        url="/refunds/{refund}/deliveries.csv",
    ),
    RouteRow(
        "GET", "/refunds/{id}/deliveries.xlsx", Permission.EXPORT,
        url="/refunds/{refund}/deliveries.xlsx",
    ),
    RouteRow(
        "POST", "/refunds/{id}/decide", Permission.REFUND_CONFIRM, url="/refunds/{refund}/decide",
        form={"decision": "confirm"},
    ),
    RouteRow(
        "POST", "/refunds/{id}/again", Permission.REFUND_PROPOSE, url="/refunds/{refund}/again"
    ),
    RouteRow("GET", "/approvals", Asks.SIGN_IN),
    RouteRow("GET", "/privacy", Permission.PRIVACY_MANAGE),
    *(
        RouteRow(
            "POST", path, Permission.PRIVACY_MANAGE,
            form={"address": "x@example.com", "why": "asked", "typed": "x@example.com"},
        )
        for path in ("/privacy", "/privacy/export", "/privacy/erase")
    ),
    # Without an erasure there is no certificate: 404 for who may, too. See its own test.
    RouteRow("POST", "/privacy/certificate", Permission.PRIVACY_MANAGE, untried="needs an erasure, 404 for all without: tests/integration/test_web_privacy.py"),
    RouteRow("GET", "/audit", Permission.AUDIT_VIEW),
    RouteRow("GET", "/audit.csv", Permission.AUDIT_VIEW),
    RouteRow("POST", "/audit/verify", Permission.AUDIT_VIEW),
    RouteRow("GET", "/activity", Permission.MAIL_VIEW),
    RouteRow("POST", "/activity/export.{kind}", Permission.EXPORT, url="/activity/export.csv"),
    # Whose mail it is, is asked by the service: see the tests of the mail log.
    RouteRow("GET", "/activity/{id}", Permission.MAIL_VIEW, url="/activity/1", untried="needs a mail: its service asks whose it is: tests/matrix/mail.py"),
    RouteRow(
        "POST", "/activity/{id}/cancel", Permission.MAIL_CANCEL, url="/activity/1/cancel",
        untried="needs a mail: its service asks whose it is: tests/matrix/mail.py",
    ),
    RouteRow(
        "POST", "/activity/{id}/resend", Permission.MAIL_CANCEL, url="/activity/1/resend",
        untried="needs a mail: its service asks whose it is: tests/matrix/mail.py",
    ),
    RouteRow("GET", "/contacts", Permission.CONTACT_VIEW),
    RouteRow("POST", "/contacts", Permission.CONTACT_EDIT, form={"email": "b@example.com"}),
    RouteRow("GET", "/contacts/export.csv", Permission.EXPORT),
    RouteRow(
        "POST", "/contacts/enlist", Permission.CONTACT_EDIT,
        form={"list": "{list}", "contact": "{contact}"},
    ),
    RouteRow("GET", "/contacts/{id}", Permission.CONTACT_VIEW, url="/contacts/{contact}"),
    RouteRow(
        "POST", "/contacts/{id}", Permission.CONTACT_EDIT, url="/contacts/{contact}",
        form={"email": "c{number}@example.com", "status": "active"},
    ),
    RouteRow(
        "POST", "/contacts/{id}/remove", Permission.CONTACT_EDIT, url="/contacts/{contact}/remove"
    ),
    RouteRow("GET", "/lists", Permission.CONTACT_VIEW),
    RouteRow("POST", "/lists", Permission.CONTACT_EDIT, form={"name": "x{number}"}),
    RouteRow("GET", "/lists/{id}", Permission.CONTACT_VIEW, url="/lists/{list}"),
    RouteRow(
        "POST", "/lists/{id}", Permission.CONTACT_EDIT, url="/lists/{list}",
        form={"name": "y{number}"},
    ),
    RouteRow(
        "POST", "/lists/{id}/members", Permission.CONTACT_EDIT, url="/lists/{list}/members",
        form={"email": "b@example.com"},
    ),
    RouteRow(
        "POST", "/lists/{id}/leave", Permission.CONTACT_EDIT, url="/lists/{list}/leave",
        form={"contact": "1"},
    ),
    RouteRow("GET", "/segments", Permission.CONTACT_VIEW),
    RouteRow("GET", "/segments/new", Permission.CONTACT_EDIT),
    RouteRow(
        "POST", "/segments", Permission.CONTACT_EDIT,
        form={"name": "s{number}", "field-0": "email", "op-0": "filled"},
    ),
    RouteRow(
        "POST", "/segments/count", Permission.CONTACT_VIEW,
        form={"field-0": "email", "op-0": "filled"},
    ),
    RouteRow("GET", "/segments/{id}", Permission.CONTACT_VIEW, url="/segments/{segment}"),
    RouteRow(
        "POST", "/segments/{id}", Permission.CONTACT_EDIT, url="/segments/{segment}",
        form={"name": "t{number}", "field-0": "email", "op-0": "filled"},
    ),
    RouteRow(
        "POST", "/segments/{id}/remove", Permission.CONTACT_EDIT, url="/segments/{segment}/remove"
    ),
    RouteRow("GET", "/consents", Permission.CONTACT_VIEW),
    RouteRow("GET", "/consents/export.{kind}", Permission.EXPORT, url="/consents/export.xlsx"),
    RouteRow(
        "POST", "/lists/{id}/optin", Permission.CONTACT_EDIT, url="/lists/{list}/optin",
        form={"optin": "double"},
    ),
    RouteRow("POST", "/lists/{id}/ask", Permission.CONTACT_EDIT, url="/lists/{list}/ask"),
    RouteRow("GET", "/imports", Permission.CONTACT_VIEW),
    RouteRow("POST", "/imports", Permission.CONTACT_EDIT, file="correo\na@example.com\n"),
    RouteRow("GET", "/imports/{id}", Permission.CONTACT_VIEW, url="/imports/{upload}"),
    RouteRow(
        "POST", "/imports/{id}", Permission.CONTACT_EDIT, url="/imports/{upload}",
        form={"email": "0"},
    ),
    RouteRow(
        "GET", "/imports/{id}/rejected.xlsx", Permission.CONTACT_EDIT,
        url="/imports/{upload}/rejected.xlsx",
    ),
    RouteRow("GET", "/campaigns", Permission.CAMPAIGN_VIEW),
    RouteRow("GET", "/campaigns/calendar", Permission.CAMPAIGN_VIEW),
    RouteRow("GET", "/reports", Permission.REPORT_VIEW),
    RouteRow("GET", "/reports/providers", Permission.REPORT_VIEW),
    RouteRow("GET", "/compliance", Permission.AUDIT_VIEW),
    RouteRow("GET", "/compliance.{kind}", Permission.AUDIT_VIEW, url="/compliance.csv"),
    RouteRow("GET", "/deliverability", Permission.REPORT_VIEW),
    RouteRow("GET", "/deliverability.{kind}", Permission.EXPORT, url="/deliverability.xlsx"),
    RouteRow("GET", "/reports/contract", Permission.REPORT_VIEW),
    RouteRow("GET", "/reports/contract.{kind}", Permission.EXPORT, url="/reports/contract.csv"),
    RouteRow("GET", "/exports", Permission.EXPORT),
    RouteRow("GET", "/exports/{id}/file", Permission.EXPORT, url="/exports/1/file", untried="needs a table: tests/integration/test_report_pages.py"),
    RouteRow("POST", "/exports/{id}/remove", Permission.EXPORT, url="/exports/1/remove", untried="needs a table: tests/integration/test_report_pages.py"),
    RouteRow("GET", "/reports/api", Permission.REPORT_VIEW),
    RouteRow("GET", "/reports/api.{kind}", Permission.EXPORT, url="/reports/api.csv"),
    RouteRow("GET", "/reports/panel.{kind}", Permission.EXPORT, url="/reports/panel.csv"),
    RouteRow("GET", "/reports/providers.{kind}", Permission.EXPORT, url="/reports/providers.xlsx"),
    RouteRow(
        "POST", "/campaigns/{id}/recipients.{kind}", Permission.EXPORT,
        url="/campaigns/{campaign}/recipients.csv",
    ),
    RouteRow("POST", "/campaigns/stop", Permission.CAMPAIGN_SEND),
    RouteRow("GET", "/campaigns/running", Asks.SIGN_IN),
    RouteRow("GET", "/campaigns/new", Permission.CAMPAIGN_EDIT),
    RouteRow("POST", "/campaigns/new", Permission.CAMPAIGN_EDIT, form={"name": "x"}),
    RouteRow(
        "POST", "/campaigns/upload", Permission.CAMPAIGN_EDIT, untried="takes the stream of a file",
    ),
    RouteRow(
        "POST", "/campaigns/{id}/upload", Permission.CAMPAIGN_EDIT,
        url="/campaigns/{campaign}/upload", untried="takes the stream of a file",
    ),
    RouteRow(
        "GET", "/campaigns/{id}/frame", Permission.CAMPAIGN_VIEW,
        url="/campaigns/{campaign}/frame",
    ),
    RouteRow(
        "GET", "/campaigns/{id}/preview", Permission.CAMPAIGN_VIEW,
        url="/campaigns/{campaign}/preview",
    ),
    RouteRow(
        "POST", "/campaigns/{id}/template", Permission.CAMPAIGN_EDIT,
        url="/campaigns/{campaign}/template", form={"design": "notice"},
    ),
    RouteRow(
        "POST", "/campaigns/{id}/slots", Permission.CAMPAIGN_EDIT,
        url="/campaigns/{campaign}/slots", untried="there are none without a design",
    ),
    RouteRow(
        "POST", "/campaigns/{id}/file", Permission.CAMPAIGN_EDIT,
        url="/campaigns/{campaign}/file?upload=1", untried="needs a file of an audience",
    ),
    RouteRow(
        "POST", "/campaigns/{id}/file/ready", Permission.CAMPAIGN_EDIT,
        url="/campaigns/{campaign}/file/ready?upload=1", untried="needs a file of an audience",
    ),
    *(
        RouteRow(
            "GET", "/campaigns/{id}" + path, Permission.CAMPAIGN_VIEW,
            url="/campaigns/{campaign}" + path,
        )
        for path in (
            "", "/history", "/live", "/recipients", "/audience", "/file", "/content", "/send",
            "/template", "/pace",
            "/report",
        )
    ),
    RouteRow(
        "GET", "/campaigns/{id}/live/events", Permission.CAMPAIGN_VIEW,
        url="/campaigns/{campaign}/live/events", untried="it never ends",
    ),
    *(
        RouteRow(
            "GET", f"/campaigns/{{id}}/{name}.{{kind}}", Permission.EXPORT,
            url=f"/campaigns/{{campaign}}/{name}.csv",
        )
        for name in ("report", "recipients")
    ),
    RouteRow(
        "POST", "/campaigns/{id}/audience", Permission.CAMPAIGN_EDIT,
        url="/campaigns/{campaign}/audience",
    ),
    RouteRow(
        "POST", "/campaigns/{id}/pace", Permission.CAMPAIGN_EDIT,
        url="/campaigns/{campaign}/pace", form={"rate": "1000"},
    ),
    RouteRow(
        "POST", "/campaigns/{id}/content", Permission.CAMPAIGN_EDIT,
        url="/campaigns/{campaign}/content", form={"subject": "x"},
    ),
    RouteRow(
        "POST", "/campaigns/{id}/send", Permission.CAMPAIGN_SEND, url="/campaigns/{campaign}/send"
    ),
    RouteRow(
        "POST", "/campaigns/{id}/test", Permission.CAMPAIGN_TEST, url="/campaigns/{campaign}/test"
    ),
    RouteRow(
        "POST", "/campaigns/{id}/resume", Permission.CAMPAIGN_SEND,
        url="/campaigns/{campaign}/resume",
    ),
    RouteRow(
        "POST", "/campaigns/{id}/{action}", Permission.CAMPAIGN_EDIT,
        url="/campaigns/{campaign}/clone",
    ),
)  # fmt: skip
