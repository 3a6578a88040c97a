"""Values that all of Relevo speaks in: addresses, envelopes, replies, outcomes, ids, clocks, errors.

No I/O, no settings, no state. Import the module you need; this package re-exports nothing.
"""
