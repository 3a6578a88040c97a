"""Bounce rules: reading `bounce_rules.toml` and proving that every rule can match.

A rule matches by the reply's text, by its enhanced status, or by its code; texts are asked first,
whatever their place in the file, then statuses, then codes (RFC 3463's 5.7.1 and 5.0.0 mean
anything, Gmail's 5.2.1 means two things). Within each kind the first match in the file wins.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mta.bounces.classes import BounceClass
from mta.bounces.patterns import Search, compile_pattern
from mta.model.errors import ConfigurationError
from mta.model.outcome import Phase
from mta.model.reply import ENHANCED_STATUS, Reply

_KEYS = frozenset(
    ("id", "class", "scope", "provider", "text", "status", "code", "phase", "source", "samples")
)
_SCOPES = ("recipient", "message", "host")
_STATUS = re.compile(r"([245x])\.(\d{1,3})\.(?:(\d{1,3})(?:-(\d{1,3}))?|\*)\Z")
_SAMPLE = re.compile(r"([245]\d\d)[ -](.*)\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; empty conditions are always true."""

    id: str
    bounce_class: BounceClass
    is_host_level: bool
    providers: frozenset[str]  # only for mail to these (or where the provider is not known)
    texts: tuple[Search, ...]
    statuses: frozenset[str]  # "5.2.2", "5.7.*"
    codes: frozenset[int]
    phases: frozenset[Phase]
    samples: tuple[str, ...]

    def matches(self, reply: Reply, text: str, phase: Phase, provider: str) -> bool:
        """Whether all conditions hold; `text` is the reply's normalised text."""
        if self.providers and provider and provider not in self.providers:
            return False
        if self.codes and reply.code not in self.codes:
            return False
        if self.phases and phase not in self.phases:
            return False
        if self.statuses and not _has_status(reply.enhanced, self.statuses):
            return False
        return not self.texts or any(search(text) for search in self.texts)


def _has_status(enhanced: str, statuses: frozenset[str]) -> bool:
    return enhanced in statuses or f"{enhanced.rpartition('.')[0]}.*" in statuses


def load_rules(path: Path) -> tuple[Rule, ...]:
    """The rules of a file, in its order.

    Raises `ConfigurationError` naming file, rule and key.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{path}: {error}") from error
    unknown = set(document) - {"rule"}
    if unknown:
        raise ConfigurationError(f"{path}: unknown key {min(unknown)!r}: expected [[rule]]")
    rules, seen = [], set()
    for number, table in enumerate(document.get("rule", ()), 1):
        where = f"{path}: rule {table.get('id', number)!r}"
        try:
            rule = _rule(table)
        except ConfigurationError as error:
            raise ConfigurationError(f"{where}: {error}") from None
        if rule.id in seen:
            raise ConfigurationError(f"{where}: id used twice")
        seen.add(rule.id)
        rules.append(rule)
    return tuple(rules)


def _rule(table: Mapping[str, object]) -> Rule:
    unknown = set(table) - _KEYS
    if unknown:
        raise ConfigurationError(f"unknown key {min(unknown)!r}: expected one of {sorted(_KEYS)}")
    name = str(table.get("class", ""))
    try:
        bounce_class = BounceClass(name)
    except ValueError:
        known = ", ".join(BounceClass)
        raise ConfigurationError(f"class = {name!r}: expected one of {known}") from None
    scope = str(table.get("scope", "host" if bounce_class.is_host_level else "recipient"))
    if scope not in _SCOPES:
        raise ConfigurationError(f"scope = {scope!r}: expected one of {', '.join(_SCOPES)}")
    rule = Rule(
        id=_text(table, "id"),
        bounce_class=bounce_class,
        is_host_level=scope == "host",
        providers=frozenset(_strings(table, "provider")),
        texts=tuple(compile_pattern(pattern) for pattern in _strings(table, "text")),
        statuses=frozenset(s for text in _strings(table, "status") for s in _statuses(text)),
        codes=_codes(table.get("code", [])),
        phases=_phases(_strings(table, "phase")),
        samples=_strings(table, "samples"),
    )
    _text(table, "source")
    if not (rule.texts or rule.statuses or rule.codes):
        raise ConfigurationError("needs at least one of text, status, code")
    if not rule.samples:
        raise ConfigurationError("samples: at least one reply that the rule is for")
    return rule


def _text(table: Mapping[str, object], key: str) -> str:
    value = table.get(key)
    if not isinstance(value, str) or not value:
        raise ConfigurationError(f"{key} = {value!r}: expected a text")
    return value


def _strings(table: Mapping[str, object], key: str) -> tuple[str, ...]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ConfigurationError(f"{key} = {value!r}: expected a list of texts")
    return tuple(value)


def _codes(value: object) -> frozenset[int]:
    if not isinstance(value, list) or not all(
        isinstance(code, int) and 400 <= code < 600 for code in value
    ):
        raise ConfigurationError(f"code = {value!r}: expected a list of numbers from 400 to 599")
    return frozenset(value)


def _phases(names: tuple[str, ...]) -> frozenset[Phase]:
    try:
        return frozenset(Phase(name) for name in names)
    except ValueError:
        known = ", ".join(Phase)
        raise ConfigurationError(f"phase = {list(names)!r}: expected some of {known}") from None


def _statuses(text: str) -> list[str]:
    """`x.2.2`, `5.7.606-649` or `x.7.*` as single statuses."""
    match = _STATUS.match(text)
    if match is None:
        raise ConfigurationError(f"status = {text!r}: expected 5.1.1, x.1.1, 5.7.606-649 or x.7.*")
    kind, subject, first, last = match.groups()
    details = ["*"] if first is None else list(map(str, range(int(first), int(last or first) + 1)))
    if not details:
        raise ConfigurationError(f"status = {text!r}: an empty range")
    kinds = "45" if kind == "x" else kind
    return [f"{k}.{subject}.{detail}" for k in kinds for detail in details]


def parse_reply(text: str) -> Reply:
    """A reply written on one line: `550 5.1.1 no such user`.

    Raises `ConfigurationError` when it does not begin with a code.
    """
    match = _SAMPLE.match(text)
    if match is None:
        raise ConfigurationError(f"{text!r}: expected a reply such as '550 5.1.1 no such user'")
    code, rest = int(match[1]), match[2]
    status = ENHANCED_STATUS.match(rest)
    if status is None:
        return Reply.of(code, "", rest)
    return Reply.of(code, status[1], rest[status.end() :])
