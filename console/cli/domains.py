"""Commands on sending domains."""

from pathlib import Path

import click

from console.cli.application import ask
from console.cli.options import account_option, config_option, json_option
from console.cli.output import Row, print_json, print_record, print_table, zone_of
from console.cli.table import Column

DOMAINS = (
    Column("domain", "domain"),
    Column("account", "account"),
    Column("shared", "shared"),
    Column("state", "state"),
    Column("verified", "verified"),
    Column("failing_since", "failing since"),
    Column("created", "created"),
)
RECORDS = (
    Column("state", "state"),
    Column("kind", "for"),
    Column("problem", "problem"),
    Column("found", "found"),
)


@click.group()
def domain() -> None:
    """Domains that accounts may send from."""


@domain.command("add")
@click.argument("domain")
@account_option("Whose it is; may be left out if there is one main account.")
@click.option("--private", is_flag=True, help="Not for sub-accounts of the account.")
@json_option
@config_option
def add(domain: str, account: str | None, private: bool, as_json: bool, config: Path) -> None:
    """Let an account, and its sub-accounts, send from a domain.

    Whoever adds it by command vouches for it, so mail may be sent at once. A DKIM key is made
    unless it has one. Shown are the DNS records to publish.
    """
    arguments = {"domain": domain, "account": account, "private": private}
    _show(ask(config, "domain.add", arguments), as_json, config)


@domain.command("list")
@account_option("Only those of this account.")
@json_option
@config_option
def list_(account: str | None, as_json: bool, config: Path) -> None:
    """List sending domains."""
    rows = ask(config, "domain.list", {"account": account})
    if as_json:
        print_json(rows)
    else:
        print_table(DOMAINS, rows, zone_of(config))


@domain.command("show")
@click.argument("domain")
@json_option
@config_option
def show(domain: str, as_json: bool, config: Path) -> None:
    """Show a domain, the records to publish, and what was found when it was last checked."""
    _show(ask(config, "domain.show", {"domain": domain}), as_json, config)


@domain.command("check")
@click.argument("domain")
@json_option
@config_option
def check(domain: str, as_json: bool, config: Path) -> None:
    """Ask the DNS now; exit code 1 when a needed record is not right."""
    found = ask(config, "domain.check", {"domain": domain})
    _show(found, as_json, config)
    if any(r["needed"] and r["state"] != "verified" for r in found["records"]):
        raise click.exceptions.Exit(1)


@domain.command("remove")
@click.argument("domain")
@config_option
def remove(domain: str, config: Path) -> None:
    """Let nobody send from a domain any more; its DKIM keys stay on the disk."""
    ask(config, "domain.remove", {"domain": domain})
    click.echo(f"removed {domain}")


def _show(found: Row, as_json: bool, config: Path) -> None:
    if as_json:
        print_json(found)
        return
    zone = zone_of(config)
    records = found["records"]
    print_record({key: value for key, value in found.items() if key != "records"}, zone)
    click.echo("\npublish:")
    for record in records:
        if record["value"]:
            need = "" if record["needed"] else "  (recommended)"
            click.echo(f"{record['name']}. IN {record['type']}{need}")
            click.echo(f"    {record['value']}")
    if found["checked"]:
        click.echo("\nfound:")
        print_table(RECORDS, records, zone)
