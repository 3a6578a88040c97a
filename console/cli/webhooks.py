"""Commands on webhooks."""

from pathlib import Path

import click

from console.cli.application import ask
from console.cli.options import Duration, account_option, config_option, json_option
from console.cli.output import Row, print_json, print_record, print_table, zone_of
from console.cli.table import Column

WEBHOOKS = (
    Column("id", "id"),
    Column("account", "account"),
    Column("url", "url"),
    Column("state", "state"),
    Column("types", "types"),
    Column("failing_since", "failing since"),
    Column("description", "description"),
)
LOG = (
    Column("id", "id"),
    Column("at", "at"),
    Column("kind", "kind"),
    Column("events", "events"),
    Column("attempt", "attempt"),
    Column("status", "status"),
    Column("took_ms", "took"),
    Column("answer", "answer"),
)


@click.group()
def webhook() -> None:
    """Webhooks: events of an account, POSTed to an application."""


_types_option = click.option(
    "--type",
    "types",
    metavar="TYPE",
    multiple=True,
    help="Only events of this type, as message.bounced; repeatable.  [default: all]",
)


@webhook.command("add")
@click.argument("url")
@account_option("Whose events; may be left out if there is one main account.")
@_types_option
@click.option("--description", default="", help="What people call it.")
@json_option
@config_option
def add(
    url: str,
    account: str | None,
    types: tuple[str, ...],
    description: str,
    as_json: bool,
    config: Path,
) -> None:
    """Send the events of an account to a URL, from now on, and show the secret once."""
    arguments = {
        "url": url, "account": account, "types": list(types), "description": description,
    }  # fmt: skip
    _show_secret(ask(config, "webhook.add", arguments), as_json)


@webhook.command("list")
@account_option("Only those of this account.")
@json_option
@config_option
def list_(account: str | None, as_json: bool, config: Path) -> None:
    """List webhooks."""
    rows = ask(config, "webhook.list", {"account": account})
    if as_json:
        print_json(rows)
    else:
        print_table(WEBHOOKS, rows, zone_of(config))


@webhook.command("change")
@click.argument("id")
@click.option("--url", help="Where to from now on.")
@_types_option
@click.option("--all-types", is_flag=True, help="Events of all types.")
@click.option("--description", help="What people call it.")
@json_option
@config_option
def change(
    id: str,
    url: str | None,
    types: tuple[str, ...],
    all_types: bool,
    description: str | None,
    as_json: bool,
    config: Path,
) -> None:
    """Change a webhook; what is not given stays."""
    if types and all_types:
        raise click.UsageError("--type and --all-types exclude each other")
    wanted = list(types) if types or all_types else None
    arguments = {"webhook": id, "url": url, "types": wanted, "description": description}
    _show(ask(config, "webhook.change", arguments), as_json, config)


@webhook.command("pause")
@click.argument("id")
@config_option
def pause(id: str, config: Path) -> None:
    """Send nothing until it is enabled; events wait."""
    ask(config, "webhook.pause", {"webhook": id})
    click.echo(f"paused {id}")


@webhook.command("enable")
@click.argument("id")
@click.option("--from-now", is_flag=True, help="Without the events that waited.")
@config_option
def enable(id: str, from_now: bool, config: Path) -> None:
    """Send again, first what waited."""
    ask(config, "webhook.enable", {"webhook": id, "from_now": from_now})
    click.echo(f"enabled {id}")


@webhook.command("remove")
@click.argument("id")
@config_option
def remove(id: str, config: Path) -> None:
    """Remove a webhook and its delivery log."""
    ask(config, "webhook.remove", {"webhook": id})
    click.echo(f"removed {id}")


@webhook.command("rotate")
@click.argument("id")
@click.option(
    "--overlap",
    metavar="DURATION",
    type=Duration(),
    default="24h",
    show_default=True,
    help="For how long the old secret signs too.",
)
@json_option
@config_option
def rotate(id: str, overlap: float, as_json: bool, config: Path) -> None:
    """Make a new secret and show it once; until the overlap is over both sign."""
    new = ask(config, "webhook.rotate", {"webhook": id, "overlap_s": overlap})
    _show_secret(new, as_json)


@webhook.command("test")
@click.argument("id")
@json_option
@config_option
def test(id: str, as_json: bool, config: Path) -> None:
    """POST a test event now and show the answer."""
    _show_answer(ask(config, "webhook.test", {"webhook": id}), as_json, config)


@webhook.command("log")
@click.argument("id")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@json_option
@config_option
def log(id: str, limit: int, as_json: bool, config: Path) -> None:
    """Show what was POSTed and what came back, newest first."""
    rows = ask(config, "webhook.log", {"webhook": id, "limit": limit})
    if as_json:
        print_json(rows)
    else:
        print_table(LOG, rows, zone_of(config))


@webhook.command("replay")
@click.argument("id")
@click.argument("delivery")
@json_option
@config_option
def replay(id: str, delivery: str, as_json: bool, config: Path) -> None:
    """POST the events of a line of the log again; DELIVERY is its id."""
    answer = ask(config, "webhook.replay", {"webhook": id, "delivery": delivery})
    _show_answer(answer, as_json, config)


def _show_answer(answer: Row, as_json: bool, config: Path) -> None:
    _show(answer, as_json, config)
    if not answer["taken"]:
        raise click.exceptions.Exit(1)


def _show(result: Row, as_json: bool, config: Path) -> None:
    if as_json:
        print_json(result)
    else:
        print_record(result, zone_of(config))


def _show_secret(result: Row, as_json: bool) -> None:
    if as_json:
        print_json(result)
        return
    for key in ("id", "url", "secret"):
        click.echo(f"{key:<6}  {result[key]}")
    click.echo("The secret is shown only now.", err=True)
