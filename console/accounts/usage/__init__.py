"""Use of the doors: what each credential asked of SMTP, the API and its dialects, day by day.

`counters` counts in memory, `recorder` writes what was counted every few seconds, `service` reads
it for reports. Import the module you need; this package re-exports nothing.
"""
