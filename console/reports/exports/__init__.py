"""Tables that are too long to be waited for: made in the background, kept for some days, downloaded.

`desk` has all of it. Import the module you need; this package re-exports nothing.
"""
