"""The receiving simulator: a mail server that answers as the address asks and keeps what it got.

It stands in for the Internet in sandbox mode and in tests; it never sends mail by itself. Import the
module you need; this package re-exports nothing.
"""
