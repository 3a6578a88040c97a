"""The evidence of each clause, in the words of a page: functions of what was counted."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from console.accounts.quota.term import last_day
from console.pages.texts import Texts
from console.reports.compliance import Evidence
from mta.model.traffic import DeliveryState

SHOWN = 10  # campaigns whose pace is told
NEEDED_PER_HOUR = 300_000  # T-d


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of evidence, ready to be read; `href` leads to what is behind it, "" to nothing."""

    text: str
    href: str = ""


@dataclass(frozen=True, slots=True)
class Support:
    """How the support is reached, from the settings."""

    email: str
    phone: str
    hours: str


@dataclass(frozen=True, slots=True)
class View:
    """What facts are told of, and how."""

    texts: Texts
    found: Evidence
    support: Support
    moment: Callable[[int], str]  # milliseconds as local time

    def fact(self, key: str, href: str = "", **values: object) -> Fact:
        """A line of `compliance.fact`; whole numbers are written as the language does."""
        shown = {k: self.texts.number(v) if isinstance(v, int) else v for k, v in values.items()}
        return Fact(self.texts(f"compliance.fact.{key}", **shown), href)

    def counted(self, key: str, n: int, href: str = "", **values: object) -> Sequence[Fact]:
        """The line, if there is any of it."""
        return (self.fact(key, href, n=n, **values),) if n else ()

    def noted(self, key: str, href: str, *prefixes: str) -> Sequence[Fact]:
        """How often the trail has it, and when last."""
        n, at_ms = self.found.done(*prefixes)
        return (self.fact(key, href, n=n, at=self.moment(at_ms)),) if n else ()


Teller = Callable[[View], Sequence[Fact]]


def _files(view: View) -> Sequence[Fact]:
    counts, campaigns = view.found.counts, view.found.finished
    return (
        *view.counted("files", counts.files, "/imports", rows=counts.rows),
        *view.counted("file_campaigns", sum(c.is_of_file for c in campaigns), "/campaigns"),
        *view.noted("scheduled", "/campaigns/calendar", "campaign.scheduled"),
        *_door(view, "api", "api_mails"),
    )


def _reports(view: View) -> Sequence[Fact]:
    f, e = view.found.figures, view.found.engagement
    if not f.attempted:
        return ()
    return (
        view.fact("sent", "/reports", n=f.attempted, delivered=f.delivered, bounced=f.bounced),
        view.fact("opened", "/reports", n=e.unique_opens, total=e.total_opens),
        view.fact("clicked", "/reports", n=e.unique_clicks, total=e.total_clicks),
        view.fact("unsubscribed", "/reports", n=f.unsubscribed),
        *_use(view),
    )


def _use(view: View) -> Sequence[Fact]:
    return view.counted("requests", sum(row[1] for row in view.found.doors), "/reports/api")


def _shares(view: View) -> Sequence[Fact]:
    counts, (shared, granted, consumed) = view.found.counts, view.found.shares
    roles = ", ".join(
        f"{view.texts(f'role.{role}.name')} {view.texts.number(n)}"
        for role, n in view.found.roles.items()
    )
    return (
        *view.counted("people", counts.people, "/users", roles=roles),
        *view.counted("subaccounts", counts.subaccounts, "/accounts"),
        *view.counted("shares", shared, "/quota", granted=granted, consumed=consumed),
    )


def _pace(view: View) -> Sequence[Fact]:
    """The measured mails an hour of each campaign; the largest tells most."""
    told = sorted(view.found.finished, key=lambda c: -c.recipients)[:SHOWN]
    return [
        view.fact(
            "pace", f"/campaigns/{c.id}/report", name=c.name, n=c.recipients, rate=c.per_hour,
            duration=view.texts.duration(c.sending_ms / 1000),
        )
        for c in told if c.per_hour
    ]  # fmt: skip


def _arrival(view: View) -> Sequence[Fact]:
    counts, f, texts = view.found.counts, view.found.figures, view.texts
    rates = (
        view.fact(
            "rates", "/deliverability", success=texts.percent(f.delivered, f.attempted),
            bounced=texts.percent(f.bounced, f.attempted),
            complained=texts.percent(f.complained, f.delivered, 2),
        ),
    )  # fmt: skip
    suppressed = f.of(DeliveryState.SUPPRESSED)
    return (
        *view.counted("domains", counts.domains, "/domains", verified=counts.verified),
        *(rates if f.attempted else ()),
        *view.counted("left_out", suppressed, "/suppressions"),
    )


def _door(view: View, door: str, key: str) -> Sequence[Fact]:
    found = next((row for row in view.found.doors if row[0] == door), None)
    return view.counted(key, found[2], "/reports/api") if found else ()


def _relay(view: View) -> Sequence[Fact]:
    return (
        *view.counted("keys", view.found.counts.keys, "/credentials"),
        *_door(view, "api", "api_mails"),
        *_door(view, "smtp", "smtp_mails"),
    )


def _subscribers(view: View) -> Sequence[Fact]:
    campaigns = view.found.finished
    return (
        *view.counted("attempted", view.found.figures.attempted, "/reports"),
        *view.counted(
            "campaigns", len(campaigns), "/campaigns", mails=sum(c.recipients for c in campaigns)
        ),
    )


def _templates(view: View) -> Sequence[Fact]:
    return view.counted("templates", view.found.counts.templates, "/templates")


def _hours(view: View) -> Sequence[Fact]:
    last = next(iter(view.found.finished), None)
    if last is None or not view.found.engagement.total_opens:
        return ()
    return (
        view.fact("opens", "/reports", n=view.found.engagement.total_opens),
        view.fact("last_report", f"/campaigns/{last.id}/report", name=last.name),
    )


def _automatic(view: View) -> Sequence[Fact]:
    counts = view.found.counts
    return view.counted(
        "automations", counts.automations, "/automations", enrolments=counts.enrolments
    )


def _guides(view: View) -> Sequence[Fact]:
    papers = view.found.papers
    return view.counted(
        "guides", papers.guides, "/users", delivered=papers.guides_delivered,
        at=view.moment(papers.guide_ms),
    )  # fmt: skip


def _fields(view: View) -> Sequence[Fact]:
    campaigns = view.found.campaigns
    return view.counted("fields", sum(c.has_fields for c in campaigns), "/campaigns")


def _scheduled(view: View) -> Sequence[Fact]:
    waiting = [c for c in view.found.campaigns if c.status == "scheduled" and c.send_at_ms]
    return (
        *view.noted("scheduled", "/campaigns/calendar", "campaign.scheduled"),
        *(
            view.fact("waits", f"/campaigns/{c.id}", name=c.name, at=view.moment(c.send_at_ms))
            for c in waiting[:SHOWN]
        ),
    )


def _previews(view: View) -> Sequence[Fact]:
    return view.noted("tests", "/audit", "campaign.tested", "campaign.test", "template.test")


def _same_bag(view: View) -> Sequence[Fact]:
    campaigns = view.found.kinds.get("campaign", 0)
    mails = sum(view.found.kinds.values()) - campaigns
    consumed = sum(v.consumed - v.refunded for v in view.found.contracts)
    if not consumed:
        return ()
    return (view.fact("consumed", "/quota/ledger", n=consumed, apps=mails, campaigns=campaigns),)


def _training(view: View) -> Sequence[Fact]:
    counts, papers = view.found.counts, view.found.papers
    return (
        *view.counted(
            "training", counts.training_accounts, "/accounts", people=counts.training_recipients
        ),
        *view.counted("exercises", papers.exercises, "/accounts"),
        view.fact("manuals", "/manuals"),
    )


def _refunds(view: View) -> Sequence[Fact]:
    done = view.found.refunds.get("done", (0, 0))
    waiting = view.found.refunds.get("proposed", (0, 0))
    return (
        *view.counted("refunds", done[0], "/refunds", mails=done[1]),
        *view.counted("refunds_waiting", waiting[0], "/approvals"),
    )


def _bimonthly(view: View) -> Sequence[Fact]:
    papers = view.found.papers
    at = view.moment(papers.usage_report_ms)
    return view.counted("usage_reports", papers.usage_reports, "/reports/usage", at=at)


def _contracts(view: View) -> Sequence[Fact]:
    texts, told = view.texts, []
    for one in view.found.contracts:
        contract = one.contract
        if not contract.starts_on:
            told.append(
                view.fact("contract_pending", "/quota", name=contract.name, n=contract.size)
            )
            continue
        first = date.fromisoformat(contract.starts_on)
        told.append(
            view.fact(
                "contract", "/quota", name=contract.name, n=contract.size, days=contract.days,
                first=texts.date(first), last=texts.date(date.fromisoformat(last_day(contract))),
                state=texts(f"state.{one.state}"), left=one.available + one.reserved,
            )
        )  # fmt: skip
    return told


def _security(view: View) -> Sequence[Fact]:
    counts = view.found.counts
    return (
        *view.counted("trail", sum(n for n, _ in view.found.actions.values()), "/audit"),
        *view.counted("factors", counts.with_factor, "/users", people=counts.people),
        *view.noted("exports", "/audit", "account.exported", "recipients.exported"),
        *view.noted("persons", "/privacy", "person."),
    )


def _support(view: View) -> Sequence[Fact]:
    counts, support = view.found.counts, view.support
    reached = ", ".join(filter(None, (support.email, support.phone)))
    return (
        *(
            (view.fact("support", "/support", reached=reached, hours=support.hours),)
            if reached
            else ()
        ),
        *view.counted("incidents", counts.incidents, "/support", open=counts.open_incidents),
    )


def _handover(view: View) -> Sequence[Fact]:
    papers = view.found.papers
    return (
        *view.counted("trainings", papers.trainings, "/handover"),
        *view.counted("certificates", papers.certificates, "/handover"),
        *view.counted("delivered_manuals", papers.manuals, "/handover"),
        *view.noted("evidence", "/reports/evidence", "evidence."),
    )


TELLERS: Mapping[str, Teller] = MappingProxyType(
    {
        "a": _files, "b": _reports, "c": _shares, "d": _pace, "e": _arrival, "f": _relay,
        "g": _subscribers, "h": _templates, "i": _hours, "j": _automatic, "k": _guides,
        "l": _fields, "m": _scheduled, "n": _previews, "o": _same_bag, "p": _training,
        "q": _refunds, "r": _bimonthly, "s": _contracts, "t": _security, "u": _support,
        "v": _handover,
    }
)  # fmt: skip
