"""Tells on standard error how far long work is: one line that changes, or now and then a new one."""

import sys
import time

import click

TERMINAL_S = 0.2  # between two changes of the line
FILE_S = 10.0  # between two lines where nobody watches


class ProgressLine:
    """Call it as often as you like; `close()` ends the line."""

    def __init__(self) -> None:
        self._is_terminal = sys.stderr.isatty()
        self._next_s = 0.0 if self._is_terminal else time.monotonic() + FILE_S
        self._what = ""
        self._width = 0

    def __call__(self, what: str, done: int, total: int) -> None:
        """`done` of `total` of the work called `what` is over."""
        now_s = time.monotonic()
        if now_s < self._next_s and not (self._is_terminal and what != self._what):
            return
        self._what = what
        self._next_s = now_s + (TERMINAL_S if self._is_terminal else FILE_S)
        share = f"{100 * done // total:3d} %" if total else ""
        text = f"{what} {share}".rstrip()
        if self._is_terminal:
            click.echo(f"\r{text:<{self._width}}", nl=False, err=True)
            self._width = max(self._width, len(text))
        else:
            click.echo(text, err=True)

    def close(self) -> None:
        """Take the line away, so that the answer begins at its start."""
        if self._is_terminal and self._width:
            click.echo(f"\r{'':<{self._width}}\r", nl=False, err=True)
