"""The admin pages: rendered on the server, in Spanish and English, usable without scripts.

Import the module you need; this package re-exports nothing. Every text that people read stands in
`texts/`, every page in `templates/`, what browsers load in `static/`.
"""
