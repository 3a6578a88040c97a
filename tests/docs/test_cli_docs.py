"""The reference of the command line is the commands' own help."""

from pathlib import Path

from console.cli.reference import reference

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"


def test_the_reference_shows_every_command_as_it_is():
    assert PAGE.read_text() == reference(), (
        "run: python -m console.cli.reference > docs/reference/cli.md"
    )
