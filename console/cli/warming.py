"""Commands on warm-ups: new source addresses and sending domains begin with little mail."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from console.cli.application import ask
from console.cli.options import config_option, json_option
from console.cli.output import print_json, print_table, zone_of
from console.cli.table import Column

Command = TypeVar("Command", bound=Callable[..., Any])

WARM_UPS = (
    Column("subject", "of", can_cut=True),
    Column("provider", "at"),
    Column("state", "state"),
    Column("step", "step"),
    Column("of", "of", 2),
    Column("messages_per_day", "a day"),
    Column("sent", "sent"),
    Column("bounced", "bounced", 1),
    Column("deferred", "deferred", 1),
    Column("complained", "complained", 1),
    Column("day_ends", "day ends", 3),
    Column("held_until", "held until", 2),
    Column("last_day", "day before"),
)


def subject_options(command: Command) -> Command:
    """What is warmed up: one of the two."""
    command = click.option(
        "--domain", metavar="DOMAIN", help="Mail from senders of this domain, from all addresses."
    )(command)
    return click.option(
        "--source",
        metavar="IP",
        help='All mail from this egress address; "default" where none is configured.',
    )(command)


@click.group()
def warmup() -> None:
    """Warm-up of new source addresses and sending domains, at each provider.

    Automated and campaign mail goes by the plan of shaping.toml ([warm_up]): so much on the first
    sending day, twice as much on the next, as long as bounces, deferrals and complaints are few.
    What is too much for a day waits, or goes from the other source addresses. Urgent and
    transactional mail never waits for it.
    """


@warmup.command("list")
@subject_options
@json_option
@config_option
def list_(source: str | None, domain: str | None, as_json: bool, config: Path) -> None:
    """Show how far warm-ups are, at each provider."""
    _show(ask(config, "warmup.list", {"source": source, "domain": domain}), as_json, config)


@warmup.command("start")
@subject_options
@json_option
@config_option
def start(source: str | None, domain: str | None, as_json: bool, config: Path) -> None:
    """Begin at the first row of the plan, at every provider."""
    _show(ask(config, "warmup.start", {"source": source, "domain": domain}), as_json, config)


@warmup.command("stop")
@subject_options
@json_option
@config_option
def stop(source: str | None, domain: str | None, as_json: bool, config: Path) -> None:
    """End a warm-up: no plan holds it any more."""
    done = ask(config, "warmup.stop", {"source": source, "domain": domain})
    if as_json:
        print_json(done)
    else:
        click.echo(f"{done['subject']} is held to no plan any more")


@warmup.command("step")
@click.argument("step", type=click.IntRange(min=1))
@subject_options
@click.option("--provider", metavar="NAME", help="Only there, as `list` names it.")
@json_option
@config_option
def step(
    step: int,
    source: str | None,
    domain: str | None,
    provider: str | None,
    as_json: bool,
    config: Path,
) -> None:
    """Go on at row STEP of the plan, from now on: an address that was in use elsewhere, say.

    A row behind the last one makes it warm. What went today counts on.
    """
    arguments = {"source": source, "domain": domain, "provider": provider, "step": step}
    _show(ask(config, "warmup.step", arguments), as_json, config)


def _show(rows: Any, as_json: bool, config: Path) -> None:
    if as_json:
        print_json(rows)
    elif not rows:
        click.echo("nothing is being warmed up")
    else:
        print_table(WARM_UPS, rows, zone_of(config))
