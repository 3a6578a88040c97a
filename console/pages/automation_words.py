"""What an automation does, in words: when it begins, each step, and the hours in which it sends."""

from collections.abc import Mapping
from dataclasses import dataclass

from console.automations.definition import (
    CalendarTrigger,
    ConditionStep,
    DateTrigger,
    Definition,
    EngagementTrigger,
    EventTrigger,
    ListStep,
    ListTrigger,
    SendStep,
    Step,
    WaitStep,
    WebhookStep,
)
from console.pages.texts import Texts


@dataclass(frozen=True, slots=True)
class Names:
    """How the things are called that a definition names by number."""

    lists: Mapping[int, str]
    campaigns: Mapping[int, str]
    templates: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class InWords:
    """An automation as a page tells it; `window` is empty where mails go at any hour."""

    begins: str
    steps: Mapping[str, str]  # by id: "2. Esperar"
    details: Mapping[str, str]  # by id: "1 d"
    window: str


def in_words(definition: Definition, names: Names, t: Texts) -> InWords:
    """All of it, in the language of the texts."""
    titles = {
        step.id: f"{n}. {t(f'automations.kinds.{step.kind}')}"
        for n, step in enumerate(definition.steps, 1)
    }
    return InWords(
        _begins(definition, names, t),
        titles,
        {step.id: _detail(step, definition, names, titles, t) for step in definition.steps},
        _window(definition, t),
    )


def _begins(definition: Definition, names: Names, t: Texts) -> str:
    trigger = definition.trigger
    key = f"automations.begins_when.{trigger.kind}"
    match trigger:
        case ListTrigger():
            return t(key, list=_name(names.lists, trigger.list, t))
        case EventTrigger():
            return t(key, event=trigger.name)
        case EngagementTrigger():
            campaign = _name(names.campaigns, trigger.campaign, t)
            hours = t.count("automations.hours", trigger.within_hours)
            return t(key, campaign=campaign, hours=hours)
        case DateTrigger():
            return _date(trigger, t)
        case CalendarTrigger():
            days = _days(trigger.weekdays, t)
            name = _name(names.lists, trigger.list, t)
            told = t(f"automations.begins_every.{trigger.every}", days=days, day=trigger.day)
            return t(key, every=told, at=trigger.at, list=name)


def _date(trigger: DateTrigger, t: Texts) -> str:
    offset = trigger.offset_days
    side = "on_day" if not offset else "before" if offset < 0 else "after"
    days = t.count("automations.days_of", abs(offset))
    told = t(f"automations.begins_on.{side}", days=days, field=trigger.field, at=trigger.at)
    return told + (t("automations.begins_on.yearly") if trigger.yearly else "")


def _detail(
    step: Step, definition: Definition, names: Names, titles: Mapping[str, str], t: Texts
) -> str:
    match step:
        case SendStep():
            return _mail(step, names, t)
        case WaitStep():
            until = t("automations.wait_until", at=step.until) if step.until else ""
            span = t.duration(step.minutes * 60) if step.minutes else ""
            return ", ".join(part for part in (span, until) if part)
        case ListStep():
            return _name(names.lists, step.list, t)
        case WebhookStep():
            return step.url
        case ConditionStep():
            return t(
                "automations.branches",
                question=_question(step, definition, names, t),
                then=titles.get(step.then, t("automations.to_end")),
                otherwise=titles.get(step.otherwise, t("automations.to_end")),
            )
        case _:
            return ""


def _mail(step: SendStep, names: Names, t: Texts) -> str:
    if step.template is None:
        return t("automations.quoted", text=step.subject)
    told = t("automations.quoted", text=step.subject) + " – " if step.subject else ""
    told += t("automations.by_template", name=_name(names.templates, step.template, t))
    return told + (f" (v{step.version})" if step.version else "")


def _question(step: ConditionStep, definition: Definition, names: Names, t: Texts) -> str:
    for asked, key in ((step.opened, "did_open"), (step.clicked, "did_click")):
        mail = definition.step(asked) if asked else None
        if isinstance(mail, SendStep):
            return t(f"automations.{key}", mail=_mail(mail, names, t))
    filter_ = step.filter or {}
    if is_plain(filter_):
        ((field, value),) = filter_.items()
        return t("automations.does_equal", field=field, value=value)
    return t("automations.does_match")


def is_plain(filter_: Mapping[str, object]) -> bool:
    """Whether a filter asks one field for one value, as the editor writes it."""
    return len(filter_) == 1 and all(isinstance(v, str | int | float) for v in filter_.values())


def _window(definition: Definition, t: Texts) -> str:
    window = definition.window
    if window is None:
        return ""
    days = _days(window.weekdays, t)
    return t(
        "automations.only_then",
        days=days, begin=window.begin, end=window.end, zone=definition.timezone,
    )  # fmt: skip


def _days(weekdays: tuple[int, ...], t: Texts) -> str:
    if len(set(weekdays)) == 7:
        return t("automations.every_day")
    return ", ".join(t.weekday(day) for day in sorted(set(weekdays)))


def _name(names: Mapping[int, str], number: int, t: Texts) -> str:
    return t("automations.quoted", text=names[number]) if number in names else str(number)
