"""`relevo send`: the command; `sending` does it."""

import asyncio
import os
import re
import sys
from pathlib import Path

import click

from console.cli.options import DEFAULT_CONFIG, config_option
from console.cli.output import escape
from console.cli.sending import SendOptions, SendSummary
from console.cli.sending import send as send_all
from mta.model.address import Address, parse_address
from mta.model.errors import AddressSyntaxError
from mta.model.traffic import TrafficClass
from mta.settings import load_settings
from mta.settings.values import HostPort, read_destination

PROGRESS_FROM = 20  # messages; below that a bar is gone before it is seen
FALLBACK_SERVER = HostPort("127.0.0.1", 587)

_HEADER = re.compile(r"([!-9;-~]{1,77}):[ \t]*([^\r\n\x00]*)\Z")


class AddressParameter(click.ParamType[Address]):
    """A mail address."""

    name = "address"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Address:
        """The address, or a usage error."""
        try:
            return value if isinstance(value, Address) else parse_address(str(value))
        except AddressSyntaxError as error:
            self.fail(f"{value!r}: {error}", param, ctx)


class ServerParameter(click.ParamType[HostPort]):
    """HOST:PORT."""

    name = "server"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> HostPort:
        """The address, or a usage error."""
        try:
            return read_destination(value)
        except ValueError as error:
            self.fail(f"{value!r}: {error}", param, ctx)


class HeaderParameter(click.ParamType[tuple[str, str]]):
    """`Name: value`."""

    name = "header"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Name and value, or a usage error."""
        if isinstance(value, tuple):
            return value
        match = _HEADER.match(str(value))
        if match is None:
            self.fail(f"{value!r}: expected 'Name: value' on one line", param, ctx)
        return match[1], match[2]


@click.command("send")
@click.option(
    "--to",
    "recipients",
    metavar="ADDR",
    multiple=True,
    required=True,
    type=AddressParameter(),
    help="Recipient; repeatable.",
)
@click.option(
    "--server",
    metavar="HOST:PORT",
    type=ServerParameter(),
    help="Submission server.  [default: the first of [submission] listen]",
)
@click.option("--user", "username", metavar="U", default="", help="Log in as.")
@click.option("--password", metavar="P", default="", help="Password; other users may see it.")
@click.option(
    "--password-stdin", is_flag=True, help="Read the password from the first line of input."
)
@click.option(
    "--from",
    "sender",
    metavar="ADDR",
    type=AddressParameter(),
    help="Sender.  [default: relevo@ the server's hostname]",
)
@click.option("--subject", default="Test from Relevo", show_default=True)
@click.option("--body", default="This is a test message.\n", help="Text of the message.")
@click.option(
    "--file",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
    metavar="FILE.eml",
    help="Send this message, headers and all; - reads it from input.",
)
@click.option(
    "--class",
    "traffic_class",
    type=click.Choice([c.label for c in TrafficClass]),
    help="Ask for this class (X-Relevo-Class).",
)
@click.option(
    "--header",
    "headers",
    metavar="'NAME: VALUE'",
    multiple=True,
    type=HeaderParameter(),
    help="Add a header field; repeatable.",
)
@click.option("--count", type=click.IntRange(min=1), default=1, help="Send it so many times.")
@click.option(
    "--connections",
    metavar="C",
    type=click.IntRange(1, 1000),
    default=1,
    help="Over so many connections at a time.",
)
@click.option("--insecure", is_flag=True, help="Take any certificate, and log in even without TLS.")
@config_option
@click.pass_context
def send(
    context: click.Context,
    recipients: tuple[Address, ...],
    server: HostPort | None,
    username: str,
    password: str,
    password_stdin: bool,
    sender: Address | None,
    subject: str,
    body: str,
    file: str | None,
    traffic_class: str | None,
    headers: tuple[tuple[str, str], ...],
    count: int,
    connections: int,
    insecure: bool,
    config: Path,
) -> None:
    """Send a test message, or many.

    STARTTLS is used when offered; a self-signed certificate is accepted on this machine only.
    """
    if password and password_stdin:
        raise click.UsageError("give --password or --password-stdin, not both")
    if password_stdin and file == "-":
        raise click.UsageError("--password-stdin and --file - cannot both read input")
    if password_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    if traffic_class is not None:
        headers = (("X-Relevo-Class", traffic_class), *headers)
    default_server, hostname = defaults(config)
    options = SendOptions(
        server=server or default_server,
        sender=sender or Address("relevo", hostname),
        recipients=recipients,
        username=username,
        password=password,
        subject=subject,
        body=body,
        content=read_file(file) if file is not None else None,
        headers=headers,
        count=count,
        connections=connections,
        insecure=insecure,
    )
    summary = run(options)
    report(options, summary)
    context.exit(0 if summary.is_success else 1)


def read_file(name: str) -> bytes:
    """The content of a file, or of standard input for `-`."""
    return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()


def defaults(config: Path) -> tuple[HostPort, str]:
    """Server and hostname of the settings; without a settings file, this machine's port 587."""
    if config == Path(DEFAULT_CONFIG) and not config.exists():
        return FALLBACK_SERVER, "localhost"
    settings = load_settings(config, os.environ).settings
    hostname = str(settings.server.hostname)
    if not settings.submission.listen:
        return FALLBACK_SERVER, hostname
    first = settings.submission.listen[0]
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # to listen on, but not to connect to
    return HostPort(everywhere.get(first.host, first.host), first.port), hostname


def run(options: SendOptions) -> SendSummary:
    """`send` to its end, with a progress bar when it takes a while and somebody looks on."""
    if options.count < PROGRESS_FROM or not sys.stderr.isatty():
        return asyncio.run(send_all(options))
    with click.progressbar(length=options.count, label="sending", file=sys.stderr) as bar:
        return asyncio.run(send_all(options, lambda: bar.update(1)))


def report(options: SendOptions, summary: SendSummary) -> None:
    """Failures on standard error, the result on standard output."""
    for line in summary.failures:
        click.echo(line, err=True)
    hidden = summary.failed + summary.refused_recipients - len(summary.failures)
    if hidden > 0:
        click.echo(f"… and {hidden} more", err=True)
    noun = "message" if summary.sent == 1 else "messages"
    speed = f" ({summary.sent / summary.seconds:.0f}/s)" if summary.sent > 1 else ""
    line = f"sent {summary.sent} {noun} to {options.server} in {summary.seconds:.2f} s{speed}"
    if summary.failed or summary.refused_recipients:
        line += f", {summary.failed} failed, {summary.refused_recipients} recipients refused"
    if summary.last_reply:
        line += f": {escape(summary.last_reply)}"
    click.echo(line)
