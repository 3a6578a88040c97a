"""The reference of the command line is the commands' own help; other pages name commands as they are."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from console.cli.frame import relevo
from console.cli.reference import reference

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "cli.md"
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("*/README.md")]
_FENCE = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`relevo ([a-z][^`]*)`")
_LINE = re.compile(r"(?:^|(?<=[\s/(]))relevo ([a-z][a-z-]* .*?)(?=&&|\||;|$)")


def test_the_reference_shows_every_command_as_it_is():
    assert PAGE.read_text() == reference(), (
        "run: python -m console.cli.reference > docs/reference/cli.md"
    )


def _commands(text: str) -> Iterator[list[str]]:
    """What follows `relevo` in examples and in sentences, in words."""
    whole = text.replace("\\\n", " ")
    for example in _FENCE.findall(whole):
        for line in example.splitlines():
            if not line.startswith(("alias", "systemctl")) and "systemctl" not in line:
                yield from (m[1].split() for m in _LINE.finditer(re.sub(r"(^|\s)#.*", "", line)))
    for found in _INLINE.findall(_FENCE.sub("", whole)):
        yield re.sub(r"(?<=[a-z])\\?\|[a-z]+", "", found).split()  # `queue hold|cancel`: the first


def _problem(words: list[str]) -> str | None:
    """What is wrong with it: a command or an option that there is not."""
    command: click.Command = relevo
    rest = list(words)
    while isinstance(command, click.Group) and rest and re.fullmatch(r"[a-z-]+", rest[0]):
        below = command.get_command(click.Context(command), rest[0])
        if below is None:
            return f"no command: {' '.join(words)}"
        command = below
        rest.pop(0)
    options = {"--help", "--version"}
    for one in command.params:
        options.update([*one.opts, *one.secondary_opts])
    unknown = [word for word in rest if word.startswith("--") and word.split("=")[0] not in options]
    return f"no option {unknown}: {' '.join(words)}" if unknown else None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_that_a_page_names_exist_with_their_options(page):
    found = [_problem(words) for words in _commands(page.read_text(encoding="utf-8"))]
    assert not [problem for problem in found if problem]
