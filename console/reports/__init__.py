"""Figures of campaigns, accounts and mailbox providers; charts and files of them.

Import the module you need; this package re-exports nothing.
"""
