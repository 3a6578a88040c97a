"""What comes back after a mail was taken: late bounces, complaints and unsubscribes.

`addresses` knows which addresses are ours, `server` and `session` take mail for them (and nothing
else), `mime`, `notices`, `complaints` and `autoreplies` understand it, `desk` believes what its
token proves, and `effects` writes it: one transaction for each thing that is believed. Import the
module you need; this package re-exports nothing.
"""
