"""Entries of the audit trail in people's words: who, what happened to what, and where to look at it."""

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import orjson

from console.accounts.actor import ActorKind
from console.accounts.audit.log import AuditEntry
from console.pages.texts import Texts

# Where a thing with a number has a page of its own.
_PAGES: Mapping[str, str] = MappingProxyType(
    {
        "account": "/accounts/",
        "automation": "/automations/",
        "campaign": "/campaigns/",
        "contact": "/contacts/",
        "incident": "/incidents/",
        "list": "/lists/",
        "mail": "/activity/",
        "refund": "/refunds/",
        "segment": "/segments/",
        "template": "/templates/",
        "upload": "/imports/",
        "webhook": "/webhooks/",
    }
)
_NAMES = ("name", "email", "url", "domain", "subject")
_GONE = ("removed", "erased")
_NUMBER = re.compile(r"[0-9]{1,19}\Z")


class Told(NamedTuple):
    """One line as the page shows it."""

    who: str
    what: str
    thing: str
    href: str  # "": it has no page


def names_in(entries: Iterable[AuditEntry]) -> Mapping[tuple[str, str], str]:
    """What things are called, by kind and number: many an entry has the number alone."""
    known: dict[tuple[str, str], str] = {}
    for entry in entries:
        noun, thing = entry.action.partition(".")[0], entry.object
        if _NUMBER.match(thing) and (named := _name_in(entry)):
            known.setdefault((noun, thing), named)
    return known


def told(
    entry: AuditEntry,
    texts: Texts,
    accounts: Mapping[int, str],
    names: Mapping[tuple[str, str], str] = MappingProxyType({}),
) -> Told:
    """`accounts`: names of those that the reader may see; `names`: of other things (`names_in`)."""
    noun, _, verb = entry.action.partition(".")
    thing = entry.object
    named = _name_in(entry) or names.get((noun, thing), "")
    if noun == "account" and _NUMBER.match(thing):
        named = accounts.get(int(thing), named)
    has_page = _NUMBER.match(thing) and noun in _PAGES and verb not in _GONE
    href = f"{_PAGES[noun]}{thing}" if has_page else ""
    return Told(_who(entry, texts), action_text(entry.action, texts), named or thing, href)


def action_text(action: str, texts: Texts) -> str:
    """An action such as "Account: created"; the code itself when it is not known."""
    noun, _, verb = action.partition(".")
    try:
        thing, happened = texts(f"trail.things.{noun}"), texts(f"trail.verbs.{verb}")
    except KeyError:
        return action
    return texts("trail.action", thing=thing, happened=happened)


def _who(entry: AuditEntry, texts: Texts) -> str:
    if entry.actor_kind == ActorKind.COMMAND:
        return texts("trail.by_command")
    if entry.actor_kind == ActorKind.SYSTEM:
        return texts("trail.by_system")
    return entry.actor_name


def _name_in(entry: AuditEntry) -> str:
    """What the thing was called after the change, or before."""
    for state in (entry.after, entry.before):
        values = orjson.loads(state) if state else {}
        for name in _NAMES:
            if isinstance(values.get(name), str) and values[name]:
                return str(values[name])
    return ""
