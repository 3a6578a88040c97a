-- Who is being warmed up, and how far each is at each provider. `value` is JSON of mta/delivery/warm_ups.py.
CREATE TABLE warm_up (
    kind       TEXT NOT NULL,                  -- source (egress address) or domain (of senders)
    subject    TEXT NOT NULL,
    provider   TEXT NOT NULL,
    value      TEXT NOT NULL,
    changed_ms INTEGER NOT NULL,
    PRIMARY KEY (kind, subject, provider)
) WITHOUT ROWID;
