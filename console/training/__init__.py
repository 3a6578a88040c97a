"""Training: exercises that are checked from what happened in an account, and certificates (T-p, T-v).

Import the module you need; this package re-exports nothing.
"""
