"""Commands on the audit trail."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from console.cli.application import ask
from console.cli.options import account_option, config_option, json_option, read_moment
from console.cli.output import print_json, print_table, zone_of
from console.cli.table import Column
from mta.model.clock import SystemClock

Command = TypeVar("Command", bound=Callable[..., Any])

ENTRIES = (
    Column("at", "at"),
    Column("actor", "who"),
    Column("address", "from"),
    Column("action", "action"),
    Column("account", "account"),
    Column("object", "object"),
    Column("changed", "changed"),
    Column("result", "result"),
)


def _filters(command: Command) -> Command:
    for option in (
        click.option("--until", metavar="WHEN", help="Before this moment."),
        click.option("--since", metavar="WHEN", help="From a date, or a date and time, on."),
        click.option("--object", metavar="TEXT", help="What it was done to."),
        click.option(
            "--action",
            metavar="NAME",
            help='"credential.revoked", or "credential" for all of them.',
        ),
        click.option(
            "--actor", metavar="NAME", help="Who did it: an address, a credential's name."
        ),
        account_option("Only entries of this account."),
    ):
        command = option(command)
    return command


@click.group()
def audit() -> None:
    """The audit trail: who changed what, from where, before and after."""


@audit.command("list")
@_filters
@click.option(
    "--limit",
    type=click.IntRange(1, 100_000),
    default=100,
    show_default=True,
    help="At most so many.",
)
@json_option
@config_option
def audit_list(limit: int, as_json: bool, config: Path, **filters: str | None) -> None:
    """List entries, the newest first."""
    arguments = _arguments(filters, config)
    entries: list[dict[str, Any]] = []
    while len(entries) < limit:
        page = ask(config, "audit.list", {**arguments, "count": min(1000, limit - len(entries))})
        entries += page["entries"]
        if page["cursor"] is None:
            break
        arguments["cursor"] = int(page["cursor"])
    if as_json:
        print_json(entries)
        return
    for entry in entries:
        entry["changed"] = _changed(entry["before"], entry["after"])
    print_table(ENTRIES, entries, zone_of(config))


@audit.command("export")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@_filters
@config_option
def audit_export(file: Path, config: Path, **filters: str | None) -> None:
    """Write entries to FILE as CSV, the newest first; "-" is standard output.

    The export is an entry of the trail itself.
    """
    arguments = _arguments(filters, config)
    to_stdout = str(file) == "-"
    with click.open_file(str(file), "w", encoding="utf-8") as out:
        while True:
            page = ask(config, "audit.export", arguments)
            out.write(page["csv"].replace("\r\n", "\n") if to_stdout else page["csv"])
            if page["cursor"] is None:
                break
            arguments["cursor"] = int(page["cursor"])
    if not to_stdout:
        click.echo(f"written to {file}", file=sys.stderr)


def _arguments(filters: dict[str, str | None], config: Path) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        name: filters[name] for name in ("account", "actor", "action", "object")
    }
    for name in ("since", "until"):
        text = filters[name]
        if text is not None:
            try:
                moment = read_moment(text, zone_of(config), SystemClock().now_ms())
            except ValueError as error:
                raise click.UsageError(f"--{name} {text!r}: {error}") from None
            arguments[f"{name}_ms"] = moment
    return arguments


def _changed(before: dict[str, Any], after: dict[str, Any]) -> str:
    return ", ".join(
        f"{key}: {before.get(key, '–')} → {after.get(key, '–')}"
        for key in dict.fromkeys((*before, *after))
    )
