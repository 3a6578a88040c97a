"""The page on permissions is the table itself."""

from pathlib import Path

from console.accounts.permission_page import page

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "permissions.md"


def test_the_page_shows_the_table_as_it_is():
    assert PAGE.read_text() == page(), (
        "run: python -m console.accounts.permission_page > docs/reference/permissions.md"
    )
