"""The composition root: the one place that builds everything, and what the commands call.

`commands` has the entry points of the command line, `server` the running process, `services` what
operations work on (with a server or without one), `keeping` backup and restore, `sandbox` the set-up
of `make run`.
"""

from console.app.commands import (
    backup,
    check,
    export_account,
    init,
    report_evidence,
    restore,
    run_operation,
    sandbox,
    send_alert,
    serve,
    verify,
    write_usage_report,
)

__all__ = [
    "backup",
    "check",
    "export_account",
    "init",
    "report_evidence",
    "restore",
    "run_operation",
    "sandbox",
    "send_alert",
    "serve",
    "verify",
    "write_usage_report",
]
