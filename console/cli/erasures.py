"""Commands on the erasure of whole accounts: the operator is one of the two persons that it takes."""

from pathlib import Path

import click

from console.cli.application import ask
from console.cli.options import config_option, json_option
from console.cli.output import print_json, print_record, print_table, zone_of
from console.cli.table import Column

LIST = (
    Column("number", "number"),
    Column("state", "state"),
    Column("name", "account", can_cut=True),
    Column("asked_by", "asked by"),
    Column("confirmed_by", "confirmed by"),
    Column("undo_until", "undo until"),
    Column("ended_at", "ended"),
)


@click.group("erasure")
def erasure() -> None:
    """Erasure of whole accounts, by two persons, with a certificate."""


@erasure.command("ask")
@click.argument("id")
@click.option("--why", required=True, help="Stands on the certificate.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@config_option
def ask_(id: str, why: str, yes: bool, as_json: bool, config: Path) -> None:
    """Ask that an account and all below it are erased; an owner has to confirm it on the page.

    Make an export before: `relevo account export`.
    """
    name = ask(config, "account.show", {"account": id})["name"]
    if not yes:
        click.confirm(f"Ask for the erasure of {name}?", abort=True, err=True)
    made = ask(config, "account.erasure.ask", {"account": id, "why": why})
    if as_json:
        print_json(made)
    else:
        click.echo(f"erasure {made['number']} waits for a second person")


@erasure.command("confirm")
@click.argument("number", type=int)
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@config_option
def confirm(number: int, yes: bool, as_json: bool, config: Path) -> None:
    """Confirm, as the second person, what somebody asked for on the page.

    From then on it can be undone for `[retention] erasure_wait`.
    """
    found = ask(config, "account.erasure.show", {"number": number})
    if not yes:
        click.confirm(f"Erase everything of {found['name']}?", abort=True, err=True)
    done = ask(config, "account.erasure.confirm", {"number": number})
    if as_json:
        print_json(done)
    else:
        click.echo(f"erasure {number} is confirmed; it can be undone until {done['undo_until']}")


@erasure.command("undo")
@click.argument("number", type=int)
@config_option
def undo(number: int, config: Path) -> None:
    """Take an erasure back before its time comes."""
    ask(config, "account.erasure.undo", {"number": number})
    click.echo(f"erasure {number} is undone; nothing was erased")


@erasure.command("list")
@json_option
@config_option
def list_(as_json: bool, config: Path) -> None:
    """List erasures, the newest first."""
    rows = ask(config, "account.erasure.list", {})
    if as_json:
        print_json(rows)
    else:
        print_table(LIST, rows, zone_of(config))


@erasure.command("show")
@click.argument("number", type=int)
@json_option
@config_option
def show(number: int, as_json: bool, config: Path) -> None:
    """Show an erasure; once it is done with the facts whose SHA-256 the audit trail has."""
    found = ask(config, "account.erasure.show", {"number": number})
    if as_json:
        print_json(found)
        return
    facts = found.pop("certificate", None)
    if facts is not None:
        found["erased"] = facts["erased"]
    print_record(found, zone_of(config))
