"""What the public reaches without a login: the pages behind the links in mail.

It shares nothing with the console's pages: no session, no cookie, no script. Import the module you
need; this package re-exports nothing.
"""
