"""Sets up logging: structlog and the standard library's loggers end in one stream of lines.

`auto` is journald where standard error is the journal (`JOURNAL_STREAM`, systemd.exec(5)), text on
a terminal, JSON otherwise.
"""

import logging
import os
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Literal, Protocol

import structlog

from mta.events.line_sink import LineSink
from mta.events.log_format import RENDERERS, Render
from mta.events.metrics import Metrics
from mta.events.record import rfc3339
from mta.model.clock import Clock, SystemClock

Format = Literal["text", "json", "journald"]

# aiosmtpd logs every command at "info" and aiohttp every request; both are noise of the machinery.
_QUIET = ("mail.log", "aiohttp.access", "asyncio")


class LogSettings(Protocol):
    """`settings.log`."""

    @property
    def level(self) -> str:
        """`debug`, `info`, `warning` or `error`."""

    @property
    def format(self) -> str:
        """`auto`, `text`, `json` or `journald`."""


class LogOutput:
    """Where the lines go; `close()` it last of all."""

    def __init__(self, sink: LineSink, render: Render, level: int) -> None:
        self.sink = sink
        self.render = render
        self.level = level  # of the standard library's `logging`

    def close(self) -> None:
        """Write out what is buffered and take the handler off the root logger."""
        root = logging.getLogger()
        for handler in [h for h in root.handlers if isinstance(h, _StdlibHandler)]:
            root.removeHandler(handler)
        self.sink.close()


def configure_logging(
    settings: LogSettings,
    *,
    metrics: Metrics | None = None,
    clock: Clock | None = None,
    environ: Mapping[str, str] = os.environ,
    fd: int | None = None,
) -> LogOutput:
    """Send structlog's and `logging`'s entries to standard error (or `fd`) in the settings' format.

    Called once, at start; calling it again replaces what was set up. Never raises for want of a
    reader: see `LineSink`.
    """
    target = sys.stderr.fileno() if fd is None else fd
    when = clock or SystemClock()
    chosen = settings.format if settings.format != "auto" else detect_format(target, environ)
    render = RENDERERS[chosen]

    def notice(count: int) -> str:
        return render(
            {
                "time": rfc3339(when.now_ms()),
                "level": "warning",
                "event": "log lines dropped",
                "count": count,
            }
        )

    sink = (
        LineSink(target, on_dropped=metrics.log_lines_dropped, dropped_notice=notice)
        if metrics is not None
        else LineSink(target, dropped_notice=notice)
    )
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    output = LogOutput(sink, render, level)
    _configure_structlog(output, when)
    _configure_stdlib(output, when)
    return output


def detect_format(fd: int, environ: Mapping[str, str]) -> Format:
    """What `auto` means for this descriptor."""
    device, _, inode = environ.get("JOURNAL_STREAM", "").partition(":")
    if device.isdigit() and inode.isdigit():
        status = os.fstat(fd)
        if (status.st_dev, status.st_ino) == (int(device), int(inode)):
            return "journald"
    return "text" if os.isatty(fd) else "json"


class _SinkLogger:
    """What structlog calls at the end of its chain, one method per level."""

    def __init__(self, sink: LineSink) -> None:
        self._write = sink.write

    def msg(self, line: str) -> None:
        self._write(line)

    debug = info = warning = warn = error = exception = critical = fatal = log = msg


class _StdlibHandler(logging.Handler):
    """Entries of libraries that use `logging`, in the same form."""

    def __init__(self, output: LogOutput, clock: Clock) -> None:
        super().__init__(output.level)
        self._output = output
        self._clock = clock

    def emit(self, record: logging.LogRecord) -> None:
        try:
            entry: dict[str, object] = {
                "time": rfc3339(self._clock.now_ms()),
                "level": record.levelname.lower(),
                "event": record.getMessage(),
                "logger": record.name,
            }
            if record.exc_info:
                entry["exception"] = logging.Formatter().formatException(record.exc_info)
            self._output.sink.write(self._output.render(entry))
        except Exception:
            self.handleError(record)


def _configure_structlog(output: LogOutput, clock: Clock) -> None:
    def stamp(
        _logger: object, level: str, entry: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        head = {
            "time": rfc3339(clock.now_ms()),
            "level": "error" if level == "exception" else level,
            "event": entry.pop("event", ""),
        }
        return {**head, **entry}

    def render(_logger: object, _level: str, entry: MutableMapping[str, Any]) -> str:
        return output.render(entry)

    logger = _SinkLogger(output.sink)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            stamp,
            structlog.processors.format_exc_info,
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(output.level),
        logger_factory=lambda *_names: logger,
        cache_logger_on_first_use=False,
    )


def _configure_stdlib(output: LogOutput, clock: Clock) -> None:
    root = logging.getLogger()
    for handler in [h for h in root.handlers if isinstance(h, _StdlibHandler)]:
        root.removeHandler(handler)
    root.addHandler(_StdlibHandler(output, clock))
    root.setLevel(output.level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(output.level, logging.WARNING))
    logging.captureWarnings(capture=True)
