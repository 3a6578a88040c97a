"""When the service ran: a record of its starts, signs of life and orderly ends.

Import the module you need; this package re-exports nothing.
"""
