"""What the commands need of the program behind them."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

import click

Progress = Callable[[str, int, int], None]  # what is done, how much of it, of how much


class Application(Protocol):
    """`console.app`, or in tests something small that is real as well."""

    def run_operation(self, config: Path, name: str, arguments: Mapping[str, Any], /) -> Any:
        """The result of a named operation: by the running server, or here if there is none."""
        ...

    def serve(self, config: Path, /) -> None:
        """Run the server until it is told to stop."""
        ...

    def sandbox(self, config: Path, /) -> None:
        """Run the server with the receiving simulator instead of the Internet."""
        ...

    def init(self, directory: Path, /) -> Sequence[Path]:
        """Make settings and folders; gives what was made, nothing that exists is changed."""
        ...

    def check(self, config: Path, dns: bool, /) -> Mapping[str, Any]:
        """`settings`: rows of key, value, origin; `findings`: rows of severity, key, text, remedy."""
        ...

    def verify(self, config: Path, progress: Progress, /) -> Mapping[str, Any]:
        """What was looked at, `sound`, and `findings`."""
        ...

    def backup(self, config: Path, target: Path, progress: Progress, /) -> Mapping[str, Any]:
        """`path`, `bytes`, and what is in the backup."""
        ...

    def export_account(
        self, config: Path, account: str | None, target: Path, progress: Progress, /
    ) -> Mapping[str, Any]:
        """`path`, `bytes`, `sha256`, and the `files` in it."""
        ...

    def report_evidence(
        self, config: Path, arguments: Mapping[str, Any], target: Path, progress: Progress, /
    ) -> Mapping[str, Any]:
        """`number`, `account`, `path`, `rows`, `digest` of the rows, `sha256` of the file."""
        ...

    def write_usage_report(
        self, config: Path, arguments: Mapping[str, Any], target: Path, progress: Progress, /
    ) -> Mapping[str, Any]:
        """`path`, `bytes`, `number` and `sha256` of a report that was made and kept."""
        ...

    def restore(self, config: Path, source: Path, progress: Progress, /) -> Mapping[str, Any]:
        """`data_dir`, and what is in place now."""
        ...

    def send_alert(self, config: Path, name: str, text: str, /) -> Mapping[str, Any]:
        """`sent`: the ways that worked; `failed`: why the others did not."""
        ...


def application(context: click.Context) -> Application:
    """The program, imported when it is needed: `relevo version` should not wait for all of it."""
    handed_in = context.find_root().obj
    if handed_in is not None:
        return cast(Application, handed_in)
    import console.app

    return console.app


def ask(config: Path, name: str, arguments: Mapping[str, Any] | None = None) -> Any:
    """Run an operation for the current command; arguments that are None are left out."""
    given = {key: value for key, value in (arguments or {}).items() if value is not None}
    return application(click.get_current_context()).run_operation(config, name, given)
