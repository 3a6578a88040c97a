"""The hand-over as sections of tables, which both writers share."""

from collections.abc import Sequence
from datetime import date
from zoneinfo import ZoneInfo

from console.reports.handover.checklist import Check, accepted_on, checklist, due_on
from console.reports.handover.values import DUE_DAYS, SYLLABUS, Fact, Handover, Training
from console.reports.usage.layout import Cell, Column, Kind, Section, Table, Words

_TEXT = Kind.TEXT


def sections(handover: Handover, words: Words, zone: ZoneInfo) -> Sequence[Section]:
    """All of them, numbered."""
    made = (
        ("summary", words("handover.about"), [_summary(handover, words, zone)]),
        ("checklist", _due_text(handover, words), [_checklist(handover, words)]),
        ("accesses", words("handover.accesses.intro"), _accesses(handover, words)),
        ("manuals", words("handover.manuals.intro"), [_manuals(handover, words)]),
        ("syllabus", words("handover.syllabus.intro"), [_syllabus(words)]),
        ("training", words("handover.training.intro"), _trainings(handover, words)),
        ("certificates", words("handover.certificates.intro"), [_certificates(handover, words)]),
        ("support", words("handover.support.intro"), [_support(handover, words)]),
    )
    return [
        Section(number, "", words(f"handover.{name}.title"), intro, tables)
        for number, (name, intro, tables) in enumerate(made, 1)
    ]


def state_of(check: Check, words: Words) -> str:
    """How an item of the checklist stands."""
    if check.is_done:
        return words("handover.checklist.done")
    if check.need == 1:
        return words("handover.checklist.missing")
    return words("handover.checklist.missing_of", have=words.number(check.have),
                 need=words.number(check.need))  # fmt: skip


def _due_text(handover: Handover, words: Words) -> str:
    due = due_on(handover)
    when = (
        words("handover.checklist.due_on", day=words.date(due))
        if due else words("handover.checklist.no_due")
    )  # fmt: skip
    return f"{words('handover.checklist.intro', days=DUE_DAYS)} {when}"


def _columns(words: Words, *wanted: tuple[str, Kind, int]) -> Sequence[Column]:
    return [Column(words(f"handover.column.{name}"), kind, width) for name, kind, width in wanted]


def _facts(words: Words, rows: Sequence[tuple[str, Cell]]) -> Table:
    columns = _columns(words, ("fact", _TEXT, 40), ("value", _TEXT, 70))
    return Table(columns, rows, is_facts=True)


def _summary(handover: Handover, words: Words, zone: ZoneInfo) -> Table:
    def day(found: date | None) -> str:
        return words.date(found) if found else ""

    def entered(name: Fact) -> str:
        value = handover.fact(name)
        return day(date.fromisoformat(value)) if value and name is Fact.SIGNED_ON else value

    contract = handover.contract
    starts = contract.starts_on if contract else ""
    rows: list[tuple[str, Cell]] = [
        ("account", handover.account_name),
        ("contract_number", entered(Fact.CONTRACT_NUMBER)),
        ("contract", contract.name if contract else ""),
        ("size", words.number(contract.size) if contract else ""),
        ("days", words.number(contract.days) if contract else ""),
        ("signed_on", entered(Fact.SIGNED_ON)),
        ("accepted_on", day(accepted_on(handover))),
        ("starts_on", day(date.fromisoformat(starts) if starts else None)),
        ("due", day(due_on(handover))),
        *((name.value, entered(name)) for name in (
            Fact.RECEIVED_BY, Fact.RECEIVED_POSITION, Fact.DELIVERED_BY, Fact.DELIVERED_POSITION,
        )),
        ("url", handover.url),
        ("made", words.moment(handover.made_ms, zone)),
        ("digest", handover.digest),
    ]  # fmt: skip
    return _facts(words, [(words(f"handover.summary.{name}"), value) for name, value in rows])


def _checklist(handover: Handover, words: Words) -> Table:
    rows = [
        (words(f"handover.item.{check.item}"), state_of(check, words))
        for check in checklist(handover)
    ]
    return Table(_columns(words, ("item", _TEXT, 60), ("state", _TEXT, 30)), rows)


def _accesses(handover: Handover, words: Words) -> Sequence[Table]:
    def state(name: str) -> str:
        return words(f"handover.state.{name}")

    none = words("handover.none")
    people = [
        (one.name, one.email, words(f"role.{one.role}.name"), one.account, state(one.state),
         words("handover.yes" if one.has_factor else "handover.no"), one.created_ms)
        for one in handover.people
    ]  # fmt: skip
    accounts = [
        (one.name, state(one.kind), state(one.state), one.created_ms) for one in handover.accounts
    ]
    keys = [
        (one.name, one.prefix, one.username, one.account, ", ".join(one.scopes), state(one.state),
         one.created_ms, one.expires_ms)
        for one in handover.keys
    ]  # fmt: skip
    domains = [
        (one.domain, one.account, state(one.state), one.verified_ms) for one in handover.domains
    ]
    name, account = ("name", _TEXT, 30), ("account", _TEXT, 26)
    status, created = ("state", _TEXT, 14), ("created", Kind.MOMENT, 20)
    return (
        Table(_columns(words, name, ("email", _TEXT, 34), ("role", _TEXT, 18), account, status,
                       ("factor", _TEXT, 12), created),
              people, title=words("handover.accesses.people"), empty=none),
        Table(_columns(words, name, ("kind", _TEXT, 16), status, created),
              accounts, title=words("handover.accesses.accounts"), empty=none),
        Table(_columns(words, name, ("prefix", _TEXT, 18), ("username", _TEXT, 28), account,
                       ("scopes", _TEXT, 30), status, created, ("expires", Kind.MOMENT, 20)),
              keys, title=words("handover.accesses.keys"), empty=none),
        Table(_columns(words, ("domain", _TEXT, 34), account, status,
                       ("verified", Kind.MOMENT, 20)),
              domains, title=words("handover.accesses.domains"), empty=none),
    )  # fmt: skip


def _manuals(handover: Handover, words: Words) -> Table:
    columns = _columns(
        words, ("manual", _TEXT, 30), ("language", _TEXT, 12), ("version", _TEXT, 14),
        ("recipient", _TEXT, 34), ("day", Kind.DAY, 14), ("sha256", _TEXT, 66),
    )  # fmt: skip
    rows = [
        (words(f"handover.manual.{one.kind}"), words(f"handover.state.{one.language}"),
         one.version, one.recipient, one.delivered_on, one.sha256)
        for one in handover.manuals
    ]  # fmt: skip
    return Table(columns, rows, empty=words("handover.none"))


def _syllabus(words: Words) -> Table:
    columns = _columns(words, ("number", Kind.NUMBER, 6), ("topic", _TEXT, 70),
                       ("minutes", Kind.NUMBER, 10))  # fmt: skip
    rows = [
        (number, words(f"handover.topic.{topic}"), minutes)
        for number, (topic, minutes) in enumerate(SYLLABUS.items(), 1)
    ]
    return Table(columns, rows)


def _trainings(handover: Handover, words: Words) -> Sequence[Table]:
    tables = [_training(n, one, words) for n, one in enumerate(handover.trainings, 1)]
    columns = _columns(
        words, ("name", _TEXT, 30), ("email", _TEXT, 34), ("position", _TEXT, 30),
        ("minutes", Kind.NUMBER, 10), ("complete", _TEXT, 10),
    )  # fmt: skip
    rows = [
        (one.name, one.email, one.position, one.minutes,
         words("handover.yes" if one.is_complete else "handover.no"))
        for one in handover.trained
    ]  # fmt: skip
    people = Table(columns, rows, title=words("handover.training.people"),
                   empty=words("handover.none"))  # fmt: skip
    return [*tables, people]


def _training(number: int, training: Training, words: Words) -> Table:
    topics = "; ".join(words(f"handover.topic.{topic}") for topic in training.topics)
    came = "; ".join(f"{one.name} ({words.number(one.minutes)})" for one in training.people)
    day = words.date(date.fromisoformat(training.held_on))
    rows: list[tuple[str, Cell]] = [
        (words("handover.column.place"), training.place),
        (words("handover.column.teacher"), training.teacher),
        (words("handover.column.minutes"), words.number(training.minutes)),
        (words("handover.column.topics"), topics),
        (words("handover.training.people"), came),
    ]
    table = _facts(words, rows)
    title = words("handover.training.session", n=number, day=day)
    return Table(table.columns, table.rows, title=title, is_facts=True)


def _certificates(handover: Handover, words: Words) -> Table:
    columns = _columns(
        words, ("number", Kind.NUMBER, 6), ("name", _TEXT, 30), ("email", _TEXT, 34),
        ("minutes", Kind.NUMBER, 10), ("issued", Kind.MOMENT, 20), ("code", _TEXT, 28),
    )  # fmt: skip
    rows = [
        (one.number, one.name, one.email, one.minutes, one.issued_ms, one.code)
        for one in handover.certificates
    ]
    return Table(columns, rows, empty=words("handover.none"))


def _support(handover: Handover, words: Words) -> Table:
    support = handover.support
    rows: list[tuple[str, Cell]] = [
        (words("handover.support.email"), support.email),
        (words("handover.support.phone"), support.phone),
        (words("handover.support.hours"), support.hours),
    ]
    return _facts(words, rows)
