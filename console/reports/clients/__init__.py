"""With which programs and on what devices mail is opened, counted from the events of opens.

`naming` reads the name that a program gives itself; `counting` counts and reads. Import the module
you need; this package re-exports nothing.
"""
