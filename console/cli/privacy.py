"""Commands on personal data: everything about one person, and forgetting it."""

from pathlib import Path
from typing import TextIO

import click
import orjson

from console.cli.application import ask
from console.cli.options import account_option, config_option, json_option
from console.cli.output import print_json


@click.group()
def person() -> None:
    """What is kept about one person (an address), for requests of access and of erasure."""


@person.command("export")
@click.argument("address")
@click.argument("file", type=click.File("w", encoding="utf-8", lazy=True), default="-")
@account_option("Only what this account has.  [default: all accounts]")
@config_option
def export(address: str, file: TextIO, account: str | None, config: Path) -> None:
    """Write everything about a person as JSON to FILE (default: standard output).

    Deliveries with their events, merge values and subjects, and suppression entries.
    """
    found = ask(config, "person.export", {"address": address, "account": account})
    file.write(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode() + "\n")


@person.command("erase")
@click.argument("address")
@click.option("--why", required=True, help="Kept in the audit trail; no personal data, please.")
@account_option("Only what this account has.  [default: all accounts]")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@config_option
def erase(
    address: str, why: str, account: str | None, yes: bool, as_json: bool, config: Path
) -> None:
    """Forget a person; this cannot be undone.

    Contents that went to nobody else are overwritten, the address becomes a pseudonym in
    deliveries and events, so that no figure changes; suppression entries keep only a keyed hash,
    so that the person is not written to again. Backups made before still hold the data.
    """
    if not yes:
        click.confirm(f"Forget everything about {address}?", abort=True)
    done = ask(config, "person.erase", {"address": address, "why": why, "account": account})
    if as_json:
        print_json(done)
    else:
        click.echo(
            f"forgot {done['deliveries']} deliveries, {done['contents']} contents, "
            f"{done['suppressions']} suppression entries"
        )
