"""Options that many commands share, and the kinds of values they take."""

import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import click

from mta.settings import Settings, load_settings
from mta.settings.values import read_duration

Command = TypeVar("Command", bound=Callable[..., Any])
DEFAULT_CONFIG = "config/relevo.toml"


def config_option(command: Command) -> Command:
    """`--config FILE`."""
    return click.option(
        "--config",
        metavar="FILE",
        type=click.Path(path_type=Path),
        envvar="RELEVO_CONFIG",
        default=DEFAULT_CONFIG,
        help=f"Settings file.  [default: $RELEVO_CONFIG, then {DEFAULT_CONFIG}]",
    )(command)


def json_option(command: Command) -> Command:
    """`--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Write JSON, for programs.")(
        command
    )


def account_option(help_text: str, *, required: bool = False) -> Callable[[Command], Command]:
    """`--account ID`."""
    return click.option(
        "--account", metavar="ID", required=required, help=f"{help_text} An id or a unique name."
    )


def settings_of(config: Path) -> Settings:
    """The settings of a command; the default file may be missing, a named one may not."""
    is_named = config != Path(DEFAULT_CONFIG) or "RELEVO_CONFIG" in os.environ
    return load_settings(config if is_named or config.exists() else None, os.environ).settings


class Duration(click.ParamType[float]):
    """Seconds from `90`, `5m`, `1h30m`, `2d`."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Seconds, or a usage error."""
        try:
            return read_duration(value)
        except ValueError as error:
            self.fail(f"{value!r}: {error}", param, ctx)


def read_moment(text: str, zone: ZoneInfo, now_ms: int) -> int:
    """Milliseconds since 1970 from a duration from now, a date (its first moment) or a date and time.

    Raises `ValueError`.
    """
    try:
        return now_ms + round(read_duration(text) * 1000)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError('expected a date, a date and time, or a duration such as "90d"') from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    return round(moment.timestamp() * 1000)
