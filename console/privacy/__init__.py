"""Personal data: everything about one person as JSON, forgetting a person, and what grows old.

`persons` finds, tells and forgets; `retention` shortens what has been kept long enough; `operations`
serves the commands. Import the module you need; this package re-exports nothing.
"""
