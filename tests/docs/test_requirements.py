"""The pages that say what is built cite files and tests that exist, and forget no clause."""

import re
import string
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
REQUIREMENTS = REFERENCE / "requirements.md"
RFC = REFERENCE / "rfc.md"
CITING = [REQUIREMENTS, RFC, *sorted((ROOT / "docs" / "explanation").glob("*.md"))]

CLAUSES = [
    f"T-{letter}" for letter in string.ascii_lowercase[: string.ascii_lowercase.index("v") + 1]
]
RULES = [
    *(f"S{n}" for n in range(1, 22)),
    *(f"C{n}" for n in range(1, 16)),
    *(f"U{n}" for n in range(1, 16)),
]
_PATH = re.compile(r"`((?:mta|console|tests|bench|config|systemd|docs)/[\w./-]*)(?:::(test_\w+))?`")
_ROW = re.compile(r"^\| ([A-Z][\w-]*) \|(.*)\|$", re.MULTILINE)


def rows(page: Path) -> dict[str, str]:
    return dict(_ROW.findall(page.read_text(encoding="utf-8")))


def test_every_clause_is_answered():
    assert [key for key in rows(REQUIREMENTS) if key.startswith("T-")] == CLAUSES


def test_every_rule_of_smtp_is_answered():
    assert [key for key in rows(RFC) if key in RULES] == RULES


def test_no_rule_is_claimed_without_a_test():
    untested = [
        key
        for key, row in rows(RFC).items()
        if key in RULES and "tests/" not in row and "not yet" not in row
    ]
    assert not untested


@pytest.mark.parametrize("page", CITING, ids=lambda page: page.stem)
def test_cited_files_and_tests_exist(page):
    missing = []
    for path, name in _PATH.findall(page.read_text(encoding="utf-8")):
        target = ROOT / path
        if not target.exists():
            missing.append(path)
        elif name and f"def {name}(" not in target.read_text(encoding="utf-8"):
            missing.append(f"{path}::{name}")
    assert not missing


def test_tests_that_carry_a_clause_are_named_in_its_row():
    answered = rows(REQUIREMENTS)
    unnamed = []
    for path in ROOT.glob("tests/**/test_*.py"):
        for name, letter in re.findall(
            r"def (test_T_([a-v])_\w+)\(", path.read_text(encoding="utf-8")
        ):
            if name not in answered.get(f"T-{letter}", ""):
                unnamed.append(f"{path.relative_to(ROOT)}::{name}")
    assert not unnamed
