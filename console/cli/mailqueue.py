"""Commands on the mail queue: look at it, explain it, hold it, push it."""

import contextlib
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from console.cli.application import ask
from console.cli.options import config_option, json_option
from console.cli.output import (
    Column,
    escape,
    print_json,
    print_record,
    print_table,
    table_lines,
    zone_of,
)
from mta.model.traffic import DeliveryState

Command = TypeVar("Command", bound=Callable[..., Any])
REFRESH_S = 1.0
_CLEAR = "\x1b[H\x1b[J"  # ECMA-48: cursor to the corner, erase what follows

DELIVERIES = (
    Column("id", "id"),
    Column("state", "state"),
    Column("class", "class"),
    Column("site", "site"),
    Column("flow", "flow"),
    Column("recipient", "recipient"),
    Column("attempts", "tries"),
    Column("due", "due"),
    Column("last_reply", "last reply"),
)
LANES = (
    Column("site", "site"),
    Column("ready", "ready"),
    Column("scheduled", "scheduled"),
    Column("claimed", "claimed"),
    Column("connections", "conns"),
    Column("limit", "limit"),
    Column("rate", "rate"),
    Column("backoff", "back-off"),
    Column("until", "until"),
    Column("wait", "waits for"),
)
PARTS = {
    "deliveries": (
        Column("id", "id"),
        Column("state", "state"),
        Column("site", "site"),
        Column("recipient", "recipient"),
        Column("attempts", "tries"),
        Column("due", "due"),
        Column("last_host", "last host"),
        Column("last_reply", "last reply"),
    ),
    "history": (
        Column("at", "time"),
        Column("type", "event"),
        Column("message", "message"),
        Column("delivery", "delivery"),
        Column("data", "details"),
    ),
}


def selectors(command: Command) -> Command:
    """The options that say which deliveries a command is about."""
    for option, metavar, text in (
        ("--source", "IP", "Of this egress address."),
        ("--account", "ID", "Of this account."),
        ("--campaign", "NAME", "Of this campaign or stream (flow): name or id."),
        ("--site", "SITE", "To this site, provider or domain; `queue top` names sites."),
        ("--id", "ID", "This delivery, or all of this message."),
    ):
        command = click.option(option, metavar=metavar, help=text)(command)
    return command


def acts_on_selected(command: Command) -> Command:
    """An optional ID, the selectors and `--all`."""
    command = click.option("--all", "everything", is_flag=True, help="The whole queue.")(command)
    command = selectors(command)
    return click.argument("delivery", metavar="[ID]", required=False)(command)


@click.group()
def queue() -> None:
    """The mail queue: what waits, why, and what to do with it."""


@queue.command("list")
@selectors
@click.option(
    "--state",
    type=click.Choice([state.label for state in DeliveryState]),
    help="Only deliveries in this state.  [default: all that are not final]",
)
@click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="At most N deliveries.",
)
@json_option
@config_option
def queue_list(limit: int, as_json: bool, config: Path, **chosen: str | None) -> None:
    """List deliveries, oldest first."""
    rows = ask(config, "queue.list", {**chosen, "limit": limit})
    if as_json:
        print_json(rows)
        return
    print_table(DELIVERIES, rows, zone_of(config))
    if len(rows) == limit:
        click.echo(f"The first {limit}; --limit N shows more.", err=True)


@queue.command("show")
@click.argument("delivery", metavar="[ID]", required=False)
@click.option("--id", metavar="ID", help="The same.")
@json_option
@config_option
def queue_show(delivery: str | None, id: str | None, as_json: bool, config: Path) -> None:
    """Show a message with its deliveries and what happened to them.

    ID is that of the message or of one of its deliveries.
    """
    _show(ask(config, "queue.show", _selection(delivery, {"id": id})), as_json, config)


@queue.command("why")
@click.argument("delivery", metavar="[ID]", required=False)
@selectors
@json_option
@config_option
def queue_why(delivery: str | None, as_json: bool, config: Path, **chosen: str | None) -> None:
    """Explain what a delivery waits for.

    Tells its state, when it is due, which limit or rule holds it, and the last reply.
    """
    answer = ask(config, "queue.why", _selection(delivery, chosen))
    if as_json:
        print_json(answer)
        return
    zone = zone_of(config)
    for number, row in enumerate(answer if isinstance(answer, list) else [answer]):
        if number:
            click.echo()
        explanation = row.get("explanation")
        if explanation:
            click.echo(escape(str(explanation)))
        print_record({k: v for k, v in row.items() if k != "explanation"}, zone)


@queue.command("hold")
@acts_on_selected
@click.option("--reason", metavar="TEXT", help="Shown by `queue why`.")
@json_option
@config_option
def queue_hold(reason: str | None, **chosen: Any) -> None:
    """Keep mail in the queue until `queue release`.

    Takes effect within a second; the clock of expiry stands still meanwhile.
    """
    _change("queue.hold", "held", chosen, {"reason": reason} if reason else {})


@queue.command("release")
@acts_on_selected
@json_option
@config_option
def queue_release(**chosen: Any) -> None:
    """Undo `queue hold`."""
    _change("queue.release", "released", chosen)


@queue.command("retry")
@acts_on_selected
@json_option
@config_option
def queue_retry(**chosen: Any) -> None:
    """Try again now, whatever the next due time."""
    _change("queue.retry", "due now", chosen)


@queue.command("cancel")
@acts_on_selected
@json_option
@config_option
def queue_cancel(**chosen: Any) -> None:
    """Give mail up: it is never sent, and nobody gets a notice. Cannot be undone."""
    _change("queue.cancel", "cancelled", chosen)


@queue.command("top")
@selectors
@json_option
@config_option
def queue_top(as_json: bool, config: Path, **chosen: str | None) -> None:
    """Show where mail goes and what slows it, site by site, anew each second.

    Needs a running server. Without a terminal, or with --json, it shows the present moment once.
    """
    if as_json:
        print_json(ask(config, "queue.top", chosen))
        return
    zone = zone_of(config)
    if not sys.stdout.isatty():
        print_table(LANES, ask(config, "queue.top", chosen), zone)
        return
    with contextlib.suppress(KeyboardInterrupt):  # the way to leave
        while True:
            screen = shutil.get_terminal_size()
            lines = table_lines(LANES, ask(config, "queue.top", chosen), zone, screen.columns)
            click.echo(_CLEAR + "\n".join(lines[: screen.lines - 1]))
            time.sleep(REFRESH_S)


@click.command()
@click.argument("address")
@json_option
@config_option
def trace(address: str, as_json: bool, config: Path) -> None:
    """Tell everything that happened to mail for one person."""
    answer = ask(config, "trace", {"address": address})
    if not as_json and not (answer["deliveries"] or answer["history"]):
        click.echo(f"nothing is known of mail for {escape(address)}")
        return
    _show(answer, as_json, config)


def _selection(
    delivery: str | None, chosen: dict[str, str | None], *, everything: bool = False
) -> dict[str, Any]:
    given: dict[str, Any] = {key: value for key, value in chosen.items() if value is not None}
    if delivery is not None and given.setdefault("id", delivery) != delivery:
        raise click.UsageError("ID and --id differ")
    if not given and not everything:
        raise click.UsageError("say which: see the options")
    if given and everything:
        raise click.UsageError("--all stands alone")
    return given or {"all": True}


def _change(
    operation: str, done: str, chosen: dict[str, Any], more: Mapping[str, str] | None = None
) -> None:
    as_json, config = chosen.pop("as_json"), chosen.pop("config")
    delivery, everything = chosen.pop("delivery"), chosen.pop("everything")
    selection = _selection(delivery, chosen, everything=everything)
    result = ask(config, operation, {**selection, **(more or {})})
    if as_json:
        print_json(result)
    else:
        changed = result["changed"]
        click.echo(f"{changed} {'delivery' if changed == 1 else 'deliveries'} {done}")


def _show(answer: Any, as_json: bool, config: Path) -> None:
    if as_json:
        print_json(answer)
    else:
        print_record(answer, zone_of(config), PARTS)
