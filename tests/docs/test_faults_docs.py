"""Every test that a page of explanations names is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs" / "explanation").glob("*.md"))
NAMED = re.compile(r"`(test_\w+)`")
DEFINED = re.compile(r"^(?:async )?def (test_\w+)\(", re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_tests_that_a_page_names_exist(page):
    there = {
        name
        for path in ROOT.glob("tests/**/test_*.py")
        for name in DEFINED.findall(path.read_text(encoding="utf-8"))
    }
    assert not sorted(set(NAMED.findall(page.read_text(encoding="utf-8"))) - there)
