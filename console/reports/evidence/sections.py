"""The evidence as sections of tables, which both writers share; the rows themselves are not in it."""

from collections.abc import Callable, Sequence

from console.reports.evidence.values import SAMPLES, Domain, Evidence, SentRow, Unit
from console.reports.usage.layout import Cell, Column, Kind, Section, Table, Words

METHOD = ("row", "late", "day", "free", "digest", "domain", "message_id", "kept")
_MAX_SAMPLES = 250
_NUMBERS = ("attempted", "delivered", "bounced", "expired", "charged")
# Columns of the detail with their widths, as `SentRow` has them.
ROW_COLUMNS = (
    ("unit", 34), ("account", 24), ("delivery", 21), ("recipient", 34), ("accepted", 29),
    ("answered", 29), ("outcome", 12), ("reply", 50), ("host", 40), ("tls", 9), ("attempts", 9),
    ("charged", 9), ("sender", 30), ("domain", 24), ("message_id", 44), ("subject", 44),
)  # fmt: skip


def sections(evidence: Evidence, words: Words) -> Sequence[Section]:
    """All of them, numbered."""
    makers: Sequence[Callable[[Evidence, Words], tuple[str, Sequence[Table]]]] = (
        _summary, _units, _samples, _domains, _books, _method,
    )  # fmt: skip
    made = []
    for number, make in enumerate(makers, 1):
        name, tables = make(evidence, words)
        notes = {
            "books": (words("evidence.books.verify"),),
            "method": tuple(words(f"evidence.method.{one}") for one in METHOD),
        }.get(name, ())
        intro = words("evidence.about") if name == "summary" else words(f"evidence.{name}.intro")
        title = words(f"evidence.{name}.title")
        made.append(Section(number, "", title, intro, tables, notes=notes))
    return made


def row_headings(words: Words) -> Sequence[str]:
    """Of the detail."""
    return [words(f"evidence.column.{name}") for name, _ in ROW_COLUMNS]


def _column(
    words: Words, name: str, kind: Kind = Kind.NUMBER, width: int = 12, *, printed: bool = True
) -> Column:
    return Column(words(f"evidence.column.{name}"), kind, width, printed)


def _summary(evidence: Evidence, words: Words) -> tuple[str, Sequence[Table]]:
    period = evidence.period
    days = words(
        "evidence.summary.days", first=words.date(period.first), last=words.date(period.last),
        zone=period.zone.key,
    )  # fmt: skip
    facts: list[tuple[str, Cell]] = [
        ("account", evidence.account_name),
        ("contract", evidence.contract),
        ("period", days),
        ("made", words.moment(evidence.made_ms, period.zone)),
        ("server", evidence.hostname),
        ("release", evidence.release),
        ("campaigns", words.number(sum(unit.is_campaign for unit in evidence.units))),
        ("streams", words.number(sum(not unit.is_campaign for unit in evidence.units))),
        ("rows", words.number(evidence.rows)),
        ("missing", words.number(evidence.total("missing"))),
        ("digest", evidence.digest),
    ]
    about = Table(
        (_column(words, "fact", Kind.TEXT, 48), _column(words, "value", Kind.TEXT, 70)),
        [(words(f"evidence.summary.{name}"), value) for name, value in facts], is_facts=True,
    )  # fmt: skip
    sums = Table(
        (_column(words, "fact", Kind.TEXT, 48), _column(words, "value", width=16)),
        [(words(f"evidence.column.{name}"), evidence.total(name)) for name in _NUMBERS],
        is_facts=True,
    )
    return "summary", (about, sums)


def _units(evidence: Evidence, words: Words) -> tuple[str, Sequence[Table]]:
    def hidden(name: str, kind: Kind = Kind.NUMBER, width: int = 12) -> Column:
        return _column(words, name, kind, width, printed=False)

    columns = (
        hidden("kind", Kind.TEXT, 14), _column(words, "unit", Kind.TEXT, 40),
        hidden("account", Kind.TEXT, 24), hidden("status", Kind.TEXT),
        _column(words, "sender", Kind.TEXT, 30), hidden("domain", Kind.TEXT, 24),
        _column(words, "subject", Kind.TEXT, 44), _column(words, "audience"),
        hidden("suppressed"), hidden("cancelled"), hidden("waiting"), hidden("messages"),
        *(_column(words, name) for name in _NUMBERS[:2]), _column(words, "success", Kind.SHARE),
        *(_column(words, name) for name in _NUMBERS[2:]), hidden("missing"),
        _column(words, "first", Kind.MOMENT, 20), _column(words, "last", Kind.MOMENT, 20),
        hidden("reference", Kind.TEXT, 32), hidden("entries"), hidden("consumed"),
        hidden("seqs", Kind.TEXT, 20), hidden("link", Kind.TEXT, 66), hidden("digest", Kind.TEXT, 66),
    )  # fmt: skip
    rows = [_unit_cells(unit, words) for unit in evidence.units]
    table = Table(columns, rows, empty=words("evidence.no_units"))
    proof = Table(
        (
            _column(words, "unit", Kind.TEXT, 40), _column(words, "seqs", Kind.TEXT, 20),
            _column(words, "consumed"), _column(words, "digest", Kind.TEXT, 66),
        ),
        [(unit.name, _seqs(unit), unit.ledger.consumed, unit.digest) for unit in evidence.units],
    )  # fmt: skip
    return "units", (table, proof) if rows else (table,)


def _unit_cells(unit: Unit, words: Words) -> Sequence[Cell | tuple[int, int]]:
    kind = words("evidence.campaign") if unit.is_campaign else words("evidence.stream")
    whole = unit.is_campaign
    ledger = unit.ledger
    return (
        kind, unit.name, unit.account, unit.status, unit.sender, unit.domain, unit.subject,
        unit.audience if whole else None, unit.suppressed if whole else None,
        unit.cancelled if whole else None, unit.waiting if whole else None, unit.messages,
        unit.attempted, unit.delivered, (unit.delivered, unit.attempted), unit.bounced,
        unit.expired, unit.charged, unit.missing, unit.first_ms, unit.last_ms, ledger.reference,
        ledger.entries, ledger.consumed, _seqs(unit), ledger.last_hash, unit.digest,
    )  # fmt: skip


def _seqs(unit: Unit) -> str:
    ledger = unit.ledger
    return f"{ledger.first_seq}–{ledger.last_seq}" if ledger.first_seq else ""


def _samples(evidence: Evidence, words: Words) -> tuple[str, Sequence[Table]]:
    names = ("unit", "recipient", "answered", "host", "reply", "tls", "message_id")
    columns = [_column(words, name, Kind.TEXT, dict(ROW_COLUMNS)[name]) for name in names]
    each = max(1, min(SAMPLES, _MAX_SAMPLES // max(1, len(evidence.units))))
    rows = [_sample(row, names) for unit in evidence.units for row in unit.samples[:each]]
    return "samples", (Table(columns, rows, empty=words("evidence.no_samples")),)


def _sample(row: SentRow, names: Sequence[str]) -> Sequence[Cell]:
    return [getattr(row, name) for name in names]


def _domains(evidence: Evidence, words: Words) -> tuple[str, Sequence[Table]]:
    columns = (
        _column(words, "domain", Kind.TEXT, 30), _column(words, "account", Kind.TEXT, 24),
        _column(words, "status", Kind.TEXT), _column(words, "selector", Kind.TEXT, 20),
        _column(words, "verified", Kind.MOMENT, 20), _column(words, "checked", Kind.MOMENT, 20),
        _column(words, "records", Kind.TEXT, 60),
    )  # fmt: skip
    rows = [
        (one.name, one.account, words(f"evidence.state.{one.state}"), one.selector,
         one.verified_ms, one.checked_ms, _records(one, words))
        for one in evidence.domains
    ]  # fmt: skip
    return "domains", (Table(columns, rows, empty=words("evidence.no_domains")),)


def _records(domain: Domain, words: Words) -> str:
    return ", ".join(
        f"{kind.upper().replace('_', '-')}: {words(f'evidence.record.{state}')}"
        for kind, state in domain.records.items()
    )


def _books(evidence: Evidence, words: Words) -> tuple[str, Sequence[Table]]:
    columns = (
        _column(words, "chain", Kind.TEXT, 26), _column(words, "seq"),
        _column(words, "hash", Kind.TEXT, 66), _column(words, "unsealed"),
    )  # fmt: skip
    rows = [
        (words(f"evidence.books.{one.chain}"), one.seq, one.hash, one.unsealed)
        for one in evidence.heads
    ]
    return "books", (Table(columns, rows, empty=words("evidence.no_heads")),)


def _method(_: Evidence, __: Words) -> tuple[str, Sequence[Table]]:
    return "method", ()
