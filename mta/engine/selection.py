"""Reads the arguments of queue operations: which deliveries an operator means."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_address

from mta.delivery.sites import SiteDirectory
from mta.model.address import parse_domain
from mta.model.errors import AddressSyntaxError, PermanentError
from mta.model.traffic import DeliveryState
from mta.spool.inspection import ANY, Filter, QueueRow

MAX_LIMIT = 10_000
_MAX_ID = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Selection:
    """Deliveries by id, by flow (account, campaign) and by what they are like; all must fit."""

    id: int = 0
    account: int = 0
    campaign: str = ""  # name or id of a flow
    wanted: Filter = field(default_factory=Filter)

    @property
    def is_of_flows(self) -> bool:
        """Whether whole flows are meant: a gate does it."""
        return not self.id and self.wanted.is_empty

    @property
    def is_of_sites(self) -> bool:
        """Whether whole sites are meant."""
        wanted = self.wanted
        alone = wanted == Filter(sites=wanted.sites) and bool(wanted.sites)
        return alone and not (self.id or self.account or self.campaign)

    def fits(self, row: QueueRow) -> bool:
        """Whether a row found by its id is meant."""
        d = row.delivery
        return (
            self.account in {0, d.message.account}
            and self.campaign in {"", row.flow, str(d.flow)}
            and self.wanted.fits(row)
        )

    @property
    def is_everything(self) -> bool:
        """Whether nothing narrows it."""
        return self.is_of_flows and not (self.account or self.campaign)


def read_selection(arguments: Mapping[str, object], sites: SiteDirectory) -> Selection:
    """The selectors `id`, `account`, `campaign`, `site`, `source`, `state`; what is missing is any.

    `site` is a site's name, its provider or number, or else a domain. Raises `PermanentError`.
    """
    wanted = Filter(source=_source(text_of(arguments, "source")))
    state = text_of(arguments, "state")
    if state:
        wanted = replace(wanted, state=_state(state))
    site = text_of(arguments, "site")
    if site:
        matching = sites.matching(site)
        if matching:
            wanted = replace(wanted, sites=tuple(s.id for s in matching))
        else:
            wanted = replace(wanted, domain=_domain(site))
    return Selection(
        number_of(arguments, "id"),
        number_of(arguments, "account"),
        text_of(arguments, "campaign"),
        wanted,
    )


def must_select(arguments: Mapping[str, object], selection: Selection) -> None:
    """Refuse to change the whole queue unless `all` is said. Raises `PermanentError`."""
    if selection.is_everything and arguments.get("all") is not True:
        raise PermanentError(
            "which mail? Give an id, site, campaign, account or source, or all for the whole queue"
        )


def text_of(arguments: Mapping[str, object], name: str) -> str:
    """An argument as text, empty when it is not given. Raises `PermanentError`."""
    value = arguments.get(name)
    if value is None:
        return ""
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise PermanentError(f"{name} = {value!r}: expected a text")
    return str(value)


def number_of(arguments: Mapping[str, object], name: str, default: int = 0) -> int:
    """An argument as a whole number from 1 on. Raises `PermanentError`."""
    text = text_of(arguments, name)
    if not text:
        return default
    number = int(text) if text.isascii() and text.isdecimal() and len(text) <= 19 else 0
    if not 0 < number <= _MAX_ID:
        raise PermanentError(f"{name} = {text[:40]!r}: expected a number from 1 on")
    return number


def limit_of(arguments: Mapping[str, object], default: int) -> int:
    """How many rows are wanted, at most `MAX_LIMIT`. Raises `PermanentError`."""
    return min(MAX_LIMIT, number_of(arguments, "limit", default))


def _state(label: str) -> int:
    found = next((int(state) for state in DeliveryState if state.label == label), ANY)
    if found == ANY:
        labels = ", ".join(state.label for state in DeliveryState)
        raise PermanentError(f"state = {label[:40]!r}: expected one of {labels}")
    return found


def _source(text: str) -> str:
    try:
        return str(ip_address(text)) if text else ""
    except ValueError:
        raise PermanentError(
            f"source = {text[:80]!r}: expected the IP address of a client"
        ) from None


def _domain(text: str) -> str:
    try:
        return parse_domain(text)
    except AddressSyntaxError:
        raise PermanentError(
            f"site = {text[:80]!r}: no site, provider or domain is called so"
        ) from None
