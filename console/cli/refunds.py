"""Commands on refunds: sends that failed by a fault of ours are put back into the bag."""

from pathlib import Path

import click

from console.cli.application import ask
from console.cli.options import account_option, config_option, json_option, read_moment
from console.cli.output import print_json, print_record, print_table, zone_of
from console.cli.table import Column
from mta.model.clock import SystemClock

REFUNDS = (
    Column("id", "id"),
    Column("state", "state"),
    Column("scope", "scope"),
    Column("deliveries", "deliveries"),
    Column("put_back", "put back"),
    Column("proposed_by", "proposed by"),
    Column("confirmed_by", "confirmed by"),
    Column("created", "created"),
    Column("reason", "reason"),
)
ITEMS = (
    Column("delivery", "delivery"),
    Column("message", "message"),
    Column("state", "state"),
    Column("recipient", "recipient"),
)


@click.group()
def refund() -> None:
    """Put back what failed by a fault of ours: proposed by one, confirmed by another."""


@refund.command("propose")
@account_option("Whose mail it was, with that of the accounts below it.")
@click.option("--flow", metavar="NAME", help="A campaign or stream, by name or id.")
@click.option("--message", metavar="ID", help="A message: a batch with all its recipients.")
@click.option("--from", "start", metavar="TIME", help="Accepted from then on.")
@click.option("--to", "end", metavar="TIME", help="Accepted until then.")
@click.option("--failed", is_flag=True, help="Only what was not delivered, not all of it.")
@click.option("--resend", is_flag=True, help="Send it again as well, out of the bag.")
@click.option("--reason", required=True, help="Why; it stands in the ledger.")
@click.option("--evidence", default="", help="What proves it: an incident, a ticket, a link.")
@json_option
@config_option
def refund_propose(
    account: str | None,
    flow: str | None,
    message: str | None,
    start: str | None,
    end: str | None,
    failed: bool,
    resend: bool,
    reason: str,
    evidence: str,
    as_json: bool,
    config: Path,
) -> None:
    """Make the list of what failed, and ask a second person to confirm it."""
    arguments = {
        "account": account,
        "flow": flow,
        "message": message,
        "from_ms": _moment_ms(start, config),
        "until_ms": _moment_ms(end, config),
        "failed": failed,
        "resend": resend,
        "reason": reason,
        "evidence": evidence,
    }
    _show(ask(config, "refund.propose", arguments), as_json, config)


@refund.command("propose-again")
@click.argument("id")
@json_option
@config_option
def refund_again(id: str, as_json: bool, config: Path) -> None:
    """Ask a second person again for what nobody decided on in time."""
    _show(ask(config, "refund.again", {"refund": id}), as_json, config)


@refund.command("list")
@json_option
@config_option
def refund_list(as_json: bool, config: Path) -> None:
    """List refunds, the newest first."""
    rows = ask(config, "refund.list")
    if as_json:
        print_json(rows)
    else:
        print_table(REFUNDS, rows, zone_of(config))


@refund.command("show")
@click.argument("id")
@json_option
@config_option
def refund_show(id: str, as_json: bool, config: Path) -> None:
    """Show a refund."""
    _show(ask(config, "refund.show", {"refund": id}), as_json, config)


@refund.command("items")
@click.argument("id")
@json_option
@config_option
def refund_items(id: str, as_json: bool, config: Path) -> None:
    """Export the list of a refund: every delivery that it puts back."""
    rows: list[dict[str, object]] = []
    while page := ask(
        config, "refund.items", {"refund": id, "after": rows[-1]["delivery"] if rows else None}
    ):
        rows += page
    if as_json:
        print_json(rows)
    else:
        print_table(ITEMS, rows, zone_of(config))


@refund.command("confirm")
@click.argument("id")
@click.option("--reason", default="", help="What there is to say about it.")
@json_option
@config_option
def refund_confirm(id: str, reason: str, as_json: bool, config: Path) -> None:
    """Confirm a refund that somebody else proposed, or Relevo itself, and put it back.

    What was proposed by command is confirmed by a person in the console, at /refunds/ID.
    """
    arguments = {"refund": id, "confirm": True, "reason": reason}
    _show(ask(config, "refund.decide", arguments), as_json, config)


@refund.command("reject")
@click.argument("id")
@click.option("--reason", required=True, help="Why not.")
@json_option
@config_option
def refund_reject(id: str, reason: str, as_json: bool, config: Path) -> None:
    """Decide against a refund, or take your own back."""
    arguments = {"refund": id, "confirm": False, "reason": reason}
    _show(ask(config, "refund.decide", arguments), as_json, config)


def _moment_ms(text: str | None, config: Path) -> int | None:
    if text is None:
        return None
    try:
        return read_moment(text, zone_of(config), SystemClock().now_ms())
    except ValueError as error:
        raise click.UsageError(f"{text!r}: {error}") from None


def _show(record: dict[str, object], as_json: bool, config: Path) -> None:
    if as_json:
        print_json(record)
    else:
        print_record(record, zone_of(config))
