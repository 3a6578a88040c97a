"""Automatic messages and the events that start them; their routes, too."""

import json

from console.accounts.permissions import Permission
from console.accounts.values import Scope
from console.automations.values import Automation
from tests.accounts_world import OPERATOR
from tests.matrix.routes import RouteRow
from tests.matrix.stand import Row, Stand

WITHOUT_ACTOR = {
    "AutomationService.observe_ids": "at the start, gives nothing away",
    "StepSecrets.current": "which generation signs, for the runner's own posts",
}
INSIDE = {
    "StepSecrets.show": "AutomationService.webhook_secret has asked",
    "StepSecrets.rotate": "AutomationService.rotate_secret has asked",
}

DEFINITION = json.dumps(
    {
        "trigger": {"kind": "event", "name": "x"},
        "steps": [
            {"kind": "send", "id": "a", "subject": "x", "text": "x"},
            {"kind": "wait", "id": "day", "minutes": 1440},
            {"kind": "condition", "id": "read", "opened": "a", "then": "crm", "otherwise": ""},
            {"kind": "webhook", "id": "crm", "url": "https://crm.example/x"},
            {"kind": "end", "id": "over"},
        ],
    }
)


def _service(stand: Stand):
    return stand.services.automations.service


async def _draft(stand: Stand, account: int) -> Automation:
    return await _service(stand).create(
        OPERATOR, account, stand.name(), DEFINITION, sender="a@example.org"
    )


async def _kept(stand: Stand, account: int) -> Automation:
    return await stand.once(f"automation {account}", lambda: _draft(stand, account))


async def _active(stand: Stand, account: int) -> Automation:
    return await _service(stand).activate(OPERATOR, (await _draft(stand, account)).id)


async def _contact(stand: Stand, account: int) -> None:
    await stand.services.contacts.contacts.put(OPERATOR, account, "a@example.com", {})


async def _shown(stand, actor, _account, automation):
    found = await _service(stand).list(actor, count=1000)
    return any(one.id == automation.id for one in found)


def _on(verb: str, **named):
    return lambda s, a, _n, made: getattr(_service(s), verb)(a, made.id, **named)


_VIEW, _EDIT, _SEND = (
    Permission.CAMPAIGN_VIEW,
    Permission.CAMPAIGN_EDIT,
    Permission.CAMPAIGN_SEND,
)

ROWS = (
    Row("AutomationService.list", _VIEW, _shown, make=_kept, lists=True),
    Row("AutomationService.get", _VIEW, _on("get"), make=_kept),
    Row("AutomationService.figures", _VIEW, _on("figures"), make=_kept),
    Row("AutomationService.enrolments", _VIEW, _on("enrolments"), make=_kept),
    Row(
        "AutomationService.create",
        _EDIT,
        lambda s, a, n, _: _service(s).create(a, n, s.name(), DEFINITION, sender="a@example.org"),
    ),
    Row(
        "AutomationService.edit",
        _EDIT,
        _on("edit", name="y", definition=DEFINITION, sender="a@example.org"),
        make=_draft,
    ),
    Row("AutomationService.activate", _SEND, _on("activate"), make=_draft),
    Row("AutomationService.pause", _SEND, _on("pause"), make=_active, also=_EDIT),
    Row("AutomationService.webhook_secret", _SEND, _on("webhook_secret"), make=_kept),
    Row("AutomationService.rotate_secret", _SEND, _on("rotate_secret"), make=_kept),
    Row(
        "AutomationService.test",
        Permission.CAMPAIGN_TEST,
        _on("test", to="a@example.com"),
        make=_kept,
    ),
    Row("AutomationService.archive", _EDIT, _on("archive"), make=_draft),
    Row(
        "EventService.take",
        Permission.MAIL_SEND,
        lambda s, a, n, _: s.services.automations.events.take(a, n, "x", "a@example.com"),
        make=_contact,
    ),
)

_V1 = "/api/v1/automations"
_REQUEST = {
    "name": "y",
    "from": {"email": "a@own.example.org"},
    "definition": json.loads(DEFINITION),
}
_SEEN, _CHANGED = Scope.CAMPAIGN_VIEW, Scope.CAMPAIGN_EDIT


def _api(method: str, tail: str, scope: Scope, also: Scope | None = None, body: object = None):
    return RouteRow(
        method,
        f"{_V1}/{{id}}{tail}",
        scope,
        also=also,
        url=f"{_V1}/{{automation}}{tail}",
        json=body,
    )


API_ROUTES = (
    RouteRow("GET", _V1, _SEEN, also=_CHANGED),
    RouteRow("POST", _V1, _CHANGED, json=_REQUEST),
    _api("GET", "", _SEEN, _CHANGED),
    _api("PUT", "", _CHANGED, body=_REQUEST),
    _api("POST", "/activate", Scope.CAMPAIGN_SEND),
    _api("POST", "/pause", Scope.CAMPAIGN_SEND, _CHANGED),
    _api("POST", "/archive", _CHANGED),
    _api("POST", "/test", Scope.CAMPAIGN_TEST, body={"to": "a@example.com"}),
    _api("GET", "/steps", _SEEN, _CHANGED),
    _api("GET", "/enrolments", _SEEN, _CHANGED),
    RouteRow(
        "POST", "/api/v1/events", Scope.SEND, json={"name": "x", "email": "nobody@example.com"}
    ),
)


def _page(method: str, tail: str, asks: Permission, form: dict[str, str] | None = None):
    return RouteRow(
        method,
        f"/automations/{{id}}{tail}",
        asks,
        url=f"/automations/{{automation}}{tail.replace('{action}', 'pause')}",
        form=form or {},
    )


PAGE_ROUTES = (
    RouteRow("GET", "/automations", _VIEW),
    RouteRow("GET", "/automations/new", _EDIT),
    RouteRow("POST", "/automations/new", _EDIT, form={"do": "show"}),
    _page("GET", "", _VIEW),
    _page("GET", "/edit", _EDIT),
    _page("POST", "/edit", _EDIT, {"do": "show"}),
    _page("POST", "/secret", _SEND),
    _page("POST", "/rotate", _SEND),
    _page("POST", "/test", Permission.CAMPAIGN_TEST),
    RouteRow(
        "POST",
        "/automations/{id}/{action}",
        _EDIT,
        also=_SEND,
        url="/automations/{automation}/pause",
    ),
)
