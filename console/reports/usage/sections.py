"""The sections of the report in their order: the balance, and the tender's letters a to g."""

from collections.abc import Callable, Sequence
from dataclasses import fields
from datetime import date

from console.reports.usage.annexes import annexes
from console.reports.usage.data import CampaignLine, Sums, UsageReport, peaks
from console.reports.usage.layout import Bars, Cell, Column, HeatMap, Kind, Section, Table, Words

LETTERS = "abcdefg"
_RESULTS = ("attempted", "delivered", "opened", "not_opened", "bounced", "unsubscribed", "clicked",
            "clicks")  # fmt: skip
_MAX_BARS = 20  # campaigns in a picture


def sections(report: UsageReport, words: Words) -> Sequence[Section]:
    """All of them, numbered."""
    makers: Sequence[Callable[[UsageReport, Words], Section]] = (
        _summary, _sends, _results, _shares_out, _success, _opens, _hours, _doors,
    )  # fmt: skip
    return [make(report, words) for make in makers] + list(annexes(report, words))


def added(all_sums: Sequence[Sums]) -> Sums:
    """Sums of sums."""
    return Sums(*(sum(getattr(one, f.name) for one in all_sums) for f in fields(Sums)))


def _texts(words: Words, number: int, letter: str = "") -> tuple[int, str, str, str]:
    name = letter or "summary"
    return (
        number, letter, words(f"usage_report.{name}.title"), words(f"usage_report.{name}.intro")
    )  # fmt: skip


def _column(words: Words, name: str, kind: Kind = Kind.NUMBER, width: int = 12,
            *, printed: bool = True) -> Column:  # fmt: skip
    return Column(words(f"usage_report.column.{name}"), kind, width, printed)


def _campaign_column(words: Words) -> Sequence[Column]:
    return (
        _column(words, "campaign", Kind.TEXT, 34),
        _column(words, "account", Kind.TEXT, 24),
    )


def _named(line: CampaignLine) -> tuple[Cell, Cell]:
    return line.name, line.account_name


def _summary(report: UsageReport, words: Words) -> Section:
    balance, totals = report.balance, report.totals
    facts: list[tuple[str, Cell]] = [
        (words(f"usage_report.balance.{name}"), getattr(balance, name))
        for name in ("granted", "allocated", "consumed", "put_back", "expired", "reserved",
                     "available", "period_consumed", "period_put_back", "training")
    ]  # fmt: skip
    bag = Table(
        (_column(words, "figure", Kind.TEXT, 48), _column(words, "number", width=16)),
        facts, title=words("usage_report.balance.title"), is_facts=True,
    )  # fmt: skip
    columns = (
        _column(words, "figure", Kind.TEXT, 48), _column(words, "number", width=16),
        _column(words, "share", Kind.SHARE),
    )  # fmt: skip
    bases = {"attempted": 0, "delivered": totals.attempted, "bounced": totals.attempted,
             "expired": totals.attempted}  # fmt: skip
    rows: list[Sequence[Cell]] = [
        (words(f"usage_report.column.{name}"), getattr(totals, name),
         (getattr(totals, name), bases.get(name, totals.delivered)))
        for name in ("attempted", "delivered", "bounced", "expired", "opened", "not_opened",
                     "reopened", "clicked", "unsubscribed", "complained")
    ]  # fmt: skip
    sums = Table(columns, rows, title=words("usage_report.summary.mail"))
    days = Table(
        (
            _column(words, "day", Kind.DAY, 16), _column(words, "attempted"),
            _column(words, "delivered"), _column(words, "bounced"), _column(words, "opened"),
            _column(words, "unsubscribed"), _column(words, "clicked"),
        ),
        [
            (d.day, d.sums.attempted, d.sums.delivered, d.sums.bounced, d.sums.opened,
             d.sums.unsubscribed, d.sums.clicked) for d in report.days
        ],
        title=words("usage_report.summary.days"), empty=words("usage_report.no_mail"),
        bars=Bars(words("usage_report.summary.days_chart"), (0, 0), (2,)), is_printed=False,
    )  # fmt: skip
    return Section(*_texts(words, 1), (bag, sums, days), notes=_outlook(report, words))


def _outlook(report: UsageReport, words: Words) -> Sequence[str]:
    """Where the bag stands and how long it lasts, in sentences."""
    balance = report.balance
    if not balance.state:
        return (words("usage_report.outlook.no_contract"),)
    said = [words(f"usage_report.outlook.{balance.state}")]
    if balance.begins:
        said.append(
            words("usage_report.outlook.term", begins=_day(words, balance.begins),
                  ends=_day(words, balance.ends))
        )  # fmt: skip
    if balance.per_day:
        pace = words.number(balance.per_day)
        if balance.exhausted_on:
            day = _day(words, balance.exhausted_on)
            said.append(words("usage_report.outlook_end.exhausted", pace=pace, day=day))
        else:
            said.append(words("usage_report.outlook.lasts", pace=pace))
    return said


def _day(words: Words, day: str) -> str:
    return words.date(date.fromisoformat(day))


def _sends(report: UsageReport, words: Words) -> Section:
    columns = (
        *_campaign_column(words),
        _column(words, "subject", Kind.TEXT, 40, printed=False),
        _column(words, "sender", Kind.TEXT, 30, printed=False),
        _column(words, "began", Kind.MOMENT, 18),
        _column(words, "took", Kind.SPAN, 12),
        _column(words, "audience"),
        _column(words, "suppressed"),
        _column(words, "attempted"),
        _column(words, "hourly"),
    )
    rows = [
        (*_named(c), c.subject, c.sender, c.began_ms, _span_s(c), c.audience, c.suppressed,
         c.sums.attempted, _hourly(c))
        for c in report.campaigns
    ]  # fmt: skip
    total = (
        words("usage_report.total"), "", "", "", 0, None,
        sum(c.audience for c in report.campaigns), sum(c.suppressed for c in report.campaigns),
        sum(c.sums.attempted for c in report.campaigns), None,
    )  # fmt: skip
    table = Table(
        columns, rows, total if rows else None, empty=words("usage_report.no_campaigns"),
        bars=Bars(words("usage_report.a.chart"), (0, 0), (8,), top=_MAX_BARS),
    )  # fmt: skip
    return Section(*_texts(words, 2, "a"), (table,))


def _span_s(line: CampaignLine) -> int | None:
    if not line.ended_ms or line.ended_ms < line.began_ms:
        return None
    return max(1, (line.ended_ms - line.began_ms) // 1000)


def _hourly(line: CampaignLine) -> int | None:
    """Mails of an hour at the pace of the campaign; T-d asks for 10,000."""
    span_s = _span_s(line)
    return round(line.sums.attempted * 3600 / span_s) if span_s else None


def _results(report: UsageReport, words: Words) -> Section:
    columns = (*_campaign_column(words), *(_column(words, name) for name in _RESULTS))
    rows = [(*_named(c), *(getattr(c.sums, name) for name in _RESULTS)) for c in report.campaigns]
    total = _total(words, [c.sums for c in report.campaigns], _RESULTS, 2)
    table = Table(
        columns, rows, total if rows else None, empty=words("usage_report.no_campaigns"),
        bars=Bars(words("usage_report.b.chart"), (0, 0), (3, 4, 8), top=_MAX_BARS),
    )  # fmt: skip
    return Section(*_texts(words, 3, "b"), (table,))


def _total(
    words: Words, sums: Sequence[Sums], names: Sequence[str], labels: int
) -> tuple[Cell, ...]:
    whole = added(sums)
    blank: tuple[Cell, ...] = ("",) * (labels - 1)
    return (words("usage_report.total"), *blank, *(getattr(whole, name) for name in names))


def _shares_out(report: UsageReport, words: Words) -> Section:
    """By mailbox provider, and over the contract and its sub-accounts."""
    names = ("attempted", "delivered", "bounced", "opened", "unsubscribed")
    share = _column(words, "success", Kind.SHARE)
    providers = Table(
        (_column(words, "provider", Kind.TEXT, 24), *(_column(words, n) for n in names), share),
        [
            (_provider(words, p.provider), *(getattr(p.sums, n) for n in names),
             (p.sums.delivered, p.sums.attempted)) for p in report.providers
        ],
        (*_total(words, [p.sums for p in report.providers], names, 1),
         _success_of(added([p.sums for p in report.providers]))),
        title=words("usage_report.c.providers"), empty=words("usage_report.no_mail"),
        bars=Bars(words("usage_report.c.chart"), (0, 0), (2, 3, 4)),
    )  # fmt: skip
    accounts = Table(
        (
            _column(words, "account", Kind.TEXT, 34), *(_column(words, n) for n in names), share,
            _column(words, "granted"), _column(words, "available"),
        ),
        [
            ("\N{NO-BREAK SPACE}" * 2 * a.depth + a.name, *(getattr(a.sums, n) for n in names),
             (a.sums.delivered, a.sums.attempted), a.granted, a.available)
            for a in report.accounts
        ],
        (*_total(words, [a.sums for a in report.accounts], names, 1),
         _success_of(added([a.sums for a in report.accounts])), None, None),
        title=words("usage_report.c.accounts"), empty=words("usage_report.no_mail"),
    )  # fmt: skip
    return Section(*_texts(words, 4, "c"), (providers, accounts))


def _success_of(sums: Sums) -> tuple[int, int]:
    return sums.delivered, sums.attempted


def _provider(words: Words, name: str) -> str:
    return words(f"usage_report.provider.{name}")


def _success(report: UsageReport, words: Words) -> Section:
    columns = (
        *_campaign_column(words), _column(words, "attempted"), _column(words, "delivered"),
        _column(words, "success", Kind.SHARE),
    )  # fmt: skip
    rows = [
        (*_named(c), c.sums.attempted, c.sums.delivered, _success_of(c.sums))
        for c in report.campaigns
    ]
    whole = added([c.sums for c in report.campaigns])
    total = (
        words("usage_report.total"), "", whole.attempted, whole.delivered, _success_of(whole)
    )  # fmt: skip
    table = Table(columns, rows, total if rows else None, empty=words("usage_report.no_campaigns"))
    return Section(*_texts(words, 5, "d"), (table,))


def _opens(report: UsageReport, words: Words) -> Section:
    columns = (
        *_campaign_column(words), _column(words, "delivered"), _column(words, "opened"),
        _column(words, "opened_share", Kind.SHARE), _column(words, "reopened"),
        _column(words, "reopened_share", Kind.SHARE), _column(words, "opens"),
        _column(words, "inferred"),
    )  # fmt: skip

    def cells(sums: Sums) -> tuple[Cell, ...]:
        return (
            sums.delivered, sums.opened, (sums.opened, sums.delivered), sums.reopened,
            (sums.reopened, sums.opened), sums.opens, sums.inferred,
        )  # fmt: skip

    rows = [(*_named(c), *cells(c.sums)) for c in report.campaigns]
    total = (words("usage_report.total"), "", *cells(added([c.sums for c in report.campaigns])))
    table = Table(columns, rows, total if rows else None, empty=words("usage_report.no_campaigns"))
    return Section(*_texts(words, 6, "e"), (table,))


def _hours(report: UsageReport, words: Words) -> Section:
    columns: list[Column] = [*_campaign_column(words)]
    for place in (1, 2, 3):
        columns.append(Column(words("usage_report.f.peak", n=place), Kind.TEXT, 14))
        columns.append(_column(words, "opens"))
    rows: list[Sequence[Cell]] = []
    for campaign in report.campaigns:
        best = [(_hour(hour), count) for hour, count in peaks(campaign.heat)]
        best += [("", None)] * (3 - len(best))  # type: ignore[list-item]
        rows.append((*_named(campaign), *(cell for pair in best for cell in pair)))
    by_hour = Table(
        (_column(words, "hour", Kind.TEXT, 16), _column(words, "opens")),
        [(_hour(h), sum(day[h] for day in report.heat)) for h in range(24)] if report.heat else (),
        title=words("usage_report.f.by_hour"), is_printed=False,
        bars=Bars(words("usage_report.f.by_hour"), (0, 0), (1,)),
    )  # fmt: skip
    table = Table(columns, rows, empty=words("usage_report.no_campaigns"))
    maps = [HeatMap(words("usage_report.f.all"), report.heat)] if report.heat else []
    maps += [HeatMap(c.name, c.heat) for c in report.campaigns if c.heat]
    return Section(*_texts(words, 7, "f"), (table, by_hour), maps)


def _hour(hour: int) -> str:
    return f"{hour:02}:00–{(hour + 1) % 24:02}:00"


def _doors(report: UsageReport, words: Words) -> Section:
    names = ("requests", "accepted", "rejected", "errors", "recipients")
    shared = (
        _column(words, "account", Kind.TEXT, 24), _column(words, "credential", Kind.TEXT, 26),
        _column(words, "door", Kind.TEXT, 14), *(_column(words, n) for n in names),
        _column(words, "p95"),
    )  # fmt: skip
    total = (
        words("usage_report.total"), "", "",
        *(sum(getattr(d, n) for d in report.doors) for n in names), None,
    )  # fmt: skip
    sums = Table(
        shared,
        [
            (d.account_name, d.credential, _door(d.door), *(getattr(d, n) for n in names),
             d.p95_ms) for d in report.doors
        ],
        total if report.doors else None, title=words("usage_report.g.sums"),
        empty=words("usage_report.no_use"), bars=Bars(words("usage_report.g.chart"), (0, 1), (4, 6)),
    )  # fmt: skip
    days = Table(
        (_column(words, "day", Kind.DAY, 16), *shared),
        [
            (d.day, d.account_name, d.credential, _door(d.door),
             *(getattr(d, n) for n in names), d.p95_ms) for d in report.door_days
        ],
        title=words("usage_report.g.days"), empty=words("usage_report.no_use"),
    )  # fmt: skip
    return Section(*_texts(words, 8, "g"), (sums, days))


def _door(door: str) -> str:
    """Entrances are names: `SMTP`, `API`, `SendGrid`."""
    return {"smtp": "SMTP", "api": "API", "sendgrid": "SendGrid"}.get(door, door.capitalize())
