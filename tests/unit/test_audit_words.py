"""The audit trail in people's words."""

import ast
from pathlib import Path

import pytest

import console
from console.accounts.audit.log import AuditEntry
from console.pages.agents import readable_agent
from console.pages.audit_words import action_text, names_in, told
from console.pages.texts import load_texts
from mta.model.traffic import EventType

TEXTS = load_texts()
ROOT = Path(console.__file__).parent


def _actions() -> set[str]:
    """Every action that the code writes down as a literal: `trail.entry(actor, "account.created", …)`."""
    found = set()
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            if node.func.attr not in ("entry", "note", "_entry", "_audit", "_told"):
                continue
            for argument in node.args[:3]:
                for part in ast.walk(argument):
                    if isinstance(part, ast.Constant) and isinstance(part.value, str):
                        noun, dot, verb = part.value.partition(".")
                        if dot and noun.isidentifier() and verb.isidentifier():
                            found.add(part.value)
    return found


@pytest.mark.parametrize("language", ["es", "en"])
def test_every_action_has_words(language: str):
    actions = _actions()
    assert len(actions) > 40
    raw = {action for action in actions if action_text(action, TEXTS[language]) == action}
    assert raw == set()


def entry(**changes: object) -> AuditEntry:
    values: dict[str, object] = {
        "id": 1, "at_ms": 0, "actor_kind": "user", "actor_id": 1, "actor_name": "ana@x.test",
        "address": "", "agent": "", "action": "account.created", "account": 7, "object": "7",
        "before": "", "after": "", "result": "ok", "seq": 1, "hash": "",
    }  # fmt: skip
    return AuditEntry(**{**values, **changes})  # type: ignore[arg-type]


def test_who_what_and_where():
    es = TEXTS["es"]
    one = told(entry(), es, {7: "Municipalidad"})
    assert one == ("ana@x.test", "Cuenta: se creó", "Municipalidad", "/accounts/7")
    other = told(
        entry(actor_kind="command", action="campaign.paused", after='{"name":"Aviso"}'), es, {}
    )
    assert other == ("Línea de comandos", "Campaña: se pausó", "Aviso", "/campaigns/7")


def test_a_thing_is_called_as_another_entry_of_it_calls_it():
    es = TEXTS["es"]
    paused = entry(action="campaign.paused", after='{"status":"paused"}')
    made = entry(action="campaign.created", after='{"name":"Aviso"}')
    other = entry(action="contact.created", after='{"email":"eva@x.test"}')
    assert told(paused, es, {}, names_in([paused, other, made])).thing == "Aviso"
    assert told(paused, es, {}, names_in([paused, other])).thing == "7"


def test_what_is_gone_or_unknown_leads_nowhere():
    es = TEXTS["es"]
    assert told(entry(action="webhook.removed"), es, {}).href == ""
    assert told(entry(action="user.created", object="eva@x.test"), es, {}).href == ""
    assert told(entry(action="moon.landed", object="//evil.test"), es, {}) == (
        "ana@x.test", "moon.landed", "//evil.test", "",
    )  # fmt: skip


@pytest.mark.parametrize("language", ["es", "en"])
def test_every_event_of_a_webhook_is_explained(language: str):
    for kind in EventType:
        assert TEXTS[language](f"activity.events.{kind.value.replace('.', '_')}")


def test_a_browser_is_told_by_name_and_what_is_none_as_it_is():
    firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    assert readable_agent(firefox) == "Firefox 140, Linux"
    assert readable_agent("<b>nothing</b>") == "<b>nothing</b>"
