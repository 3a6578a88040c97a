"""Builds and runs the mail half: start order, stop order, health, housekeeping, control socket.

`engine` is the order of life, `assembly` builds the parts, `observer` turns outcomes into metrics
and log lines, `gauges` measures the queue, `housekeeping` keeps the disk small, `health` answers
monitors, `control` answers commands, `notify` talks to systemd.
"""
