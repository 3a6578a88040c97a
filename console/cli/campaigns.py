"""Commands on campaigns: look, pause, resume, stop everything."""

from pathlib import Path

import click

from console.cli.application import ask
from console.cli.options import account_option, config_option, json_option
from console.cli.output import print_json, print_record, print_table, zone_of
from console.cli.table import Column

STATUSES = (
    "draft", "in_review", "approved", "scheduled", "preparing", "running", "paused", "finished",
    "cancelled", "failed",
)  # fmt: skip
LIST = (
    Column("id", "id"),
    Column("status", "status"),
    Column("reason", "reason"),
    Column("name", "name", can_cut=True),
    Column("delivered", "delivered"),
    Column("total", "of"),
    Column("started", "started"),
)
_HIDDEN = ("content", "audience", "plan", "progress", "history", "etag")


@click.group()
def campaign() -> None:
    """Campaigns; they are made on the console's pages or over the API."""


@campaign.command("list")
@account_option("Of this account only.")
@click.option("--status", type=click.Choice(STATUSES), help="In this status only.")
@json_option
@config_option
def list_(account: str | None, status: str | None, as_json: bool, config: Path) -> None:
    """List campaigns, the newest first."""
    rows = ask(config, "campaign.list", {"account": account, "status": status})
    if as_json:
        print_json(rows)
    else:
        print_table(LIST, rows, zone_of(config))


@campaign.command("show")
@click.argument("number", metavar="ID")
@json_option
@config_option
def show(number: str, as_json: bool, config: Path) -> None:
    """Show a campaign: how far it is, how fast it goes, what happened to it."""
    found = ask(config, "campaign.show", {"id": number})
    if as_json:
        print_json(found)
        return
    progress, history = found["progress"], found["history"]
    providers = progress.pop("providers")
    print_record({k: v for k, v in found.items() if k not in _HIDDEN}, zone_of(config))
    click.echo()
    print_record(progress, zone_of(config))
    if providers:
        click.echo()
        names = ("provider", "total", "queued", "deferred", "delivered", "failed", "why")
        print_table(tuple(Column(name, name) for name in names), providers, zone_of(config))
    click.echo()
    told = ("at", "status", "reason", "by", "note")
    print_table(tuple(Column(name, name) for name in told), history, zone_of(config))


@campaign.command("pause")
@click.argument("number", metavar="ID")
@click.option("--reason", help="Kept with the campaign.")
@json_option
@config_option
def pause(number: str, reason: str | None, as_json: bool, config: Path) -> None:
    """Begin no further mail of a campaign, until it is resumed."""
    _told(ask(config, "campaign.pause", {"id": number, "reason": reason}), as_json)


@campaign.command("resume")
@click.argument("number", metavar="ID")
@click.option(
    "--accept", multiple=True, metavar="CODE", help="A warning of the preflight; all: any."
)
@click.option("--confirm", is_flag=True, help="Let it go on though a rule stopped it.")
@json_option
@config_option
def resume(
    number: str, accept: tuple[str, ...], confirm: bool, as_json: bool, config: Path
) -> None:
    """Let a paused campaign go on."""
    wanted = {"id": number, "accept": list(accept), "confirm": confirm}
    _told(ask(config, "campaign.resume", wanted), as_json)


@campaign.command("stop")
@click.argument("number", metavar="[ID]", required=False)
@click.option("--all", "is_all", is_flag=True, help="Everything that is sent or scheduled.")
@account_option("With --all: of this account only.")
@click.option("--reason", help="Kept with each campaign.")
@json_option
@config_option
def stop(
    number: str | None,
    is_all: bool,
    account: str | None,
    reason: str | None,
    as_json: bool,
    config: Path,
) -> None:
    """Pause a campaign, or with --all every one at once."""
    if bool(number) is is_all:
        raise click.UsageError("give the id of a campaign, or --all")
    if number:
        _told(ask(config, "campaign.pause", {"id": number, "reason": reason}), as_json)
        return
    stopped = ask(config, "campaign.stop", {"account": account, "reason": reason})
    if as_json:
        print_json(stopped)
    else:
        click.echo(f"paused {len(stopped)} campaigns")


def _told(found: dict[str, object], as_json: bool) -> None:
    if as_json:
        print_json(found)
    else:
        click.echo(f"campaign {found['id']} is {found['status']}")
