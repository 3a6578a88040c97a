"""The reference of the API is its routes' own text, and every error has its words."""

import re
import string
from pathlib import Path

from pydantic import TypeAdapter

from console.api.openapi import STATUS_OF, codes_of
from console.api.reference_page import all_groups, all_routes, reference_page
from console.api.wording import texts

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "api.md"
_REFUSAL = re.compile(r"ApiRefusal\(\s*(\d{3}),\s*\"(\w+)\"")
_VIOLATION = re.compile(
    r"(?:Violation\(\s*[^,()]+,|checks\.add\(\s*[^,()]+,|self\.add\(\s*[^,()]+,)\s*\"(\w+)\""
)


def sources() -> str:
    return "\n".join(path.read_text() for path in (ROOT / "console" / "api").rglob("*.py"))


def test_the_reference_lists_every_endpoint_and_error_as_declared():
    assert PAGE.read_text() == reference_page(), (
        "run: python -m console.api.reference_page > docs/reference/api.md"
    )


def test_every_refusal_has_words_and_the_status_that_is_documented():
    found = set(_REFUSAL.findall(sources()))
    assert len(found) > 10
    assert {code: int(status) for status, code in found}.items() <= STATUS_OF.items()


def test_every_violation_has_words():
    found = set(_VIOLATION.findall(sources()))
    assert len(found) > 8
    assert found <= texts("en")["violations"].keys()


def test_both_languages_say_the_same_things():
    fields = string.Formatter()
    for kind in ("problems", "violations"):
        english, spanish = texts("en")[kind], texts("es")[kind]
        assert english.keys() == spanish.keys()
        for code, text in english.items():
            wanted = {name for _, name, _, _ in fields.parse(text) if name}
            assert wanted == {name for _, name, _, _ in fields.parse(spanish[code]) if name}, code


def test_every_code_of_a_route_is_known():
    for route in all_routes():
        assert set(codes_of(route)) <= STATUS_OF.keys()
        assert set(codes_of(route)) <= texts("en")["problems"].keys()


def test_every_group_of_routes_is_in_the_reference():
    declared = set(re.findall(r"^class (\w+Endpoints)\b", sources(), re.MULTILINE))
    assert {type(group).__name__ for group in all_groups()} == declared


def test_no_two_schemas_have_one_name():
    known: dict[tuple[str, str], object] = {}
    for route in all_routes():
        for mode, kind in (("validation", route.takes), ("serialization", route.answers)):
            if kind is None:
                continue
            schema = TypeAdapter(kind).json_schema(mode=mode)
            for name, one in schema.get("$defs", {}).items():
                assert known.setdefault((mode, name), one) == one, f"{name} of {route.path}"
