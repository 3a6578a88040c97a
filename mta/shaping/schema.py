"""The tables and keys of `shaping.toml`."""

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StrictInt, model_validator

from mta.model.address import parse_domain
from mta.model.errors import AddressSyntaxError
from mta.settings.table import Table
from mta.settings.values import AsTuple, Domain, Duration, Flag, Text
from mta.shaping.warm_up import DAYS, WarmUpPlan

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,62}[a-z0-9])?\Z")
MAX_CONNECTIONS = 10_000
MAX_STEP = 2  # receivers take a day of more than twice the day before for an attack

Connections = Annotated[StrictInt, Field(ge=1, le=MAX_CONNECTIONS)]
MAX_RATE = 1_000_000_000


def read_pattern(value: object) -> str:
    """`mx.example.net`, or `*.example.net` for every name below it; lower-case A-labels."""
    if isinstance(value, str):
        prefix = "*." if value.startswith("*.") else ""
        try:
            name = parse_domain(value[len(prefix) :])
        except AddressSyntaxError:
            name = "["
        if not name.startswith("["):
            return prefix + name
    raise ValueError("expected a name such as mx.example.net or *.example.net")


def read_rate(value: object) -> float:
    """How many in a period; 0: no limit. Fractions are fine: 0.5 a minute is one in two minutes."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_RATE:
        raise ValueError(f"expected a number from 0 (no limit) to {MAX_RATE:,}, without quotes")
    if 0 < value < 0.001:
        raise ValueError("expected 0 (no limit) or at least 0.001")
    return float(value)


def read_name(value: object) -> str:
    """A provider's short name: it stands in the queue and in reports."""
    if isinstance(value, str) and _NAME.match(value):
        return value
    raise ValueError('expected a short name of a-z, 0-9, "-" and ".", such as "google"')


Number = Annotated[float, BeforeValidator(read_rate)]
Cap = Annotated[StrictInt, Field(ge=0, le=MAX_RATE)]
Pattern = Annotated[str, BeforeValidator(read_pattern)]
Name = Annotated[str, BeforeValidator(read_name)]
Patterns = Annotated[tuple[Pattern, ...], AsTuple]
Names = Annotated[tuple[Name, ...], AsTuple]
Domains = Annotated[tuple[Domain, ...], AsTuple]


class Limits(Table):
    """Limits that any table may set; what a table leaves out comes from the tables before it.

    0 means "no limit" for rates and totals.
    """

    connections_start: Connections | None = None
    connections_max: Connections | None = None
    messages_per_connection: Annotated[StrictInt, Field(ge=1, le=1_000_000)] | None = None
    messages_per_second: Number | None = None
    messages_per_minute: Number | None = None
    messages_per_hour: Cap | None = None
    messages_per_day: Cap | None = None
    connections_per_minute: Number | None = None
    total_connections: Cap | None = None
    total_messages_per_second: Number | None = None
    total_messages_per_minute: Number | None = None
    total_messages_per_hour: Cap | None = None
    total_messages_per_day: Cap | None = None
    total_connections_per_minute: Number | None = None
    idle_timeout: Annotated[Duration, Field(ge=0.1, le=300)] | None = None
    tls: Literal["opportunistic", "required", "off"] | None = None

    @model_validator(mode="after")
    def _start_is_not_above_max(self) -> "Limits":
        start, most = self.connections_start, self.connections_max
        if start is not None and most is not None and start > most:
            raise ValueError(f"connections_start = {start} is above connections_max = {most}")
        return self

    @property
    def chosen(self) -> dict[str, int | float | str]:
        """The limits that this table sets, by key."""
        return {
            key: value for key in Limits.model_fields if (value := getattr(self, key)) is not None
        }

    def over(self, inherited: Mapping[str, Any]) -> dict[str, Any]:
        """The limits that hold when this table comes on top of `inherited` ones, by key.

        A lower maximum lowers the inherited start, a higher start raises the inherited maximum.
        """
        values: dict[str, Any] = {**inherited, **self.chosen}
        start, most = values.get("connections_start"), values.get("connections_max")
        if start is not None and most is not None and start > most:
            if self.connections_max is not None:
                values["connections_start"] = most
            else:
                values["connections_max"] = start
        return values


class Provider(Limits):
    """`[[provider]]`: a host of mail for many domains, known by its MX names.

    With `domains` instead of `mx` it is a name for reports only and has no limits of its own.
    """

    name: Name
    mx: Patterns = ()
    domains: Domains = ()
    report_as: Name | None = None
    samples: Domains
    source: Text = ""

    @model_validator(mode="after")
    def _is_one_kind(self) -> "Provider":
        if bool(self.mx) == bool(self.domains):
            raise ValueError("expected either mx (a host of mail) or domains (a name for reports)")
        if self.mx and "." in self.name:
            raise ValueError(f'name = "{self.name}": a provider with mx has no dot in its name')
        if self.domains and (self.chosen or self.report_as):
            raise ValueError("a provider with domains is for reports only: limits need mx")
        if not self.samples:
            raise ValueError("samples is empty: give names that this provider must recognise")
        return self


class Site(Limits):
    """`[[site]]`: other limits for some sites; of two that match, the later one wins."""

    domains: Patterns = ()
    mx: Patterns = ()
    providers: Names = ()
    pools: Names = ()
    samples: Domains = ()

    @model_validator(mode="after")
    def _says_what_it_matches(self) -> "Site":
        if sum(map(bool, (self.domains, self.mx, self.providers))) != 1:
            raise ValueError("expected one of domains, mx and providers")
        if not self.chosen:
            raise ValueError("sets no limit")
        totals = [key for key in self.chosen if key.startswith("total_")]
        if self.pools and totals:
            raise ValueError(f"{totals[0]} holds for all sources: it cannot be set for pools")
        return self


Share = Annotated[float, Field(ge=0.0001, le=1.0)]
RowOfDay = Annotated[StrictInt, Field(ge=1, le=MAX_RATE)]


class WarmUpTable(Table):
    """`[warm_up]`: how a new source address or sending domain begins, wherever that is asked for."""

    days: Annotated[tuple[RowOfDay, ...], AsTuple, Field(min_length=1, max_length=100)] = DAYS
    max_bounces: Share = 0.02
    hold_deferrals: Share = 0.05
    max_deferrals: Share = 0.10
    max_complaints: Share = 0.001
    new_domains: Flag = False

    @property
    def plan(self) -> WarmUpPlan:
        """The same without what only settings need."""
        return WarmUpPlan(
            self.days, self.max_bounces, self.hold_deferrals, self.max_deferrals,
            self.max_complaints,
        )  # fmt: skip

    @model_validator(mode="after")
    def _rises(self) -> "WarmUpTable":
        for before, after in pairwise(self.days):
            if not before <= after <= MAX_STEP * before:
                raise ValueError(
                    f"days = {before}, {after}: a day has at least what the one before it had, and "
                    f"at most {MAX_STEP} times as much"
                )
        if self.hold_deferrals > self.max_deferrals:
            raise ValueError("hold_deferrals is above max_deferrals")
        return self


class Document(Table):
    """A whole `shaping.toml`."""

    extends_shipped: Flag = False
    roll_up: Flag = True
    default: Limits = Limits()
    routes: Limits = Limits()
    provider: Annotated[tuple[Provider, ...], AsTuple] = ()
    site: Annotated[tuple[Site, ...], AsTuple] = ()
    warm_up: WarmUpTable | None = None
