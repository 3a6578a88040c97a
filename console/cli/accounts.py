"""Commands on accounts, people, credentials and domains."""

import sys
from pathlib import Path
from typing import Any

import click

from console.accounts.passwords import MIN_LENGTH
from console.accounts.values import Role, Scope
from console.cli.application import ask
from console.cli.options import (
    Duration,
    account_option,
    config_option,
    json_option,
    read_moment,
)
from console.cli.output import (
    Row,
    print_json,
    print_record,
    print_table,
    zone_of,
)
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
USERS = (
    Column("id", "id"),
    Column("email", "email"),
    Column("state", "state"),
    Column("locked_until", "locked until"),
    Column("created", "created"),
    Column("roles", "roles"),
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
@json_option
@config_option
def account_add(name: str, parent: str | None, training: bool, as_json: bool, config: Path) -> None:
    """Add an account."""
    made = ask(config, "account.add", {"name": name, "parent": parent, "training": training})
    _show(made, as_json, config)


@account.command("list")
@json_option
@config_option
def account_list(as_json: bool, config: Path) -> None:
    """List all accounts."""
    _list(ACCOUNTS, ask(config, "account.list"), as_json, config)


@account.command("disable")
@click.argument("id")
@config_option
def account_disable(id: str, config: Path) -> None:
    """Stop an account and all below it from handing in mail.

    Its credentials are refused at once; mail that is in the queue is still delivered.
    """
    ask(config, "account.disable", {"account": id})
    click.echo(f"disabled {id}")


@account.command("enable")
@click.argument("id")
@config_option
def account_enable(id: str, config: Path) -> None:
    """Undo `account disable`."""
    ask(config, "account.enable", {"account": id})
    click.echo(f"enabled {id}")


@click.group()
def user() -> None:
    """People who sign in to the console, the web pages."""


_password_option = click.option(
    "--password-stdin",
    is_flag=True,
    help=f"Read the password from standard input (one line, at least {MIN_LENGTH} characters); "
    "without it one is made up and shown once.",
)


@user.command("add")
@click.argument("email")
@click.option("--role", required=True, type=click.Choice([role.value for role in Role]))
@account_option("Where the role holds; may be left out if there is one main account.")
@_password_option
@json_option
@config_option
def user_add(
    email: str, role: str, account: str | None, password_stdin: bool, as_json: bool, config: Path
) -> None:
    """Give a person a role in an account.

    A new person gets a password, made up unless --password-stdin is given, and shown once. A person
    who has roles in other accounts keeps them and the password.
    """
    arguments = {"email": email, "role": role, "account": account}
    made = ask(config, "user.add", {**arguments, "password": _password(password_stdin)})
    _show(made, as_json, config)


@user.command("list")
@account_option("Only people of this account.")
@json_option
@config_option
def user_list(account: str | None, as_json: bool, config: Path) -> None:
    """List people with their roles."""
    rows = ask(config, "user.list", {"account": account})
    if not as_json:
        for row in rows:
            row["roles"] = [f"{m['role']} of {m['account_name']}" for m in row["memberships"]]
    _list(USERS, rows, as_json, config)


@user.command("disable")
@click.argument("email")
@config_option
def user_disable(email: str, config: Path) -> None:
    """Stop a person from signing in; what the person made stays."""
    ask(config, "user.disable", {"email": email})
    click.echo(f"disabled {email}")


@user.command("unlock")
@click.argument("email")
@config_option
def user_unlock(email: str, config: Path) -> None:
    """Let a person sign in again, whether disabled or locked after failures."""
    ask(config, "user.unlock", {"email": email})
    click.echo(f"unlocked {email}")


@user.command("reset")
@click.argument("email")
@_password_option
@json_option
@config_option
def user_reset(email: str, password_stdin: bool, as_json: bool, config: Path) -> None:
    """Give a person a new password; also ends a lock."""
    arguments = {"email": email, "password": _password(password_stdin)}
    _show(ask(config, "user.reset", arguments), as_json, config)


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
    _list(CREDENTIALS, ask(config, "credential.list", {"account": account}), as_json, config)


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


def _show(result: Row, as_json: bool, config: Path) -> None:
    if as_json:
        print_json(result)
    else:
        print_record(result, zone_of(config))


def _show_secret(result: Row, as_json: bool) -> None:
    if as_json:
        print_json(result)
        return
    for key in ("id", "username", "password", "api_key"):
        click.echo(f"{key:<8}  {result[key]}")
    click.echo("The secret is shown only now.", err=True)


def _list(columns: tuple[Column, ...], rows: list[Row], as_json: bool, config: Path) -> None:
    if as_json:
        print_json(rows)
    else:
        print_table(columns, rows, zone_of(config))


def _password(from_stdin: bool) -> str | None:
    if not from_stdin:
        return None
    line = sys.stdin.readline().rstrip("\r\n")
    if not line:
        raise click.UsageError("--password-stdin: no password came on standard input")
    return line


def _moment(text: str, config: Path) -> int:
    try:
        return read_moment(text, zone_of(config), SystemClock().now_ms())
    except ValueError as error:
        raise click.UsageError(f"--expires {text!r}: {error}") from None
