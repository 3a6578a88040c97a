-- Segments: a filter under a name. Times are milliseconds since 1970 UTC.

CREATE TABLE contact_segment (
    id         INTEGER PRIMARY KEY,
    account    INTEGER NOT NULL,
    name       TEXT NOT NULL,
    filter     TEXT NOT NULL,                   -- JSON: see console/contacts/segments/filters.py
    counted    INTEGER NOT NULL DEFAULT 0,      -- contacts at the last count
    counted_ms INTEGER NOT NULL DEFAULT 0,      -- 0: never
    created_ms INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL,
    UNIQUE (account, name)
);
