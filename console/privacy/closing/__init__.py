"""The end of an account: everything of it as a file, then its erasure with a certificate.

Import the module you need; this package re-exports nothing.
"""
