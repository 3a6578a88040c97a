"""Writes `docs/reference/cli.md` from the commands themselves: `python -m console.cli.reference`."""

import inspect
import re
import sys
from collections.abc import Iterator

import click

from console.cli.frame import relevo

_HEAD = """\
# Command line

<!-- Generated from the commands: `python -m console.cli.reference`. Do not edit. -->

`relevo COMMAND …`, also `python -m mta COMMAND …`. Commands work while the server runs, over its
control socket `relevo.sock` in the data directory, and also when it does not (except `queue top`).

- **Settings.** Every command takes `--config FILE`; without it `$RELEVO_CONFIG` names the file, else
  it is `config/relevo.toml`.
- **Exit codes.** 0 success, 1 failure, 2 wrong usage, 130 interrupted. A failure is one line on
  standard error that begins with `relevo:`; with `RELEVO_DEBUG=1` the trace is shown as well.
- **JSON.** Commands that list, show or add take `--json`. Identifiers are strings there, times are
  RFC 3339 in UTC, and what is unknown is `null`. People get tables, with times in the zone of
  `[server] timezone`.
- **Secrets** of credentials and made-up passwords are shown once, when they are made.
"""
_PARAGRAPH = re.compile(r"\n\s*\n")


def reference() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *_sections(relevo, ("relevo",))])


def _sections(group: click.Group, path: tuple[str, ...]) -> Iterator[str]:
    for name in sorted(group.commands):
        command = group.commands[name]
        if isinstance(command, click.Group):
            yield from _sections(command, (*path, name))
        else:
            yield _section(command, (*path, name))


def _section(command: click.Command, path: tuple[str, ...]) -> str:
    context = click.Context(command, info_name=" ".join(path))
    pieces = " ".join(piece for piece in command.collect_usage_pieces(context))
    lines = [f"## `{' '.join(path)}`", "", f"    {' '.join(path)} {pieces}", ""]
    for paragraph in _PARAGRAPH.split(inspect.cleandoc(command.help or "")):
        lines += [" ".join(paragraph.split()), ""]
    lines += ["| option | meaning |", "| --- | --- |"]
    for parameter in command.params:
        record = parameter.get_help_record(context)
        if record is not None and isinstance(parameter, click.Option):
            option, meaning = (" ".join(text.split()).replace("|", "\\|") for text in record)
            lines.append(f"| `{option}` | {meaning} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    sys.stdout.write(reference())
