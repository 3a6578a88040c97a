"""Commands on tracking: what an account learns of opens and clicks, and by which domain."""

from pathlib import Path
from typing import Any

import click

from console.cli.application import ask
from console.cli.options import account_option, config_option, json_option
from console.cli.output import escape, print_json

_ACCOUNT = "The account.  [default: the only one]"


@click.group()
def tracking() -> None:
    """How much an account learns of opens and clicks, and its own domain for links."""


@tracking.command("show")
@account_option(_ACCOUNT)
@json_option
@config_option
def show(account: str | None, as_json: bool, config: Path) -> None:
    """Show what an account has chosen."""
    _print(ask(config, "tracking.show", {"account": account}), as_json)


@tracking.command("mode")
@click.argument("mode", type=click.Choice(("full", "anonymous", "off")))
@account_option(_ACCOUNT)
@json_option
@config_option
def set_mode(mode: str, account: str | None, as_json: bool, config: Path) -> None:
    """Choose what is tracked of mail that asks for it, from now on.

    full: who opened and clicked. anonymous: totals only, links name no recipient. off: nothing.
    """
    _print(ask(config, "tracking.mode", {"account": account, "mode": mode}), as_json)


@tracking.command("domain")
@click.argument("domain", default="")
@account_option(_ACCOUNT)
@json_option
@config_option
def set_domain(domain: str, account: str | None, as_json: bool, config: Path) -> None:
    """Make links with DOMAIN (such as t.example.org); without DOMAIN: with the server's address.

    It lies below a sending domain of the account, its CNAME is the host of [server] public_url, and
    the public listener, or the proxy before it, has a certificate for it.
    """
    _print(ask(config, "tracking.domain", {"account": account, "domain": domain}), as_json)


@tracking.command("check")
@account_option(_ACCOUNT)
@json_option
@config_option
def check(account: str | None, as_json: bool, config: Path) -> None:
    """Ask the DNS whether the account's domain points at this server."""
    _print(ask(config, "tracking.check", {"account": account}), as_json)


def _print(status: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(status)
        return
    click.echo(f"mode    {status['mode']}")
    if not status["domain"]:
        click.echo("domain  (the server's)")
        return
    state = "in use" if status["is_verified"] else f"not in use: needs CNAME {status['target']}"
    click.echo(f"domain  {escape(status['domain'])}  {escape(state)}")
