"""The one door in: SMTP, the API and campaigns hand their mail to `intake.Intake`.

`content` repairs and reads the header, `steering` understands the X-Relevo-* fields, `trace` writes
what a relay adds, `return_path` makes the token of each recipient's envelope sender, `ports` says
what the door asks of the layers above it, and `intake` puts it all into one transaction.
"""
