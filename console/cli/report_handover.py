"""The command that writes the hand-over file."""

import base64
import hashlib
from pathlib import Path

import click

from console.cli.application import ask
from console.cli.options import account_option, config_option, json_option
from console.cli.output import escape, print_json
from mta.settings.whole_file import write_whole

_KINDS = (".pdf", ".xlsx")


@click.command("handover")
@account_option("Whose hand-over.  [default: the only one]")
@click.option("--from", "_first", metavar="DATE", help="Left out: a hand-over is of today.")
@click.option("--to", "_last", metavar="DATE", help="Left out, too.")
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
def handover(
    account: str | None,
    _first: str | None,
    _last: str | None,
    target: Path,
    language: str,
    as_json: bool,
    config: Path,
) -> None:  # fmt: skip
    """Write the hand-over file: accesses, manuals, training, what is missing until when.

    It gets the next number and is kept, as one from the page is. Never a secret is in it. FILE must
    not exist yet; only you can read it.
    """
    if target.suffix not in _KINDS:
        raise click.UsageError(f"--out {target}: the ending is none of {' '.join(_KINDS)}")
    if target.exists():
        raise click.UsageError(f"--out {target}: exists already")
    kind = target.suffix.removeprefix(".")
    given = {"account": account, "format": kind, "language": language}
    made = ask(config, "handover.report", given)
    data = base64.b64decode(made.pop("data"))
    write_whole(target, data)
    told = {**made, "path": str(target), "sha256": hashlib.sha256(data).hexdigest()}
    if as_json:
        print_json(told)
        return
    click.echo(f"{escape(str(target))}: hand-over {told['number']}\nSHA-256 {told['sha256']}")
