"""Webhooks: events of an account, POSTed to its endpoints in order, signed and never lost."""
