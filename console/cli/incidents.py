"""Commands on incidents: what people reported to the support."""

from pathlib import Path

import click

from console.cli.application import ask
from console.cli.options import account_option, config_option, json_option
from console.cli.output import print_json, print_record, print_table, zone_of
from console.cli.table import Column

CATEGORIES = ("failed_sends", "delivery", "access", "quota", "security", "other")
STATES = ("working", "resolved", "closed")
LIST = (
    Column("number", "number"),
    Column("state", "state"),
    Column("category", "category"),
    Column("account", "account"),
    Column("subject", "subject", can_cut=True),
    Column("opened_by", "opened by"),
    Column("changed", "changed"),
)


@click.group()
def incident() -> None:
    """Incidents that people reported on the support page."""


@incident.command("list")
@click.option("--open", "open_only", is_flag=True, help="Without those that are closed.")
@json_option
@config_option
def list_(open_only: bool, as_json: bool, config: Path) -> None:
    """List incidents, the newest first."""
    rows = ask(config, "incident.list", {"open_only": open_only})
    if as_json:
        print_json(rows)
    else:
        print_table(LIST, rows, zone_of(config))


@incident.command("show")
@click.argument("number", type=int)
@json_option
@config_option
def show(number: int, as_json: bool, config: Path) -> None:
    """Show an incident with all that was said about it."""
    found = ask(config, "incident.show", {"number": number})
    if as_json:
        print_json(found)
        return
    notes = found.pop("notes")
    print_record(found, zone_of(config))
    if notes:
        click.echo()
        columns = (
            Column("at", "at"),
            Column("by", "by"),
            Column("state", "state"),
            Column("text", "text"),
        )
        print_table(columns, notes, zone_of(config))


@incident.command("open")
@account_option("Whose it is; may be left out if there is one main account.")
@click.option("--category", type=click.Choice(CATEGORIES), default="other", show_default=True)
@click.option("--subject", required=True, help="One line.")
@click.option("--text", required=True, help="What happened.")
@click.option("--contact", required=True, help="Mail address or telephone number for answers.")
@json_option
@config_option
def open_(
    account: str | None,
    category: str,
    subject: str,
    text: str,
    contact: str,
    as_json: bool,
    config: Path,
) -> None:
    """Open an incident, for example one that came by telephone."""
    arguments = {
        "account": account, "category": category, "subject": subject, "text": text,
        "contact": contact,
    }  # fmt: skip
    made = ask(config, "incident.open", arguments)
    if as_json:
        print_json(made)
    else:
        click.echo(f"opened incident {made['number']}")


@incident.command("answer")
@click.argument("number", type=int)
@click.argument("text")
@click.option("--state", type=click.Choice(STATES), help="Put it in this state.")
@click.option("--reference", help="What it led to, for example the number of a refund.")
@json_option
@config_option
def answer(
    number: int, text: str, state: str | None, reference: str | None, as_json: bool, config: Path
) -> None:
    """Say something about an incident, and perhaps move it on."""
    if reference and not state:
        raise click.UsageError("--reference goes with --state")
    if state:
        arguments = {"number": number, "text": text, "state": state, "reference": reference}
        changed = ask(config, "incident.move", arguments)
    else:
        changed = ask(config, "incident.note", {"number": number, "text": text})
    if as_json:
        print_json(changed)
    else:
        click.echo(f"incident {number} is {changed['state']}")
