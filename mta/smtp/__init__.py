"""SMTP without sockets, both sides: octets in, events and octets out.

Begin with `server` and `client`. Import the module you need; this package re-exports nothing.
"""
