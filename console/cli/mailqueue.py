"""Commands on the mail queue: look at it, explain it, hold it, push it."""

import contextlib
import shutil
import sys
import textwrap
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import click

from console.cli.application import ask
from console.cli.options import config_option, json_option
from console.cli.output import (
    escape,
    in_zone,
    print_json,
    print_record,
    print_table,
    table_lines,
    zone_of,
)
from console.cli.table import Column
from mta.model.traffic import DeliveryState

Command = TypeVar("Command", bound=Callable[..., Any])
REFRESH_S = 1.0
_CLEAR = "\x1b[H\x1b[J"  # ECMA-48: cursor to the corner, erase what follows

DELIVERIES = (
    Column("id", "id"),
    Column("state", "state"),
    Column("class", "class", 5),
    Column("site", "site", 3, can_cut=True),
    Column("flow", "flow", 4, can_cut=True),
    Column("recipient", "recipient", can_cut=True),
    Column("attempts", "tries", 2),
    Column("due", "due", 1),
    Column("held_reason", "held by", 3, can_cut=True),
    Column("last_reply", "last reply"),
)
LANES = (
    Column("site", "site", can_cut=True),
    Column("ready", "ready"),
    Column("claimed", "sending"),
    Column("connections", "conns"),
    Column("limit", "of"),
    Column("rate", "rate", 1),
    Column("backoff", "back-off", 1),
    Column("until", "until", 1),
    Column("wait", "waits for"),
)
HISTORY = (
    Column("at", "time"),
    Column("type", "event"),
    Column("about", "id", 1),
    Column("data", "details"),
)
SHOWN = {
    "deliveries": (
        Column("id", "id"),
        Column("state", "state"),
        Column("site", "site", 3, can_cut=True),
        Column("recipient", "recipient", can_cut=True),
        Column("attempts", "tries", 2),
        Column("due", "due", 1),
        Column("last_host", "last host", 3, can_cut=True),
        Column("held_reason", "held by", 3, can_cut=True),
        Column("last_reply", "last reply"),
    ),
    "history": HISTORY,
}
TRACED = {
    "deliveries": (
        Column("id", "id"),
        Column("state", "state"),
        Column("subject", "subject", can_cut=True),
        Column("site", "site", 3, can_cut=True),
        Column("attempts", "tries", 2),
        Column("due", "due", 1),
        Column("last_host", "last host", 3, can_cut=True),
        Column("held_reason", "held by", 3, can_cut=True),
        Column("last_reply", "last reply"),
    ),
    "history": HISTORY,
}

HOLDERS = (Column("what", "what"), Column("until", "until", 1), Column("detail", "detail"))


def selectors(command: Command) -> Command:
    """The options that say which deliveries a command is about."""
    for option, metavar, text in (
        ("--source", "IP", "Handed in by the client with this address."),
        ("--account", "ID", "Of this account: its id or its name, if only one has it."),
        (
            "--campaign",
            "NAME",
            "Of this campaign, or of this stream of an application: name or id.",
        ),
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
    """The mail queue: what waits, why, and what to do with it.

    A mail to three recipients is one message with three deliveries; each waits, arrives or fails by
    itself. A site is where mail goes: a large provider, or the mail servers of a domain. IDs are the
    numbers that the commands show, and that applications get when they hand mail in.
    """


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
    print_table(DELIVERIES, list(map(_marked, rows)), zone_of(config))
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
    _show(ask(config, "queue.show", _selection(delivery, {"id": id})), as_json, config, SHOWN)


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
            _echo_text(in_zone(escape(str(explanation)), zone))
        print_record(_for_people(row, zone), zone, {"held_by": HOLDERS})


@queue.command("hold")
@acts_on_selected
@click.option(
    "--reason", metavar="TEXT", help="Shown by `queue why`; kept for campaigns, accounts and sites."
)
@json_option
@config_option
def queue_hold(reason: str | None, **chosen: Any) -> None:
    """Keep mail in the queue until `queue release`.

    Takes effect within a second. Held mail does not expire, except that of a site held as a whole
    (--site): its time goes on.
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
@click.option("--site", metavar="SITE", help="Only this site, provider or domain.")
@json_option
@config_option
def queue_top(site: str | None, as_json: bool, config: Path) -> None:
    """Show live where mail goes and what slows it, site by site.

    Renewed each second, until Ctrl-C. Without a terminal, or with --json, the present moment once.
    Needs a running server.
    """
    chosen = {"site": site}
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
            lines = _top_lines(ask(config, "queue.top", chosen), zone, screen.columns)
            click.echo(_CLEAR + "\n".join(lines[: screen.lines - 1]))
            time.sleep(REFRESH_S)


def _top_lines(rows: list[dict[str, Any]], zone: ZoneInfo, width: int) -> list[str]:
    """What the screen shows: the sum, then a line for each site."""
    ready, sending, open_ = (
        sum(row.get(key) or 0 for row in rows) for key in ("ready", "claimed", "connections")
    )
    now = datetime.now(zone).strftime("%H:%M:%S")
    total = f"{now}  {ready} ready, {sending} being sent, {open_} connections   (Ctrl-C ends)"
    if not rows:
        return [total, "", "No site has mail that is ready, or a connection."]
    return [total[:width], "", *table_lines(LANES, rows, zone, width, wraps=False)]


@click.command()
@click.argument("address")
@json_option
@config_option
def trace(address: str, as_json: bool, config: Path) -> None:
    """Tell what happened to mail for one address."""
    answer = ask(config, "trace", {"address": address})
    if not as_json and not (answer["deliveries"] or answer["history"]):
        click.echo(f"nothing is known of mail for {escape(address)}")
        return
    _show(answer, as_json, config, TRACED)


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
        return
    changed = result["changed"]
    deliveries = f"{changed} {'delivery' if changed == 1 else 'deliveries'}"
    if sites := result.get("sites"):
        names = ", ".join(map(escape, sites))
        is_one = len(sites) == 1
        click.echo(
            f"{'site' if is_one else 'sites'} {names} {'is' if is_one else 'are'} {done} "
            f"({deliveries} {'waits' if changed == 1 else 'wait'} now)"
        )
        return
    click.echo(f"{deliveries} {done}")


def _for_people(row: Mapping[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    """An explanation without its sentence, times in the texts as elsewhere."""
    shown = {key: value for key, value in row.items() if key != "explanation"}
    shown["held_by"] = [
        {**held, "detail": in_zone(held["detail"], zone)} for held in row.get("held_by") or ()
    ]
    return shown


def _echo_text(text: str) -> None:
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    click.echo(textwrap.fill(text, max(width, 40)) if width else text)


def _show(answer: Any, as_json: bool, config: Path, tables: Mapping[str, Sequence[Column]]) -> None:
    if as_json:
        print_json(answer)
        return
    history = [{**e, "about": e.get("delivery") or e.get("message")} for e in answer["history"]]
    deliveries = list(map(_marked, answer["deliveries"]))
    shown = {**answer, "deliveries": deliveries, "history": history}
    print_record(shown, zone_of(config), tables)


def _marked(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """The row with its state as people read it: what is held does not look like other mail.

    A delivery that is held itself has no due time; one that waits behind a gate or for its site
    keeps its own state, which is what it goes back to.
    """
    if not row.get("held"):
        return row
    state = row["state"]
    is_held_itself = state == DeliveryState.SCHEDULED.label and not row.get("due")
    return {**row, "state": "held" if is_held_itself else f"held ({state})"}
