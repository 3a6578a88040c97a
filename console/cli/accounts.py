"""Commands on accounts, credentials and domains."""

from pathlib import Path
from typing import Any

import click

from console.accounts.values import Scope
from console.cli.application import application, ask
from console.cli.options import (
    Duration,
    account_option,
    config_option,
    json_option,
    read_moment,
)
from console.cli.output import Row, escape, print_json, print_one, print_rows, zone_of
from console.cli.progress import ProgressLine
from console.cli.table import Column
from mta.model.clock import SystemClock
from mta.model.traffic import TrafficClass

ACCOUNTS = (
    Column("id", "id"),
    Column("name", "name"),
    Column("parent", "parent"),
    Column("kind", "kind"),
    Column("state", "state"),
    Column("created", "created"),
)
CREDENTIALS = (
    Column("id", "id"),
    Column("account", "account"),
    Column("username", "username"),
    Column("status", "status"),
    Column("class", "class"),
    Column("expires", "expires"),
    Column("last_used", "last used"),
    Column("name", "name"),
)


@click.group()
def account() -> None:
    """Accounts: who owns mail, domains and credentials."""


@account.command("add")
@click.argument("name")
@click.option("--parent", metavar="ID", help="The account that it is a part of.")
@click.option("--training", is_flag=True, help="For training: outside of all figures.")
@click.option(
    "--quota", type=click.IntRange(min=1), help="Mails to move into its own share, from above."
)
@json_option
@config_option
def account_add(
    name: str, parent: str | None, training: bool, quota: int | None, as_json: bool, config: Path
) -> None:
    """Add an account."""
    if quota and not parent:
        raise click.UsageError("--quota is moved from the account above: say which with --parent")
    made = ask(config, "account.add", {"name": name, "parent": parent, "training": training})
    if quota:
        ask(config, "quota.allocate", {"account": made["id"], "amount": quota})
    print_one(made, as_json, config)


@account.command("list")
@json_option
@config_option
def account_list(as_json: bool, config: Path) -> None:
    """List all accounts."""
    print_rows(ACCOUNTS, ask(config, "account.list"), as_json, config)


@account.command("show")
@click.argument("id")
@json_option
@config_option
def account_show(id: str, as_json: bool, config: Path) -> None:
    """Show an account with its settings."""
    print_one(ask(config, "account.show", {"account": id}), as_json, config)


@account.command("rename")
@click.argument("id")
@click.argument("name")
@json_option
@config_option
def account_rename(id: str, name: str, as_json: bool, config: Path) -> None:
    """Give an account another name; its id stays."""
    made = ask(config, "account.rename", {"account": id, "name": name})
    print_one(made, as_json, config)


@account.command("set")
@click.argument("id")
@click.option(
    "--language",
    type=click.Choice(["es", "en", ""]),
    help='What its people read first; "" is that of the installation.',
)
@click.option("--timezone", metavar="ZONE", help='As America/Lima; "" is that of the installation.')
@click.option(
    "--approval/--no-approval",
    "needs_approval",
    default=None,
    help="Whether sending a campaign takes a second person.",
)
@json_option
@config_option
def account_set(id: str, as_json: bool, config: Path, **settings: str | bool | None) -> None:
    """Change an account's settings; what is not given stays."""
    if all(value is None for value in settings.values()):
        raise click.UsageError("say what to change: --language, --timezone or --approval")
    print_one(ask(config, "account.set", {"account": id, **settings}), as_json, config)


@account.command("disable")
@click.argument("id")
@config_option
def account_disable(id: str, config: Path) -> None:
    """Stop an account and all below it from handing in mail.

    Its credentials are refused at once and what it has left of the bag goes back; mail that is in
    the queue is still delivered.
    """
    ask(config, "account.disable", {"account": id})
    click.echo(f"disabled {id}")


@account.command("enable")
@click.argument("id")
@config_option
def account_enable(id: str, config: Path) -> None:
    """Undo `account disable`; quota has to be allocated anew."""
    ask(config, "account.enable", {"account": id})
    click.echo(f"enabled {id}")


@account.command("close")
@click.argument("id")
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_option
def account_close(id: str, yes: bool, config: Path) -> None:
    """Disable an account and all below it for good, and revoke their credentials.

    What they did stays on record; mail that is in the queue is still delivered.
    """
    name = ask(config, "account.show", {"account": id})["name"]
    if not yes:
        click.confirm(f"Close {name} for good?", abort=True, err=True)
    ask(config, "account.close", {"account": id})
    click.echo(f"closed {name}")


@account.command("export")
@click.argument("id")
@click.argument("target", metavar="FILE", type=click.Path(path_type=Path))
@json_option
@config_option
@click.pass_context
def account_export(
    context: click.Context, id: str, target: Path, as_json: bool, config: Path
) -> None:
    """Write everything that is kept of an account, and of those below it, into one ZIP file.

    Each table as JSON Lines and as CSV: people, credentials, domains, contracts, ledger, contacts,
    campaigns, messages, events, suppressions, audit trail and more; no secrets and no contents of
    mail. manifest.json has rows and SHA-256 of each file. Works while the server runs. FILE must
    not exist yet; only you can read it.
    """
    line = ProgressLine()
    try:
        made = application(context).export_account(config, id, target, line)
    finally:
        line.close()
    if as_json:
        print_json(made)
        return
    rows = sum(int(file["rows"]) for file in made["files"] if file["name"].endswith(".jsonl"))
    size = int(made["bytes"]) / 1e6
    click.echo(f"{escape(str(made['path']))}: {size:.1f} MB, {rows} rows\nSHA-256 {made['sha256']}")


@click.group()
def credential() -> None:
    """Credentials: the secrets with which applications send."""


@credential.command("add")
@account_option("Whose mail it will be; may be left out if there is one main account.")
@click.option("--name", required=True, help="What people call it: the application.")
@click.option(
    "--scopes",
    metavar="SCOPE,…",
    help=f"What it may do, of {', '.join(Scope)}.  [default: {Scope.SEND}]",
)
@click.option(
    "--sender-domain",
    "sender_domains",
    metavar="DOMAIN",
    multiple=True,
    help="Only send from this domain of the account; repeatable.  [default: all of them]",
)
@click.option(
    "--allow-ip",
    "networks",
    metavar="CIDR",
    multiple=True,
    help="Only accept it from this network; repeatable.  [default: from anywhere]",
)
@click.option(
    "--class",
    "traffic_class",
    type=click.Choice([c.label for c in TrafficClass]),
    default=TrafficClass.TRANSACTIONAL.label,
    show_default=True,
    help="Class of mail that does not say its own.",
)
@click.option(
    "--rate",
    "rate_per_minute",
    metavar="N",
    type=click.IntRange(min=0),
    default=0,
    help="At most N recipients a minute.  [default: no limit of its own]",
)
@click.option(
    "--per-hour",
    metavar="N",
    type=click.IntRange(min=0),
    default=0,
    help="At most N recipients in a clock hour.  [default: no cap of its own]",
)
@click.option(
    "--per-day",
    metavar="N",
    type=click.IntRange(min=0),
    default=0,
    help="At most N recipients in a day of the account's time zone.  [default: no cap of its own]",
)
@click.option(
    "--expires",
    metavar="WHEN",
    help='A date, a date and time, or a duration such as "90d".  [default: never]',
)
@json_option
@config_option
def credential_add(scopes: str | None, expires: str | None, as_json: bool, **rest: Any) -> None:
    """Add a credential and show its secret, once.

    The password is for SMTP with that user name (or the key id) and at the same time the API key.
    """
    config, traffic_class = rest.pop("config"), rest.pop("traffic_class")
    arguments = {
        **rest,  # those that the operation calls the same
        "class": traffic_class,
        "scopes": [scope.strip() for scope in scopes.split(",")] if scopes else None,
        "expires_ms": _moment(expires, config) if expires else None,
    }
    _show_secret(ask(config, "credential.add", arguments), as_json)


@credential.command("list")
@account_option("Only those of this account.")
@json_option
@config_option
def credential_list(account: str | None, as_json: bool, config: Path) -> None:
    """List credentials, without secrets."""
    print_rows(CREDENTIALS, ask(config, "credential.list", {"account": account}), as_json, config)


@credential.command("revoke")
@click.argument("id")
@config_option
def credential_revoke(id: str, config: Path) -> None:
    """Make a credential useless, at once and for good.

    ID is its id, user name or key id.
    """
    revoked = ask(config, "credential.revoke", {"credential": id})
    click.echo(f"revoked {revoked['username']}")


@credential.command("rotate")
@click.argument("id")
@click.option(
    "--overlap",
    metavar="DURATION",
    type=Duration(),
    default="24h",
    show_default=True,
    help="For how long the old secret still works.",
)
@json_option
@config_option
def credential_rotate(id: str, overlap: float, as_json: bool, config: Path) -> None:
    """Replace a credential by a new one with the same limits.

    Both work until the overlap is over, so applications can be changed one after the other. ID is
    its id, user name or key id.
    """
    new = ask(config, "credential.rotate", {"credential": id, "overlap_s": overlap})
    _show_secret(new, as_json)


def _show_secret(result: Row, as_json: bool) -> None:
    if as_json:
        print_json(result)
        return
    for key in ("id", "username", "password", "api_key"):
        click.echo(f"{key:<8}  {result[key]}")
    click.echo("The secret is shown only now.", err=True)


def _moment(text: str, config: Path) -> int:
    try:
        return read_moment(text, zone_of(config), SystemClock().now_ms())
    except ValueError as error:
        raise click.UsageError(f"--expires {text!r}: {error}") from None
