"""Other providers' ways of saying what our own API says, on the same host.

An application that speaks to such a provider changes the base URL and the key, nothing else. Each
dialect has a schema of the provider's JSON, a translation into `console.api.messages.request` (pure
functions), and its routes with the provider's answers and errors. `registry` lists them: a further
one (Mailgun, Brevo, Resend) is a module with a `Dialect` and a line there.

Every field that the provider documents stands in the schema: it is carried out, or refused, or
left unused because nobody who reads the mail would see a difference. `docs/reference/dialects.md`
says which, and a test compares it with the schemas. What a schema does not know is refused.
"""
