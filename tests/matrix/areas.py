"""Suppressions, webhooks, domains, incidents."""

from console.accounts.incidents.entries import Judgement, Kind, Severity, Whom
from console.accounts.incidents.values import Category, IncidentState
from console.accounts.permissions import Permission
from console.suppressions.files import FileRow
from console.tracking.accounts import TrackingMode
from tests.accounts_world import OPERATOR
from tests.matrix.quota import _refund
from tests.matrix.stand import Row, Stand

WITHOUT_ACTOR = {
    "IncidentService.observe_ids": "at the start, gives nothing away",
    "IncidentRegister.observe_ids": "at the start, gives nothing away",
    "SendingDomains.read_return_paths": "tells the running server alone",
    "SendingDomains.remove_keys": "for an erasure that two people have confirmed",
}

INSIDE = {
    "IncidentService.may_move": "a question without effect",
    "IncidentRegister.countdown": "reckons, and asks nothing",
}

ADDRESS = "gone@example.com"


async def _suppressed(stand: Stand, account: int) -> str:
    address = f"gone-from-{account}@example.com"
    await stand.services.areas.suppressions.service.add(OPERATOR, account, [address])
    return address


async def _removed(stand: Stand, account: int):
    address = await _suppressed(stand, account)
    service = stand.services.areas.suppressions.service
    return await service.remove(OPERATOR, account, address, "by mistake")


async def _hook(stand: Stand, account: int) -> int:
    async def make() -> int:
        hooks = stand.services.areas.webhooks.service
        return (await hooks.add(OPERATOR, account, "https://hooks.example.org/")).webhook.id

    return await stand.once(f"hook {account}", make)


async def _lone_hook(stand: Stand, account: int) -> int:
    hooks = stand.services.areas.webhooks.service
    for hook in await hooks.all(OPERATOR, account):
        await hooks.remove(OPERATOR, hook.id)
    stand.forget(f"hook {account}")
    return await _hook(stand, account)


async def _domain(stand: Stand, account: int) -> str:
    async def make() -> str:
        domains = stand.services.areas.domains.service
        return (await domains.add(OPERATOR, stand.domain(), account)).name

    return await stand.once(f"domain {account}", make)


async def _lone_domain(stand: Stand, account: int) -> str:
    return (await stand.services.areas.domains.service.add(OPERATOR, stand.domain(), account)).name


async def _incident(stand: Stand, account: int) -> int:
    incidents = stand.services.areas.incidents
    opened = await incidents.open(OPERATOR, account, Category.OTHER, "x", "x", "x")
    return opened.number


def _suppression(verb: str, *arguments, **named):
    return lambda s, a, n, _: getattr(s.services.areas.suppressions.service, verb)(
        a, n, *arguments, **named
    )


def _webhook(verb: str, *arguments):
    return lambda s, a, _n, made: getattr(s.services.areas.webhooks.service, verb)(
        a, made, *arguments
    )


def _domains(verb: str):
    return lambda s, a, _n, made: getattr(s.services.areas.domains.service, verb)(a, made)


def _incidents(verb: str, *arguments):
    return lambda s, a, _n, made: getattr(s.services.areas.incidents, verb)(a, made, *arguments)


def _register(verb: str, *arguments):
    return lambda s, a, _n, made: getattr(s.services.areas.register, verb)(a, made, *arguments)


async def _registered(stand, actor, _account, number):
    return any(
        one.incident.number == number for one in await stand.services.areas.register.page(actor)
    )


async def _registered_all(stand, actor, _account, number):
    pieces = [piece async for piece in stand.services.areas.register.all(actor)]
    return any(one.incident.number == number for piece in pieces for one in piece)


async def _judgement(stand, account):
    return Judgement(
        Kind.SECURITY,
        Severity.HIGH,
        0,
        stand.services.foundation.clock.now_ms(),
        True,
        "x",
        "",
        1,
        "",
    )


async def _judged(stand, actor, _account, number):
    judgement = await _judgement(stand, 0)
    return await stand.services.areas.register.judge(actor, number, judgement)


async def _with_refund(stand, account):
    refund = await stand.once(f"linked refund {account}", lambda: _refund(stand, account))
    incident = await _incident(stand, account)
    await stand.services.areas.register.link(OPERATOR, incident, refund)
    return incident, refund


async def _causes_shown(stand, actor, _account, made):
    found = await stand.services.areas.register.causes(actor, made[1])
    return any(cause.number == made[0] for cause in found)


async def _choices_shown(stand, actor, _account, made):
    found = await stand.services.areas.register.refund_choices(actor)
    return any(choice.id == made[1] for choice in found)


async def _entries_shown(stand, actor, account, _):
    entries = await stand.services.areas.suppressions.service.entries(actor)
    return any(entry.account == account for entry in entries)


async def _exported(stand, actor, _account, address):
    text, _ = await stand.services.areas.suppressions.service.export_page(actor)
    return address in text


async def _entries(stand, actor, account, _):
    service = stand.services.areas.suppressions.service
    return [piece async for piece in service.export_entries(actor, account)]


async def _pieces(stand, actor, account, _):
    service = stand.services.areas.suppressions.service
    return [piece async for piece in service.export(actor, account)]


async def _hooks_shown(stand, actor, _account, hook):
    return any(h.id == hook for h in await stand.services.areas.webhooks.service.all(actor))


async def _domain_shown(stand, actor, _account, domain):
    return any(d.name == domain for d in await stand.services.areas.domains.service.all(actor))


async def _incident_shown(stand, actor, _account, number):
    return any(i.number == number for i in await stand.services.areas.incidents.list(actor))


ROWS = (
    Row(
        "SuppressionService.entries",
        Permission.SUPPRESSION_VIEW,
        _entries_shown,
        make=_suppressed,
        lists=True,
    ),
    Row("SuppressionService.entries", Permission.SUPPRESSION_VIEW, _suppression("entries")),
    Row("SuppressionService.counts", Permission.SUPPRESSION_VIEW, _suppression("counts")),
    Row("SuppressionService.held", Permission.SUPPRESSION_VIEW, _suppression("held")),
    Row("SuppressionService.add", Permission.SUPPRESSION_MANAGE, _suppression("add", [ADDRESS])),
    Row(
        "SuppressionService.import_rows",
        Permission.SUPPRESSION_MANAGE,
        _suppression("import_rows", [FileRow(1, ADDRESS)]),
    ),
    Row(
        "SuppressionService.remove",
        Permission.SUPPRESSION_MANAGE,
        _suppression("remove", ADDRESS, "asked for it"),
        make=_suppressed,
    ),
    Row(
        "SuppressionService.decide_held",
        Permission.SUPPRESSION_MANAGE,
        _suppression("decide_held", suppress=True),
    ),
    Row(
        "SuppressionService.export_page",
        Permission.EXPORT,
        _exported,
        make=_suppressed,
        lists=True,
    ),
    Row("SuppressionService.export_page", Permission.EXPORT, _suppression("export_page")),
    Row("SuppressionService.export", Permission.EXPORT, _pieces),
    Row("SuppressionService.export_entries", Permission.EXPORT, _entries),
    Row(
        "SuppressionService.put_back",
        Permission.SUPPRESSION_MANAGE,
        lambda s, a, n, entries: s.services.areas.suppressions.service.put_back(a, n, entries),
        make=_removed,
    ),
    Row("WebhookService.all", Permission.WEBHOOK_VIEW, _hooks_shown, make=_hook, lists=True),
    Row("WebhookService.get", Permission.WEBHOOK_VIEW, _webhook("get"), make=_hook),
    Row("WebhookService.deliveries", Permission.WEBHOOK_VIEW, _webhook("deliveries"), make=_hook),
    Row(
        "WebhookService.add",
        Permission.WEBHOOK_MANAGE,
        lambda s, a, n, _: s.services.areas.webhooks.service.add(a, n, "https://x.example.org/"),
    ),
    Row("WebhookService.change", Permission.WEBHOOK_MANAGE, _webhook("change"), make=_hook),
    Row("WebhookService.pause", Permission.WEBHOOK_MANAGE, _webhook("pause"), make=_hook),
    Row("WebhookService.enable", Permission.WEBHOOK_MANAGE, _webhook("enable"), make=_hook),
    Row("WebhookService.rotate", Permission.WEBHOOK_MANAGE, _webhook("rotate"), make=_hook),
    Row("WebhookService.test", Permission.WEBHOOK_MANAGE, _webhook("test"), make=_hook),
    Row("WebhookService.replay", Permission.WEBHOOK_MANAGE, _webhook("replay", 1), make=_hook),
    Row("WebhookService.remove", Permission.WEBHOOK_MANAGE, _webhook("remove"), make=_lone_hook),
    Row("SendingDomains.all", Permission.DOMAIN_VIEW, _domain_shown, make=_domain, lists=True),
    Row("SendingDomains.get", Permission.DOMAIN_VIEW, _domains("get"), make=_domain),
    Row("SendingDomains.check", Permission.DOMAIN_VIEW, _domains("check"), make=_domain),
    Row(
        "SendingDomains.add",
        Permission.DOMAIN_MANAGE,
        lambda s, a, n, _: s.services.areas.domains.service.add(a, s.domain(), n),
    ),
    Row("SendingDomains.remove", Permission.DOMAIN_MANAGE, _domains("remove"), make=_lone_domain),
    Row(
        "TrackingService.get",
        Permission.DOMAIN_VIEW,
        lambda s, a, n, _: s.services.areas.tracking.service.get(a, n),
    ),
    Row(
        "TrackingService.check",
        Permission.DOMAIN_VIEW,
        lambda s, a, n, _: s.services.areas.tracking.service.check(a, n),
    ),
    Row(
        "TrackingService.set_mode",
        Permission.DOMAIN_MANAGE,
        lambda s, a, n, _: s.services.areas.tracking.service.set_mode(a, n, TrackingMode.FULL),
    ),
    Row(
        "TrackingService.set_domain",
        Permission.DOMAIN_MANAGE,
        lambda s, a, n, _: s.services.areas.tracking.service.set_domain(a, n, ""),
    ),
    Row(
        "IncidentService.open",
        Permission.ACCOUNT_VIEW,
        lambda s, a, n, _: s.services.areas.incidents.open(a, n, Category.OTHER, "x", "x", "x"),
    ),
    Row(
        "IncidentService.list", Permission.ACCOUNT_VIEW, _incident_shown, make=_incident, lists=True
    ),
    Row("IncidentService.get", Permission.ACCOUNT_VIEW, _incidents("get"), make=_incident),
    Row("IncidentService.notes", Permission.ACCOUNT_VIEW, _incidents("notes"), make=_incident),
    Row(
        "IncidentService.add_note",
        Permission.ACCOUNT_VIEW,
        _incidents("add_note", "more"),
        make=_incident,
    ),
    Row(
        "IncidentService.move",
        Permission.SETTINGS_MANAGE,
        _incidents("move", IncidentState.CLOSED, "done"),
        make=_incident,
    ),
    Row("IncidentRegister.page", Permission.AUDIT_VIEW, _registered, make=_incident, lists=True),
    Row("IncidentRegister.all", Permission.AUDIT_VIEW, _registered_all, make=_incident, lists=True),
    Row("IncidentRegister.get", Permission.AUDIT_VIEW, _register("get"), make=_incident),
    Row(
        "IncidentRegister.judgements",
        Permission.AUDIT_VIEW,
        _register("judgements"),
        make=_incident,
    ),
    Row("IncidentRegister.notices", Permission.AUDIT_VIEW, _register("notices"), make=_incident),
    Row("IncidentRegister.refunds", Permission.AUDIT_VIEW, _register("refunds"), make=_incident),
    Row("IncidentRegister.judge", Permission.SETTINGS_MANAGE, _judged, make=_incident),
    Row(
        "IncidentRegister.tell",
        Permission.SETTINGS_MANAGE,
        _register("tell", Whom.OTHER, "x", "mail", 1, ""),
        make=_incident,
    ),
    Row(
        "IncidentRegister.link",
        Permission.SETTINGS_MANAGE,
        lambda s, a, _n, made: s.services.areas.register.link(a, *made),
        make=_with_refund,
    ),
    Row(
        "IncidentRegister.causes",
        Permission.ACCOUNT_VIEW,
        _causes_shown,
        make=_with_refund,
        lists=True,
    ),
    Row(
        "IncidentRegister.refund_choices",
        Permission.QUOTA_VIEW,
        _choices_shown,
        make=_with_refund,
        lists=True,
    ),
)
