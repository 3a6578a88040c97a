"""Suppression lists for people: look, search, add, import, export, remove, decide what is held.

`service` does it for an actor, `files` reads and writes CSV, `operations` serves the commands. The
lists themselves are `mta.suppression`. Import the module you need; this package re-exports nothing.
"""
