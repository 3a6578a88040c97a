"""Commands that keep a data directory safe: backup, restore, verify."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from console.cli.application import application
from console.cli.options import config_option, json_option
from console.cli.output import escape, print_json, show, zone_of
from console.cli.progress import ProgressLine


@click.command()
@click.argument("target", metavar="FILE", type=click.Path(path_type=Path))
@json_option
@config_option
@click.pass_context
def backup(context: click.Context, target: Path, as_json: bool, config: Path) -> None:
    """Write everything into one file: queue, accounts, contents, DKIM keys, settings.

    Works while the server runs, and is of one moment. FILE is a tar archive that does not exist yet,
    or a folder, in which it is named after the time. It holds secrets and mail: only you can read it.
    Certificates and password files that the settings name are not in it.
    """
    line = ProgressLine()
    try:
        made = application(context).backup(config, target, line)
    finally:
        line.close()
    if as_json:
        print_json(made)
        return
    size = int(made["bytes"]) / 1e6
    click.echo(
        f"{escape(str(made['path']))}: {size:.1f} MB, {made['messages']} messages, "
        f"{made['deliveries']} deliveries, {made['open']} of them open"
    )


@click.command()
@click.argument("source", metavar="FILE", type=click.Path(path_type=Path))
@json_option
@config_option
@click.pass_context
def restore(context: click.Context, source: Path, as_json: bool, config: Path) -> None:
    """Put a backup in place, with all mail on hold.

    Into the empty folder that the settings name as `data_dir`, DKIM keys into `dkim_dir`; settings
    that do not exist are restored as well. What was open when the backup was made may have gone
    since: look at it with `queue list`, then `queue cancel` or `queue release` it. A backup that is
    damaged or cut off is refused as a whole.
    """
    line = ProgressLine()
    try:
        done = application(context).restore(config, source, line)
    finally:
        line.close()
    if as_json:
        print_json(done)
        return
    taken = show("at", done["taken_ms"], zone_of(config))
    click.echo(f"{escape(str(done['data_dir']))} is as it was at {taken}.")
    for path in done["settings"]:
        click.echo(f"restored {escape(path)}")
    click.echo(
        f"\n{done['open']} deliveries are open, {done['flows_held']} flows are on hold: nothing goes "
        "out until you release it.\n"
        "Next:\n"
        "  1. relevo verify\n"
        "  2. relevo serve\n"
        "  3. relevo queue list; then relevo queue release (or cancel) --all, --campaign, --account …"
    )


@click.command()
@json_option
@config_option
@click.pass_context
def verify(context: click.Context, as_json: bool, config: Path) -> None:
    """Look for damage: database, contents against their checksums, segments, counters, permissions,
    and the chained entries of the audit trail.

    Changes nothing, and works while the server runs. Exits with 1 when there is damage; a warning
    alone is 0.
    """
    line = ProgressLine()
    try:
        report = application(context).verify(config, line)
    finally:
        line.close()
    if as_json:
        print_json(report)
    else:
        _show_verification(report)
    if not report["sound"]:
        context.exit(1)


def _show_verification(report: Mapping[str, Any]) -> None:
    for finding in report["findings"]:
        severity = str(finding["severity"])
        label = severity.upper() if severity == "damage" else severity
        text = f"{label}: {finding['subject']}: {finding['text']}"
        if finding["remedy"]:
            text += f"; remedy: {finding['remedy']}"
        click.echo(escape(text))
    size = (int(report["content_bytes"]) + int(report["database_bytes"])) / 1e6
    click.echo(
        f"{'no damage' if report['sound'] else 'DAMAGED'}: {report['messages']} contents in "
        f"{report['segments']} segments, {report['deliveries']} deliveries, {size:.1f} MB, "
        f"{report['seconds']} s"
    )
    for chain in report["chains"]:
        click.echo(f"{chain['name']}: {chain['entries']} entries, last {chain['head'] or 'none'}")
