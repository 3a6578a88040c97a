"""Benchmarks: how fast Relevo relays, side by side with others on the same machine.

`python -m bench` (`make bench`) is the whole relay as a process, under load; `bench.store`,
`bench.client` and `bench.dkim_signing` measure single parts. The product never imports any of it.
"""
