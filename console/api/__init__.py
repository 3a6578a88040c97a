"""The JSON API under `/api/v1`; errors are RFC 9457 problem details, identifiers are strings.

Import the module you need; this package re-exports nothing.
"""
