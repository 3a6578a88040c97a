"""The composition root: the one place that builds everything, and what the commands call.

`commands` has the entry points of the command line, `server` the running process, `services` what
operations work on (with a server or without one), `sandbox` the set-up of `make run`.
"""

from console.app.commands import check, init, run_operation, sandbox, serve

__all__ = ["check", "init", "run_operation", "sandbox", "serve"]
