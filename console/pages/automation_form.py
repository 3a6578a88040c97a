"""The editor of an automation as a form: fields to definition and back, without JavaScript.

The form holds the whole definition; buttons that add, move or remove a step post it and get it
back changed. Nothing is stored until it is saved. Field names are `trigger.NAME` and `N.NAME`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from console.pages.automation_words import is_plain
from console.pages.forms import number_of, text_of

TRIGGERS = (
    "list_joined", "list_confirmed", "date", "event", "opened", "clicked", "not_opened", "calendar",
)  # fmt: skip
STEPS = ("send", "wait", "condition", "list_add", "list_remove", "webhook", "end")
UNITS = {"minutes": 1, "hours": 60, "days": 24 * 60}
MAX_BODY = 200_000
_NUMBERS = ("list", "campaign", "offset_days", "day", "within_hours", "template", "version")


@dataclass(slots=True)
class Draft:
    """What the form holds, as text; good or not."""

    name: str = ""
    sender: str = ""
    sender_name: str = ""
    mode: str = "once"
    trigger: dict[str, Any] = field(default_factory=lambda: {"kind": "list_joined"})
    steps: list[dict[str, Any]] = field(default_factory=list)
    has_window: bool = False
    window: dict[str, Any] = field(
        default_factory=lambda: {"weekdays": [0, 1, 2, 3, 4], "begin": "08:00", "end": "18:00"}
    )


def read_form(form: Mapping[str, Any], weekdays: Sequence[str], days: Sequence[str]) -> Draft:
    """What was posted; `weekdays` and `days` are the ticked days of calendar and window."""
    draft = Draft(
        name=text_of(form, "name", 200),
        sender=text_of(form, "sender"),
        sender_name=text_of(form, "sender_name", 200),
        mode=text_of(form, "mode") or "once",
        has_window=bool(form.get("has_window")),
    )
    draft.trigger = _group(form, "trigger.") or {"kind": "list_joined"}
    draft.trigger["weekdays"] = [int(day) for day in weekdays if day in "0123456" and day]
    count = number_of(text_of(form, "steps")) or 0
    draft.steps = [_group(form, f"{n}.") for n in range(min(count, 60))]
    draft.window = {
        "weekdays": [int(day) for day in days if day in "0123456" and day],
        "begin": text_of(form, "begin"),
        "end": text_of(form, "end"),
    }
    return draft


def _group(form: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {
        name.removeprefix(prefix): text_of(form, name, MAX_BODY)
        for name in form
        if name.startswith(prefix)
    }


def change(draft: Draft, do: str) -> bool:
    """Carry out a button of the editor; False for one that stores something."""
    verb, _, rest = do.partition(":")
    place = int(rest) if rest.isascii() and rest.isdigit() and len(rest) < 4 else -1
    steps = draft.steps
    if verb == "add" and rest in STEPS:
        taken = {step.get("id") for step in steps}
        number = next(n for n in range(1, 200) if f"{rest}{n}" not in taken)
        steps.append({"kind": rest, "id": f"{rest}{number}"})
    elif verb == "remove" and 0 <= place < len(steps):
        del steps[place]
    elif verb == "up" and 0 < place < len(steps):
        steps[place - 1], steps[place] = steps[place], steps[place - 1]
    elif verb == "down" and 0 <= place < len(steps) - 1:
        steps[place + 1], steps[place] = steps[place], steps[place + 1]
    else:
        return verb == "show"
    return True


def definition_of(draft: Draft, timezone: str) -> str:
    """The definition as JSON, to be checked by `read_definition`."""
    trigger = {"kind": draft.trigger.get("kind", "")}
    wanted = {
        "list_joined": ("list",), "list_confirmed": ("list",), "event": ("name",),
        "date": ("field", "offset_days", "at", "yearly"),
        "opened": ("campaign",), "clicked": ("campaign",),
        "not_opened": ("campaign", "within_hours"),
        "calendar": ("every", "list", "weekdays", "day", "at"),
    }.get(trigger["kind"], ())  # fmt: skip
    every = {"weekdays": "week", "day": "month"}
    for name in wanted:
        value = draft.trigger.get(name)
        if name in every and draft.trigger.get("every") != every[name]:
            continue  # a field of another choice, which the page hides
        if value not in (None, ""):
            trigger[name] = _typed(name, value)
    if draft.trigger.get("when") == "before" and "offset_days" in trigger:
        trigger["offset_days"] = -abs(trigger["offset_days"])
    document = {
        "trigger": trigger,
        "steps": [_step(step) for step in draft.steps],
        "timezone": timezone,
    }
    if draft.has_window:
        document["window"] = draft.window
    return json.dumps(document, ensure_ascii=False)


def _step(step: Mapping[str, Any]) -> dict[str, Any]:
    kind = step.get("kind", "")
    made: dict[str, Any] = {"kind": kind, "id": step.get("id", "")}
    if kind == "wait":
        amount = number_of(str(step.get("amount", ""))) or 0
        made["minutes"] = amount * UNITS.get(str(step.get("unit")), 1)
        made["until"] = step.get("until", "")
    elif kind == "send":
        for name in ("subject", "html", "text"):
            made[name] = step.get(name, "")
        if step.get("template"):
            made["html"] = made["text"] = ""
            for name in ("template", "version"):
                if value := step.get(name):
                    made[name] = _typed(name, value)
        made["is_commercial"] = bool(step.get("is_commercial"))
    elif kind == "condition":
        asks = step.get("asks", "opened")
        if asks == "filter":
            made["filter"] = _json(step.get("filter", ""))
        elif asks == "field":
            made["filter"] = {step.get("field", ""): step.get("value", "")}
        else:
            made[asks] = step.get("about", "")
        made["then"], made["otherwise"] = step.get("then", ""), step.get("otherwise", "")
    elif kind in ("list_add", "list_remove"):
        made["list"] = _typed("list", step.get("list", ""))
    elif kind == "webhook":
        made["url"] = step.get("url", "")
    return made


def _json(text: str) -> Any:
    """As it was stored; what somebody made of it is refused with its place."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _typed(name: str, value: Any) -> Any:
    """Numbers as numbers; what is none stays as it is and is refused with its place."""
    if name == "yearly":
        return bool(value)
    if name not in _NUMBERS or not isinstance(value, str):
        return value
    number = number_of(value.removeprefix("-"))
    if number is None:
        return value
    return -number if value.startswith("-") else number


def draft_of(document: str, **head: str) -> Draft:
    """A stored definition as the form shows it."""
    found = json.loads(document)
    draft = Draft(**head, trigger=dict(found["trigger"]))  # type: ignore[arg-type]  # names of texts
    offset = draft.trigger.get("offset_days", 0)
    draft.trigger["when"] = "before" if offset < 0 else "after"
    draft.trigger["offset_days"] = abs(offset)
    draft.steps = [_shown(step) for step in found["steps"]]
    if found.get("window"):
        draft.has_window, draft.window = True, dict(found["window"])
    return draft


def _shown(step: Mapping[str, Any]) -> dict[str, Any]:
    shown = dict(step)
    if step["kind"] == "wait":
        minutes = step.get("minutes", 0)
        unit = next(
            (u for u in ("days", "hours") if minutes and minutes % UNITS[u] == 0), "minutes"
        )
        shown |= {"amount": minutes // UNITS[unit], "unit": unit}
    elif step["kind"] == "condition":
        if step.get("filter") and not is_plain(step["filter"]):
            shown |= {"asks": "filter", "filter": json.dumps(step["filter"], ensure_ascii=False)}
        elif step.get("filter"):
            ((name, value),) = step["filter"].items()
            shown |= {"asks": "field", "field": name, "value": value}
        else:
            asks = "clicked" if step.get("clicked") else "opened"
            shown |= {"asks": asks, "about": step.get(asks, "")}
    return shown
