"""Accounts, people with their roles, credentials of applications, sending domains.

`service` is the door for commands (later: API and pages), `authenticator` answers the submission
listener from memory, `operations` names what `relevo` and the control socket can ask for.
"""
