"""Commands on people and their roles."""

import sys
from pathlib import Path

import click

from console.accounts.passwords import MIN_LENGTH
from console.accounts.values import Role
from console.cli.application import ask
from console.cli.options import account_option, config_option, json_option
from console.cli.output import print_one, print_rows
from console.cli.table import Column

USERS = (
    Column("id", "id"),
    Column("email", "email"),
    Column("state", "state"),
    Column("locked_until", "locked until"),
    Column("created", "created"),
    Column("roles", "roles"),
)


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
@click.option(
    "--invite",
    is_flag=True,
    help="Mail a new person a link to choose a password, with the guide of the role; "
    "needs a running server.",
)
@click.option("--name", default="", help="With --invite: what the person is called.")
@click.option(
    "--language",
    type=click.Choice(["es", "en"]),
    help="With --invite: the language of the mail.  [default: the server's]",
)
@json_option
@config_option
def user_add(
    email: str,
    role: str,
    account: str | None,
    password_stdin: bool,
    invite: bool,
    name: str,
    language: str | None,
    as_json: bool,
    config: Path,
) -> None:
    """Give a person a role in an account.

    A new person gets a password, made up unless --password-stdin is given, and shown once; with
    --invite, a mail with a link instead. A person who has roles in other accounts keeps them and the
    password.
    """
    arguments = {"email": email, "role": role, "account": account}
    if invite:
        invited = {**arguments, "name": name, "language": language}
        print_one(ask(config, "user.invite", invited), as_json, config)
        return
    made = ask(config, "user.add", {**arguments, "password": _password(password_stdin)})
    print_one(made, as_json, config)


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
    print_rows(USERS, rows, as_json, config)


@user.command("role")
@click.argument("email")
@click.option("--role", required=True, type=click.Choice([role.value for role in Role]))
@account_option("Where the role holds; may be left out if there is one main account.")
@json_option
@config_option
def user_role(email: str, role: str, account: str | None, as_json: bool, config: Path) -> None:
    """Change a person's role in an account; the person has to sign in again."""
    arguments = {"email": email, "role": role, "account": account}
    print_one(ask(config, "user.role", arguments), as_json, config)


@user.command("remove")
@click.argument("email")
@account_option("Where the role held; may be left out if there is one main account.")
@config_option
def user_remove(email: str, account: str | None, config: Path) -> None:
    """Take a person's role in an account away.

    What the person made stays, and so do roles elsewhere. An account keeps an owner if it has one.
    """
    ask(config, "user.remove", {"email": email, "account": account})
    click.echo(f"removed {email}")


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


@user.command("guide")
@click.argument("email")
@json_option
@config_option
def user_guide(email: str, as_json: bool, config: Path) -> None:
    """Mail a person the usage guide of the role once more; needs a running server."""
    print_one(ask(config, "user.guide", {"email": email}), as_json, config)


@user.command("reset")
@click.argument("email")
@_password_option
@click.option(
    "--mail",
    is_flag=True,
    help="Mail a link to choose one instead, good for an hour; needs a running server.",
)
@json_option
@config_option
def user_reset(email: str, password_stdin: bool, mail: bool, as_json: bool, config: Path) -> None:
    """Give a person a new password; also ends a lock."""
    if mail:
        print_one(ask(config, "user.reset_link", {"email": email}), as_json, config)
        return
    arguments = {"email": email, "password": _password(password_stdin)}
    print_one(ask(config, "user.reset", arguments), as_json, config)


@user.command("drop-factor")
@click.argument("email")
@config_option
def user_drop_factor(email: str, config: Path) -> None:
    """Remove the second factor of a person who lost the telephone and the recovery codes.

    Make sure that it is the person who asks. Open sessions end.
    """
    ask(config, "user.drop_factor", {"email": email})
    click.echo(f"removed the second factor of {email}")


def _password(from_stdin: bool) -> str | None:
    if not from_stdin:
        return None
    line = sys.stdin.readline().rstrip("\r\n")
    if not line:
        raise click.UsageError("--password-stdin: no password came on standard input")
    return line
