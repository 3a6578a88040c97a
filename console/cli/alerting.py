"""`relevo alert`: tell the operators, also when the server does not run."""

from pathlib import Path

import click

from console.cli.application import application
from console.cli.options import config_option, json_option
from console.cli.output import escape, print_json
from mta.model.errors import PermanentError


@click.command()
@click.argument("text", metavar="TEXT")
@click.option("--name", default="operator", show_default=True, help="What it is about, one word.")
@json_option
@config_option
@click.pass_context
def alert(context: click.Context, text: str, name: str, as_json: bool, config: Path) -> None:
    """Send TEXT to those named in [alerts], without the server.

    By the webhook and by mail through the other relay (`smarthost`), so that it arrives when Relevo
    itself is what is broken: systemd runs it when the service has failed. Also a test of [alerts].
    """
    done = application(context).send_alert(config, name, text)
    if as_json:
        print_json(done)
    else:
        for way in done["sent"]:
            click.echo(f"sent by {way}")
    if done["failed"]:
        told = "; ".join(f"{way}: {why}" for way, why in done["failed"].items())
        raise PermanentError(f"not sent: {escape(told)}")
