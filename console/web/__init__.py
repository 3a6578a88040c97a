"""The console's HTTP server: listener, middlewares, security headers; joins pages and API.

Import the module you need; this package re-exports nothing.
"""
