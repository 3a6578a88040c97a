"""The command that writes the send-evidence report."""

from datetime import datetime
from pathlib import Path

import click

from console.cli.application import application
from console.cli.options import account_option, config_option, json_option
from console.cli.output import escape, print_json
from console.cli.progress import ProgressLine

_KINDS = (".pdf", ".xlsx")


@click.command("evidence")
@account_option("Whose mail, with that of the accounts below.  [default: the only one]")
@click.option(
    "--from",
    "first",
    metavar="DATE",
    required=True,
    type=click.DateTime(["%Y-%m-%d"]),
    help="First day, in the account's time zone.",
)
@click.option(
    "--to",
    "last",
    metavar="DATE",
    required=True,
    type=click.DateTime(["%Y-%m-%d"]),
    help="Last day.",
)
@click.option(
    "--out",
    "target",
    metavar="FILE",
    required=True,
    type=click.Path(path_type=Path),
    help="What to write: its ending, .pdf or .xlsx, says which kind.",
)
@click.option(
    "--language",
    type=click.Choice(("es", "en")),
    default="es",
    show_default=True,
    help="Of the words in it.",
)
@json_option
@config_option
@click.pass_context
def evidence(
    context: click.Context,
    account: str | None,
    first: datetime,
    last: datetime,
    target: Path,
    language: str,
    as_json: bool,
    config: Path,
) -> None:  # fmt: skip
    """Write what was sent, and what each receiving server answered.

    The PDF has campaigns, days, samples, method and hashes; the XLSX has every send as well, with as
    many sheets as that takes. It gets the next number and both files are kept, as from the page.
    Works while the server runs. FILE must not exist yet; only you can read it.
    """
    if target.suffix not in _KINDS:
        raise click.UsageError(f"--out {target}: the ending is none of {' '.join(_KINDS)}")
    line = ProgressLine()
    given = {
        "from": first.date().isoformat(), "to": last.date().isoformat(), "language": language,
        **({} if account is None else {"account": account}),
    }  # fmt: skip
    try:
        made = application(context).report_evidence(config, given, target, line)
    finally:
        line.close()
    if as_json:
        print_json(made)
        return
    click.echo(
        f"{escape(str(target))}: evidence {made['number']}, {made['rows']} sends\n"
        f"SHA-256 {made['sha256']}"
    )
