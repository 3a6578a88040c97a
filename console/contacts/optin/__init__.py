"""Double opt-in: people say themselves, from their own mailbox, that they want to be on a list."""
