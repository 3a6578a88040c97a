"""Reasons of services in Spanish: all that the code can raise, found by walking it."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.api.problems import refused
from console.api.refusals import ApiRefusal, Violation, invalid
from console.automations.definition import DefinitionError, read_definition
from console.pages.texts import load_texts
from console.reasons import said, templates

ROOT = Path(__file__).parents[2]
# Raised with a text by services that pages and API ask. Others carry codes that pages have words for.
KINDS = frozenset(
    {
        "AddressSyntaxError", "BadReport", "BadUsageQuery", "CampaignConflict", "MailboxSyntaxError",
        "NotConfirmed", "NotPermitted", "PermanentError", "Unencodable", "UndecodableWords",
    }
)  # fmt: skip
# Commands answer operators in English; pages and API have texts of their own.
COMMANDS = ("console/cli/", "console/app/", "console/accounts/arguments.py", "console/pages/",
            "console/api/", "console/accounts/exporting/archive.py", "console/accounts/mailer.py")  # fmt: skip
HOLE = re.compile(r"\{(\d+)\*?\}")


def template(node: ast.expr) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if not isinstance(node, ast.JoinedStr):
        return None
    parts, holes = [], 0
    for value in node.values:
        if isinstance(value, ast.Constant):
            parts.append(str(value.value))
        else:
            parts.append(f"{{{holes}}}")
            holes += 1
    return "".join(parts)


def raised() -> Iterator[tuple[str, str]]:
    """Where, and the text: with holes for values."""
    folders = [ROOT / "console", ROOT / "mta" / "intake", ROOT / "mta" / "model"]
    for path in sorted(p for folder in folders for p in folder.rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        if name.startswith(COMMANDS) or name.endswith("operations.py"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)):
                continue
            kind = getattr(node.exc.func, "id", "")
            text = template(node.exc.args[0]) if kind in KINDS and node.exc.args else None
            if text and " " in text:  # else it is a code
                yield f"{name}:{node.lineno}", text


def notes() -> Iterator[str]:
    """Why campaigns pause by themselves, beside what their mails and pages say of the reason."""
    for path in sorted((ROOT / "console" / "campaigns").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            found: ast.expr | None = None
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                found = node.args[-1] if name in ("CannotSend", "Stop", "_stop") else None
            elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "note":
                found = node.value
            if found is not None and (text := template(found)):
                yield text


def test_every_note_of_a_campaign_that_paused_by_itself_has_words_in_spanish():
    found = list(notes())
    assert len(found) > 6
    assert [text for text in found if text not in templates("es")] == []


def test_every_reason_that_services_give_has_words_in_spanish():
    known = templates("es")
    reasons = list(raised())
    assert len(reasons) > 150
    assert [(where, text) for where, text in reasons if text not in known] == []


def test_texts_keep_what_stands_in_the_reason():
    for english, spanish in templates("es").items():
        assert set(HOLE.findall(spanish)) <= set(HOLE.findall(english)), english


@pytest.mark.parametrize(("english", "spanish"), [
    ("the campaign is running, not a draft", "la campaña está en curso, no es un borrador"),
    ("from: 'x' has no domain", "from: 'x' no tiene dominio"),
    ("there is a list draft already", "ya existe la lista draft"),
    ("something: quite else", "something: quite else"),
    ("quite else", "quite else"),
])  # fmt: skip
def test_a_reason_is_said_in_spanish_and_an_unknown_one_as_it_is(english, spanish):
    assert said(english, "es") == spanish
    assert said(english, "en") == english


@pytest.mark.parametrize("document", [
    "{}", "{", "[]", '{"trigger": {"kind": "x"}, "steps": []}', '{"trigger": {"kind": 1}, "steps": {}}',
    '{"trigger": {"kind": "list_joined", "list": "1", "x": 1}, "steps": [{"kind": "wait", "id": "a"}], "timezone": "X/Y"}',
    '{"trigger": {"kind": "list_joined", "list": 1}, "steps": [{"kind": "send", "id": "a", "subject": "", "text": "x"}]}',
])  # fmt: skip
def test_everything_that_is_wrong_with_an_automation_has_words_in_spanish(document):
    with pytest.raises(DefinitionError) as caught:
        read_definition(document)
    assert [text for _, text in caught.value.problems if not said(text, "es", "")] == []


def test_a_reason_full_of_what_people_wrote_is_looked_at_within_bounds():
    hostile = "{0}: " * 400
    assert said(hostile, "es") == hostile
    assert said(f"there is a list {'{0} {1} ' * 20}already", "es").startswith("ya existe la lista")


def test_the_api_and_pages_tell_reasons_in_the_callers_language():
    refusal = ApiRefusal(409, "conflict", "the campaign is running, not a draft")
    assert refusal.detail_in("es") == "la campaña está en curso, no es un borrador"
    assert refusal.detail_in("en") == "the campaign is running, not a draft"
    assert ApiRefusal(409, "conflict", "quite else").detail_in("es") == ""
    wrong = invalid(Violation("to.0", "unusable_text", {"detail": "'x' has no domain"}))
    body = json.loads(refused(wrong, "es").body)
    assert body["violations"] == [
        {
            "field": "to.0",
            "code": "unusable_text",
            "message": "No se puede usar: 'x' no tiene dominio",
        }
    ]
    assert load_texts()["es"].said("'x' has no domain") == "'x' no tiene dominio"
