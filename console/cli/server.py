"""Commands that set up, check and run the server."""

import importlib.metadata
from pathlib import Path

import click

from console.cli.application import application
from console.cli.options import DEFAULT_CONFIG, config_option, json_option
from console.cli.output import columns_of, escape, print_json, print_table, zone_of

LOUD = ("error", "danger")


@click.command()
@click.option(
    "--dir",
    "directory",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where to put everything.  [default: the current directory]",
)
@click.option(
    "--config",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help=f"Another way to say DIR: DIR/{DEFAULT_CONFIG}.",
)
@click.pass_context
def init(context: click.Context, directory: Path | None, config: Path | None) -> None:
    """Make a settings file and the folders that Relevo needs.

    Writes config/relevo.toml (all settings with their defaults, explained), queue/ (the one folder
    to back up) and dkim_keys/. What exists already is left as it is.
    """
    if config is not None:
        above = config.absolute().parent.parent
        fits = config.absolute() == above / DEFAULT_CONFIG and directory in (None, above)
        if not fits:
            raise click.UsageError(f"--config can only be DIR/{DEFAULT_CONFIG}; give --dir DIR")
        directory = above
    directory = directory or Path()
    made = application(context).init(directory)
    for path in made:
        click.echo(f"made {path}")
    if not made:
        click.echo("everything was there already")
    where = "" if directory == Path() else f" --config {directory / DEFAULT_CONFIG}"
    click.echo(
        "\nNext:\n"
        f"  1. edit {directory / DEFAULT_CONFIG}: at least [server] hostname\n"
        f"  2. relevo check{where}\n"
        f"  3. relevo account add NAME{where}\n"
        f"  4. relevo domain add DOMAIN{where}, and publish the records that it shows\n"
        f"  5. relevo credential add --name APPLICATION{where}\n"
        f"  6. relevo serve{where}"
    )


@click.command()
@config_option
@click.pass_context
def serve(context: click.Context, config: Path) -> None:
    """Run the server: take mail in, deliver it, until SIGTERM.

    SIGHUP reads certificates, DKIM keys and shaping rules anew.
    """
    application(context).serve(config)


@click.command()
@config_option
@click.pass_context
def sandbox(context: click.Context, config: Path) -> None:
    """Run a server to try things out: no mail leaves the machine.

    A built-in simulator takes it and answers as the Internet might. Makes settings, an administrator, a credential and a certificate if they are missing, and says
    where everything is. `make run` starts this.
    """
    application(context).sandbox(config)


@click.command()
@click.option("--dns", is_flag=True, help="Also look up what the DNS says of this server.")
@json_option
@config_option
@click.pass_context
def check(context: click.Context, config: Path, dns: bool, as_json: bool) -> None:
    """Check the settings and tell what is wrong or dangerous.

    Shows every effective value with its origin: default, the file, or an environment variable.
    """
    report = application(context).check(config, dns)
    findings = report["findings"]
    if as_json:
        print_json(report)
    else:
        rows = report["settings"]
        print_table(columns_of(rows), rows, zone_of(config))
        for finding in findings:
            severity = str(finding["severity"])
            label = severity.upper() if severity in LOUD else severity
            about = f"{finding['key']}: " if finding.get("key") else ""
            text = f"{label}: {about}{finding['text']} {finding.get('remedy') or ''}".rstrip()
            click.echo(("\n" if finding is findings[0] else "") + escape(text))
    if any(finding["severity"] == "error" for finding in findings):
        context.exit(1)


@click.command()
@json_option
@config_option
def version(config: Path, as_json: bool) -> None:  # noqa: ARG001 - every command takes --config
    """Show the version."""
    number = importlib.metadata.version("relevo")
    if as_json:
        print_json({"version": number})
    else:
        click.echo(f"relevo {number}")
