"""The message log for people: searching deliveries, one delivery's timeline, cancel, send again.

`service` does it for an actor, `search` says what can be asked, `dialogue` shows an attempt as a
conversation, `resending` makes a new message of a stored one. Import the module you need.
"""
