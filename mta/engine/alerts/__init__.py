"""Alerts: tells people when Relevo is broken, also when what is broken is the sending of mail.

Import the module you need; this package re-exports nothing.
"""
