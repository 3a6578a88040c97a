"""Commands on suppression lists: who gets no mail."""

import sys
from pathlib import Path
from typing import BinaryIO, TextIO

import click

from console.cli.application import ask
from console.cli.options import (
    account_option,
    config_option,
    json_option,
    read_moment,
)
from console.cli.output import escape, print_json, print_table, zone_of
from console.cli.progress import ProgressLine
from console.cli.table import Column
from console.suppressions.files import decoded, read_rows
from mta.model.clock import SystemClock
from mta.suppression.values import Reason, Scope

IMPORT_ROWS = 2_000
SHOWN_ERRORS = 20
ENTRIES = (
    Column("address", "address"),
    Column("reason", "reason"),
    Column("scope", "scope"),
    Column("account", "account"),
    Column("created", "created"),
    Column("expires", "expires"),
    Column("by", "by"),
    Column("note", "note"),
)
HELD = (
    Column("address", "address"),
    Column("account", "account"),
    Column("at", "at"),
    Column("site", "site"),
    Column("reply", "reply"),
)

_everywhere_option = click.option(
    "--everywhere", is_flag=True, help="For all accounts, in place of one."
)


@click.group()
def suppression() -> None:
    """Suppression lists: who gets no mail, and why."""


@suppression.command("list")
@click.argument("search", default="")
@account_option("Only those of this account.")
@click.option("--reason", type=click.Choice(list(Reason)), help="Only those for this reason.")
@click.option("--limit", metavar="N", type=click.IntRange(1, 1000), default=100, show_default=True)
@click.option("--before", metavar="ID", help="Go on before this entry (see --json).")
@json_option
@config_option
def list_(
    search: str,
    account: str | None,
    reason: str | None,
    limit: int,
    before: str | None,
    as_json: bool,
    config: Path,
) -> None:
    """List entries, newest first; SEARCH is the beginning of an address."""
    arguments = {
        "search": search, "account": account, "reason": reason, "limit": limit, "before": before,
    }  # fmt: skip
    rows = ask(config, "suppression.list", arguments)
    if as_json:
        print_json(rows)
    else:
        print_table(ENTRIES, rows, zone_of(config))


@suppression.command("add")
@click.argument("addresses", nargs=-1, required=True)
@account_option("Whose mail; may be left out if there is one main account.")
@_everywhere_option
@click.option(
    "--scope", type=click.Choice(list(Scope)), help="Which mail is stopped.  [default: all]"
)
@click.option("--note", default="", help="Why; everybody who sees the list reads it.")
@click.option("--expires", metavar="WHEN", help="A date, a date and time, or as 90d: until then.")
@json_option
@config_option
def add(
    addresses: tuple[str, ...],
    account: str | None,
    everywhere: bool,
    scope: str | None,
    note: str,
    expires: str | None,
    as_json: bool,
    config: Path,
) -> None:
    """Stop mail to addresses."""
    expires_ms = 0
    if expires:
        try:
            expires_ms = read_moment(expires, zone_of(config), SystemClock().now_ms())
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--expires") from None
    arguments = {
        "addresses": list(addresses), "account": account, "everywhere": everywhere,
        "scope": scope, "note": note, "expires_ms": expires_ms,
    }  # fmt: skip
    rows = ask(config, "suppression.add", arguments)
    if as_json:
        print_json(rows)
    else:
        print_table(ENTRIES, rows, zone_of(config))


@suppression.command("remove")
@click.argument("address")
@account_option("Whose mail; may be left out if there is one main account.")
@_everywhere_option
@click.option("--why", required=True, help="Kept in the audit trail.")
@click.option("--reason", type=click.Choice(list(Reason)), help="Only the entry for this reason.")
@config_option
def remove(
    address: str, account: str | None, everywhere: bool, why: str, reason: str | None, config: Path
) -> None:
    """Let mail to an address go again."""
    arguments = {
        "address": address, "account": account, "everywhere": everywhere, "why": why,
        "reason": reason,
    }  # fmt: skip
    for row in ask(config, "suppression.remove", arguments):
        click.echo(f"removed {escape(row['address'] or address)} ({row['reason']})")


@suppression.command("import")
@click.argument("file", type=click.File("rb"))
@account_option("Whose mail; may be left out if there is one main account.")
@_everywhere_option
@json_option
@config_option
def import_(
    file: BinaryIO, account: str | None, everywhere: bool, as_json: bool, config: Path
) -> None:
    """Add the addresses of a CSV file ("-": standard input).

    One address a line, or a first line that names the columns: address, scope, note, expires. Lines
    that cannot be taken are told, the others are added; the exit code is then 1.
    """
    rows = list(read_rows(decoded(file.read()).splitlines(keepends=True)))
    progress, added, errors = ProgressLine(), 0, []
    for start in range(0, len(rows), IMPORT_ROWS):
        part = rows[start : start + IMPORT_ROWS]
        cells = [[r.line, r.address, r.scope, r.note, r.expires] for r in part]
        arguments = {
            "rows": cells, "account": account, "everywhere": everywhere, "name": file.name,
        }  # fmt: skip
        done = ask(config, "suppression.import", arguments)
        added += done["added"]
        errors += done["errors"]
        progress("importing", start + len(part), len(rows))
    progress.close()
    if as_json:
        print_json({"added": added, "errors": errors})
    else:
        for error in errors[:SHOWN_ERRORS]:
            click.echo(f"line {error['line']}: {escape(error['why'])}", err=True)
        if len(errors) > SHOWN_ERRORS:
            click.echo(f"and {len(errors) - SHOWN_ERRORS} lines more", err=True)
        click.echo(f"added {added}, refused {len(errors)}")
    if errors:
        sys.exit(1)


@suppression.command("export")
@click.argument("file", type=click.File("w", encoding="utf-8", lazy=True))
@account_option("Only those of this account.")
@click.option("--reason", type=click.Choice(list(Reason)), help="Only those for this reason.")
@config_option
def export(file: TextIO, account: str | None, reason: str | None, config: Path) -> None:
    """Write entries as CSV ("-": standard output); safe to open in a spreadsheet."""
    before = None
    while True:
        arguments = {"account": account, "reason": reason, "before": before}
        page = ask(config, "suppression.export", arguments)
        file.write(page["text"].replace("\r\n", "\n"))
        before = page["before"]
        if not before:
            break


@suppression.command("held")
@account_option("Only those of this account.")
@click.option("--apply", "decision", flag_value="apply", help="Suppress them.")
@click.option("--drop", "decision", flag_value="drop", help="Forget them: mail to them goes on.")
@json_option
@config_option
def held(account: str | None, decision: str | None, as_json: bool, config: Path) -> None:
    """List what a site refused that refused too many to be believed, or decide about it."""
    if decision is not None:
        arguments = {"account": account, "suppress": decision == "apply"}
        count = ask(config, "suppression.decide", arguments)["count"]
        click.echo(f"{'suppressed' if decision == 'apply' else 'forgot'} {count}")
        return
    rows = ask(config, "suppression.held", {"account": account})
    if as_json:
        print_json(rows)
    else:
        print_table(HELD, rows, zone_of(config))
