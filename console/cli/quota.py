"""Commands on contracts, the bag of mails and training."""

from pathlib import Path
from typing import Any

import click

from console.accounts.quota.contracts import DAYS
from console.accounts.quota.values import EntryKind
from console.cli.application import ask
from console.cli.options import account_option, config_option, json_option
from console.cli.output import Row, print_json, print_record, print_table, zone_of
from console.cli.refunds import refund
from console.cli.table import Column

CONTRACTS = (
    Column("id", "id"),
    Column("state", "state"),
    Column("size", "size"),
    Column("available", "available"),
    Column("consumed", "consumed"),
    Column("first_day", "first day"),
    Column("last_day", "last day"),
    Column("lasts_until", "lasts until"),
    Column("name", "name"),
)
SHARES = (
    Column("account", "account"),
    Column("share", "share"),
    Column("granted", "granted"),
    Column("available", "available"),
    Column("reserved", "reserved"),
    Column("consumed", "consumed"),
    Column("refunded", "refunded"),
    Column("name", "name"),
)
ENTRIES = (
    Column("at", "at"),
    Column("kind", "kind"),
    Column("available", "available"),
    Column("reserved", "reserved"),
    Column("consumed", "consumed"),
    Column("account_name", "account"),
    Column("reference", "reference"),
    Column("reason", "reason"),
    Column("actor", "actor"),
)
_reason_option = click.option("--reason", default="", help="Why; it stands in the ledger.")


@click.group()
def contract() -> None:
    """Contracts: how many mails a customer may send, and in which term."""


@contract.command("add")
@click.argument("name")
@click.option("--size", required=True, type=click.IntRange(min=1), help="Mails in the bag.")
@click.option("--days", default=DAYS, show_default=True, type=click.IntRange(min=1))
@click.option("--starts", metavar="DATE", help="Day 1; without it the contract is pending.")
@account_option("A main account; may be left out if there is one, and is made if there is none.")
@json_option
@config_option
def contract_add(
    name: str,
    size: int,
    days: int,
    starts: str | None,
    account: str | None,
    as_json: bool,
    config: Path,
) -> None:
    """Add a contract; from then on the account and all below it are metered."""
    arguments = {"name": name, "size": size, "days": days, "starts": starts, "account": account}
    _show(ask(config, "contract.add", arguments), as_json, config)


@contract.command("start")
@click.argument("date")
@click.option("--contract", metavar="NAME", help="Which, if more than one has not begun.")
@json_option
@config_option
def contract_start(date: str, contract: str | None, as_json: bool, config: Path) -> None:
    """Decide DATE, 2026-03-01 for example, as the first day of a pending contract."""
    made = ask(config, "contract.start", {"date": date, "contract": contract})
    _show(made, as_json, config)


@contract.command("list")
@json_option
@config_option
def contract_list(as_json: bool, config: Path) -> None:
    """List contracts with where they stand."""
    _list(CONTRACTS, ask(config, "contract.list"), as_json, config)


@contract.command("show")
@click.argument("contract")
@json_option
@config_option
def contract_show(contract: str, as_json: bool, config: Path) -> None:
    """Show a contract, how long it lasts at this pace, and the shares of its accounts."""
    _show(ask(config, "contract.show", {"contract": contract}), as_json, config)


@contract.command("resize")
@click.argument("contract")
@click.argument("change", type=int)
@click.option("--reason", required=True, help="Why; it stands in the ledger.")
@json_option
@config_option
def contract_resize(contract: str, change: int, reason: str, as_json: bool, config: Path) -> None:
    """Make a contract larger by CHANGE mails, or smaller (`-- -1000`)."""
    arguments = {"contract": contract, "change": change, "reason": reason}
    _show(ask(config, "contract.resize", arguments), as_json, config)


@click.group()
def quota() -> None:
    """The bag of mails: shares of accounts, and the ledger."""


@quota.command("show")
@account_option("It and the accounts below it; may be left out if there is one main account.")
@json_option
@config_option
def quota_show(account: str | None, as_json: bool, config: Path) -> None:
    """Show what was granted, allocated and consumed, by whom."""
    _list(SHARES, ask(config, "quota.show", {"account": account}), as_json, config)


@quota.command("allocate")
@click.argument("account")
@click.argument("amount", type=click.IntRange(min=1))
@_reason_option
@json_option
@config_option
def quota_allocate(account: str, amount: int, reason: str, as_json: bool, config: Path) -> None:
    """Move AMOUNT mails into the ACCOUNT's own share, from the one above."""
    arguments = {"account": account, "amount": amount, "reason": reason}
    _show(ask(config, "quota.allocate", arguments), as_json, config)


@quota.command("return")
@click.argument("account")
@click.argument("amount", required=False, type=click.IntRange(min=1))
@_reason_option
@json_option
@config_option
def quota_return(
    account: str, amount: int | None, reason: str, as_json: bool, config: Path
) -> None:
    """Give AMOUNT mails of the ACCOUNT's share back, or all that are left."""
    arguments = {"account": account, "amount": amount, "reason": reason}
    _show(ask(config, "quota.return", arguments), as_json, config)


@quota.command("cap")
@click.argument("account")
@click.argument("amount", required=False, type=click.IntRange(min=0))
@click.option("--none", "no_limit", is_flag=True, help="No limit any more.")
@_reason_option
@json_option
@config_option
def quota_cap(
    account: str, amount: int | None, no_limit: bool, reason: str, as_json: bool, config: Path
) -> None:
    """Let the ACCOUNT take up to AMOUNT mails in all from the share above."""
    if (amount is None) != no_limit:
        raise click.UsageError("say either AMOUNT or --none")
    arguments = {"account": account, "amount": amount, "reason": reason}
    _show(ask(config, "quota.cap", arguments), as_json, config)


@quota.command("ledger")
@account_option("Of it; may be left out if there is one main account.")
@click.option("--kind", type=click.Choice([kind.value for kind in EntryKind]))
@click.option("--count", default=100, show_default=True, type=click.IntRange(1, 1000))
@click.option("--before", metavar="ID", help="Only entries older than that one.")
@json_option
@config_option
def quota_ledger(
    account: str | None,
    kind: str | None,
    count: int,
    before: str | None,
    as_json: bool,
    config: Path,
) -> None:
    """List entries of the ledger, the newest first."""
    arguments = {"account": account, "kind": kind, "count": count, "before": before}
    _list(ENTRIES, ask(config, "quota.ledger", arguments), as_json, config)


quota.add_command(refund)


@click.group()
def training() -> None:
    """Training accounts: whom they may write to. Their mail costs nothing."""


@training.command("allow")
@click.argument("address")
@account_option("The training account.")
@config_option
def training_allow(address: str, account: str | None, config: Path) -> None:
    """Let a training account write to ADDRESS."""
    ask(config, "training.allow", {"address": address, "account": account})
    click.echo(f"allowed {address}")


@training.command("remove")
@click.argument("address")
@account_option("The training account.")
@config_option
def training_remove(address: str, account: str | None, config: Path) -> None:
    """Undo `training allow`."""
    ask(config, "training.remove", {"address": address, "account": account})
    click.echo(f"removed {address}")


@training.command("list")
@account_option("The training account.")
@json_option
@config_option
def training_list(account: str | None, as_json: bool, config: Path) -> None:
    """List the addresses that a training account may write to."""
    columns = (Column("address", "address"), Column("created", "created"))
    _list(columns, ask(config, "training.list", {"account": account}), as_json, config)


def _show(record: Any, as_json: bool, config: Path) -> None:
    if as_json:
        print_json(record)
    else:
        print_record(record, zone_of(config), {"shares": SHARES})


def _list(columns: Any, rows: list[Row], as_json: bool, config: Path) -> None:
    if as_json:
        print_json(rows)
    else:
        print_table(columns, rows, zone_of(config))
