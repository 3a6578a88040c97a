"""The group `relevo`, its subcommands, and how errors end a command.

Exit codes: 0 success, 1 failure, 2 wrong usage, 130 interrupted. A failure is one line on standard
error (a line for each problem of the settings) and no trace, unless `RELEVO_DEBUG=1` asks for it.
"""

import importlib.metadata
import os
import sys
from collections.abc import Sequence

import click

from console.cli.accounts import account, credential
from console.cli.alerting import alert
from console.cli.application import Application
from console.cli.audit import audit
from console.cli.campaigns import campaign
from console.cli.dkim import dkim
from console.cli.domains import domain
from console.cli.erasures import erasure
from console.cli.incidents import incident
from console.cli.keeping import backup, restore, verify
from console.cli.mailqueue import queue, trace
from console.cli.output import escape
from console.cli.privacy import person
from console.cli.quota import contract, quota, training
from console.cli.report import report
from console.cli.report_evidence import evidence
from console.cli.report_handover import handover
from console.cli.selfbench import bench
from console.cli.send import send
from console.cli.server import check, init, sandbox, serve, version
from console.cli.suppressions import suppression
from console.cli.tracking import tracking
from console.cli.usage import usage
from console.cli.usage_report import usage_report
from console.cli.users import user
from console.cli.warming import warmup
from console.cli.webhooks import webhook
from mta.model.errors import RelevoError

FAILURE = 1
WRONG_USAGE = 2
INTERRUPTED = 130


class _InOrder(click.Group):
    """Lists its commands in the order in which one needs them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """The order in which they were added."""
        return list(self.commands)


@click.group(
    cls=_InOrder,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="To try it out: `relevo sandbox`. For a server of your own: `relevo init`, which says "
    "what comes next. `relevo COMMAND --help` explains a command.",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=lambda context, _, wanted: _tell_version(context) if wanted else None,
    help="Show the version.",
)
def relevo() -> None:
    """Relevo, a mail relay: takes mail from applications, keeps it safe, delivers it fast."""


def _tell_version(context: click.Context) -> None:
    click.echo(f"relevo {importlib.metadata.version('relevo')}")
    context.exit()


for _command in (
    init,
    serve,
    sandbox,
    check,
    account,
    user,
    credential,
    domain,
    webhook,
    contract,
    quota,
    usage,
    training,
    suppression,
    person,
    tracking,
    dkim,
    queue,
    trace,
    warmup,
    alert,
    incident,
    campaign,
    report,
    audit,
    send,
    backup,
    restore,
    verify,
    bench,
    version,
):
    relevo.add_command(_command)
account.add_command(erasure)
report.add_command(evidence)
report.add_command(handover)
report.add_command(usage_report)


def main() -> None:
    """The entry point."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str], application: Application | None = None) -> int:
    """Run one command and give its exit code; `application` stands in for `console.app`."""
    try:
        result = relevo.main(
            list(arguments), prog_name="relevo", standalone_mode=False, obj=application
        )
        sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return WRONG_USAGE
    except click.UsageError as error:
        message = " ".join(error.format_message().split())  # click puts choices in lines
        _complain(f"{message} ({_help_of(error)})")
        return WRONG_USAGE
    except (click.Abort, KeyboardInterrupt):
        _complain("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # Who reads us has seen enough. What is left in the buffer must not fail again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILURE
    except Exception as error:
        if os.environ.get("RELEVO_DEBUG") == "1":
            raise
        _complain(_message_of(error))
        return FAILURE
    return result if isinstance(result, int) else 0


def _message_of(error: Exception) -> str:
    if isinstance(error, ExceptionGroup):  # tasks that failed together: a line for each
        return "\n".join(dict.fromkeys(map(_message_of, error.exceptions)))
    if isinstance(error, click.ClickException):
        return error.format_message()
    if isinstance(error, RelevoError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return f"internal error: {type(error).__name__}: {error} (RELEVO_DEBUG=1 shows where)"


def _help_of(error: click.UsageError) -> str:
    path = error.ctx.command_path if error.ctx is not None else "relevo"
    return f"see `{path} --help`"


def _complain(message: str) -> None:
    for line in message.splitlines() or [""]:
        click.echo(f"relevo: {escape(line)}", err=True)
