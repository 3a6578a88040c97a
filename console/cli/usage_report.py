"""The command that writes a report of consumption and balance (T-r)."""

from pathlib import Path

import click

from console.cli.application import application
from console.cli.options import account_option, config_option, json_option
from console.cli.output import escape, print_json
from console.cli.progress import ProgressLine


@click.command("usage")
@account_option("Whose report, with all below it; may be left out if there is one main account.")
@click.option("--from", "first", metavar="DATE", required=True, help="The first day.")
@click.option("--to", "last", metavar="DATE", required=True, help="The last day.")
@click.option(
    "--out",
    metavar="FILE",
    required=True,
    type=click.Path(path_type=Path),
    help="Ends in .pdf, .xlsx or .json, and does not exist yet.",
)
@click.option("--language", type=click.Choice(["es", "en"]), help="[default: the server's]")
@json_option
@config_option
@click.pass_context
def usage_report(
    context: click.Context,
    account: str | None,
    first: str,
    last: str,
    out: Path,
    language: str | None,
    as_json: bool,
    config: Path,
) -> None:
    """Write a report of consumption and balance with the tender's letters (a) to (g).

    Days are those of the account's time zone, both included. The report gets the next number of the
    contract and is kept with both of its files and their hashes, as one from the page is.
    """
    given = {"account": account, "from": first, "to": last, "language": language}
    arguments = {key: value for key, value in given.items() if value is not None}
    line = ProgressLine()
    try:
        made = application(context).write_usage_report(config, arguments, out, line)
    finally:
        line.close()
    if as_json:
        print_json(made)
        return
    click.echo(
        f"{escape(str(made['path']))}: report {made['number']}, {made['bytes']} bytes\n"
        f"SHA-256 of its data: {made['sha256']}"
    )
