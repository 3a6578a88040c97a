"""The sections after the tender's letters: what moved in the bag, definitions, availability, proof."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from console.reports.definitions import DEFINITIONS
from console.reports.usage.data import UsageReport
from console.reports.usage.layout import Cell, Column, Kind, Section, Table, Words

# Numbers of the report that have another word than their definition: the tender's.
_NAMED: Mapping[str, str] = MappingProxyType(
    {
        "attempted": "attempted", "success": "success", "suppressed": "suppressed",
        "unique_opens": "opened", "total_opens": "opens", "inferred_opens": "inferred",
        "opened_again": "reopened", "open_rate": "opened_share", "reopen_rate": "reopened_share",
        "not_opened": "not_opened", "unique_clicks": "clicked", "total_clicks": "clicks",
        "latency_p95": "p95", "use_errors": "errors",
    }
)  # fmt: skip


def annexes(report: UsageReport, words: Words) -> Sequence[Section]:
    """They have numbers and no letter."""
    makers: Sequence[Callable[[UsageReport, Words, int], Section]] = (
        _moves, _availability, _definitions, _proof,
    )  # fmt: skip
    return [make(report, words, 9 + place) for place, make in enumerate(makers)]


def _section(
    words: Words, number: int, name: str, tables: Sequence[Table], notes: Sequence[str] = ()
) -> Section:
    title, intro = words(f"usage_report.{name}.title"), words(f"usage_report.{name}.intro")
    return Section(number, "", title, intro, tables, notes=notes)


def _column(words: Words, name: str, kind: Kind = Kind.TEXT, width: int = 18) -> Column:
    return Column(words(f"usage_report.column.{name}"), kind, width)


def _moves(report: UsageReport, words: Words, number: int) -> Section:
    moves = Table(
        (
            _column(words, "moment", Kind.MOMENT), _column(words, "move"),
            _column(words, "account", width=26), _column(words, "amount", Kind.NUMBER, 12),
            _column(words, "by", width=26), _column(words, "reason", width=34),
        ),
        [
            (m.at_ms, words(f"entry.{m.kind}"), m.account_name, m.amount, m.by, m.reason)
            for m in report.moves
        ],
        title=words("usage_report.moves.allocations"), empty=words("usage_report.moves.none"),
    )  # fmt: skip
    refunds = Table(
        (
            _column(words, "moment", Kind.MOMENT), _column(words, "account", width=24),
            _column(words, "state"), _column(words, "reason", width=34),
            _column(words, "evidence", width=24), _column(words, "on_list", Kind.NUMBER, 12),
            _column(words, "put_back", Kind.NUMBER, 12), _column(words, "proposed_by", width=24),
            _column(words, "decided_by", width=24),
        ),
        [
            (r.at_ms, r.account_name, words(f"refunds.states.{r.state}"), r.reason, r.evidence,
             r.deliveries, r.put_back, r.proposed_by, r.decided_by)
            for r in report.refunds
        ],
        (words("usage_report.total"), "", "", "", "", sum(r.deliveries for r in report.refunds),
         sum(r.put_back for r in report.refunds), "", "") if report.refunds else None,
        title=words("usage_report.moves.refunds"), empty=words("usage_report.moves.no_refunds"),
    )  # fmt: skip
    return _section(words, number, "moves", (moves, refunds))


def _availability(report: UsageReport, words: Words, number: int) -> Section:
    found = report.availability
    tables = []
    if found.measured_ms:
        unplanned = [g for g in found.gaps if not g.is_planned]
        facts: list[tuple[str, Cell]] = [
            (words("usage_report.availability.measured"), found.measured_ms // 1000),
            (words("usage_report.availability.down"),
             (found.measured_ms - found.running_ms) // 1000),
            (words("usage_report.availability.unplanned"),
             sum(g.until_ms - g.from_ms for g in unplanned) // 1000),
        ]  # fmt: skip
        span = _column(words, "span", Kind.SPAN, 16)
        tables.append(
            Table((_column(words, "figure", width=48), span), facts, is_facts=True,
                  title=words("usage_report.availability.share",
                              share=words.percent(found.running_ms, found.measured_ms, 3)))
        )  # fmt: skip
        tables.append(
            Table(
                (_column(words, "from", Kind.MOMENT), _column(words, "until", Kind.MOMENT), span,
                 _column(words, "stop", width=28)),
                [
                    (g.from_ms, g.until_ms, max(1, (g.until_ms - g.from_ms) // 1000),
                     words(f"usage_report.availability.{'planned' if g.is_planned else 'failed'}"))
                    for g in found.gaps
                ],
                title=words("usage_report.availability.gaps"),
                empty=words("usage_report.availability.no_gaps"),
            )
        )  # fmt: skip
    tables.append(_incidents(report, words))
    notes = () if found.measured_ms else (words("usage_report.availability.not_measured"),)
    return _section(words, number, "availability", tables, notes)


def _incidents(report: UsageReport, words: Words) -> Table:
    return Table(
        (
            _column(words, "number", Kind.NUMBER, 8), _column(words, "moment", Kind.MOMENT),
            _column(words, "category"), _column(words, "subject", width=40), _column(words, "state"),
            _column(words, "reference", width=24), _column(words, "closed", Kind.MOMENT),
        ),
        [
            (i.number, i.opened_ms, words(f"support.category.{i.category}"), i.subject,
             words(f"support.states.{i.state}"), i.reference, i.closed_ms)
            for i in report.incidents
        ],
        title=words("usage_report.availability.incidents"),
        empty=words("usage_report.availability.no_incidents"),
    )  # fmt: skip


def _definitions(report: UsageReport, words: Words, number: int) -> Section:  # noqa: ARG001
    rows = []
    for one in DEFINITIONS:
        name = words(f"definition.{one.key}.name")
        if one.key in _NAMED:
            own = words(f"usage_report.column.{_NAMED[one.key]}")
            name = own if own == name else f"{own} ({name})"
        rows.append((name, words(f"definition.{one.key}.meaning")))
    table = Table(
        (_column(words, "figure", width=28), _column(words, "meaning", width=100)), rows,
        is_facts=True,
    )  # fmt: skip
    method = [words(f"usage_report.method.{name}") for name in ("source", "opens", "zone", "both")]
    return _section(words, number, "definitions", (table,), method)


def _proof(report: UsageReport, words: Words, number: int) -> Section:
    cover = report.cover
    owner = cover.contract_name or cover.account_name
    table = Table(
        (_column(words, "figure", width=28), _column(words, "value", width=70)),
        [
            (words("usage_report.proof.number"), f"{owner} · {cover.number}"),
            (words("usage_report.proof.hash"), report.digest()),
        ],
        is_facts=True,
    )  # fmt: skip
    return _section(words, number, "proof", (table,))
