"""What people and applications see: commands, pages, the JSON API, campaigns, accounts.

It stands on `mta`, which knows nothing of it. `docs/explanation/architecture.md` has the layers.
"""
