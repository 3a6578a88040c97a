"""Finding a campaign or a contact by a few letters, from anywhere in the console.

Import the module you need; this package re-exports nothing.
"""
