-- What was reported to the support. Times are milliseconds since 1970 UTC.
CREATE TABLE incident (
    id             INTEGER PRIMARY KEY,
    number         INTEGER NOT NULL UNIQUE,     -- 1, 2, 3, … as people name it
    account        INTEGER NOT NULL,
    category       TEXT NOT NULL,               -- Category
    subject        TEXT NOT NULL,
    text           TEXT NOT NULL,
    contact        TEXT NOT NULL,               -- how to reach the person: mail address, telephone
    state          TEXT NOT NULL,               -- IncidentState
    reference      TEXT NOT NULL DEFAULT '',    -- a refund, a campaign, a message: what it led to
    opened_by_kind TEXT NOT NULL,               -- ActorKind
    opened_by      INTEGER NOT NULL,
    opened_by_name TEXT NOT NULL,
    created_ms     INTEGER NOT NULL,
    changed_ms     INTEGER NOT NULL,
    closed_ms      INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX incident_account ON incident (account, id);

-- What was said and done about it, in order.
CREATE TABLE incident_note (
    id          INTEGER PRIMARY KEY,
    incident    INTEGER NOT NULL REFERENCES incident (id),
    author_kind TEXT NOT NULL,
    author_name TEXT NOT NULL,
    text        TEXT NOT NULL,
    state       TEXT NOT NULL DEFAULT '',       -- the state it put the incident in, if it did
    at_ms       INTEGER NOT NULL
);
CREATE INDEX incident_note_incident ON incident_note (incident, id);
