-- Automatic messages: what they are, and where each person stands in them.

CREATE TABLE automation (
    id          INTEGER PRIMARY KEY,
    account     INTEGER NOT NULL,
    name        TEXT NOT NULL,
    state       TEXT NOT NULL,               -- AutomationState
    mode        TEXT NOT NULL,               -- RunMode
    version     INTEGER NOT NULL,            -- of the newest definition
    sender      TEXT NOT NULL,
    sender_name TEXT NOT NULL,
    created_ms  INTEGER NOT NULL,
    changed_ms  INTEGER NOT NULL,
    next_ms     INTEGER NOT NULL DEFAULT 0,  -- when dates or the calendar are looked at again; 0: never
    place       INTEGER NOT NULL DEFAULT 0,  -- the last contact of a look that is under way
    UNIQUE (account, name)
);

-- Whoever is on the way goes on by the definition with which it began.
CREATE TABLE automation_version (
    automation INTEGER NOT NULL,
    version    INTEGER NOT NULL,
    definition TEXT NOT NULL,
    made_by    TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (automation, version)
) WITHOUT ROWID;

CREATE TABLE enrolment (
    id         INTEGER PRIMARY KEY,
    automation INTEGER NOT NULL,
    version    INTEGER NOT NULL,
    contact    INTEGER NOT NULL,
    occasion   TEXT NOT NULL,            -- '' in automations that somebody goes through once
    step       TEXT NOT NULL,            -- the one that comes next
    state      INTEGER NOT NULL,         -- EnrolmentState
    due_ms     INTEGER NOT NULL,
    tries      INTEGER NOT NULL DEFAULT 0,
    facts      TEXT NOT NULL,            -- JSON: what came with the event, deliveries by step
    reason     TEXT NOT NULL DEFAULT '',
    entered_ms INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL,
    UNIQUE (automation, contact, occasion)
);
CREATE INDEX enrolment_due ON enrolment (automation, due_ms, id) WHERE state = 0;
CREATE INDEX enrolment_contact ON enrolment (contact) WHERE state = 0;

-- How many did what at each step; kept in the transaction that moves them.
CREATE TABLE automation_count (
    automation INTEGER NOT NULL,
    step       TEXT NOT NULL,
    what       TEXT NOT NULL,            -- entered | done | skipped | failed
    n          INTEGER NOT NULL,
    PRIMARY KEY (automation, step, what)
) WITHOUT ROWID;

-- How far what happened elsewhere was looked at.
CREATE TABLE automation_cursor (
    name  TEXT PRIMARY KEY,
    place INTEGER NOT NULL
) WITHOUT ROWID;
