"""The submission ports: sockets, TLS, logins, limits and deadlines around `mta.smtp`'s server.

Begin with `listener` and `connection`. Import the module you need; this package re-exports nothing.
"""
