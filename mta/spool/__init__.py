"""The queue on disk: flows, messages, deliveries and events, and the jobs that change them.

`rows` holds the values as the dispatcher keeps them in memory, `flows` what is steered together,
`jobs` builds the store's write jobs, `spool` reads. SQL stands in `sql/`, the schema in
`migrations/`.
"""
