"""The command on the use of the doors."""

from pathlib import Path

import click

from console.cli.application import ask
from console.cli.options import account_option, config_option, json_option
from console.cli.output import print_json, print_table, zone_of
from console.cli.table import Column

USAGE = (
    Column("day", "day"),
    Column("account_name", "account"),
    Column("credential_name", "credential"),
    Column("door", "door"),
    Column("requests", "requests"),
    Column("accepted", "accepted"),
    Column("rejected", "rejected"),
    Column("errors", "errors"),
    Column("recipients", "recipients"),
    Column("p50", "p50 ms"),
    Column("p95", "p95 ms"),
)


@click.command("usage")
@click.option("--from", "first", metavar="DAY", help="The first day; default: 30 days.")
@click.option("--to", "last", metavar="DAY", help="The last day; default: today.")
@click.option(
    "--group",
    default="day,credential,door",
    show_default=True,
    help="Some of day, month, account, credential, door, with commas.",
)
@account_option("Without it, all accounts.")
@json_option
@config_option
def usage(
    first: str | None,
    last: str | None,
    group: str,
    account: str | None,
    as_json: bool,
    config: Path,
) -> None:
    """Show what credentials asked of SMTP, the API and its dialects.

    Over SMTP a request is a message, or a sender or recipient that was refused. Times are those
    within which half and 95 % of the requests were answered, as powers of two.
    """
    arguments = {"from": first, "to": last, "group": group, "account": account}
    found = ask(config, "usage.show", arguments)
    if as_json:
        print_json(found)
        return
    rows = [{**row, **row["latency_ms"]} for row in found["items"]]
    shown = [column for column in USAGE if any(row[column.key] is not None for row in rows)]
    print_table(shown, rows, zone_of(config))
