-- Requests that a second person decides on. Times are milliseconds since 1970 UTC.
CREATE TABLE approval (
    id              INTEGER PRIMARY KEY,
    kind            TEXT NOT NULL,               -- ApprovalKind
    account         INTEGER NOT NULL,
    object          TEXT NOT NULL,               -- what it is about, in the words of its kind
    data            TEXT NOT NULL,               -- JSON object: all that the effect needs
    state           TEXT NOT NULL,               -- pending | approved | rejected | expired
    asked_by_kind   TEXT NOT NULL,               -- ActorKind
    asked_by        INTEGER NOT NULL,
    asked_by_name   TEXT NOT NULL,
    created_ms      INTEGER NOT NULL,
    expires_ms      INTEGER NOT NULL,
    decided_by_kind TEXT NOT NULL DEFAULT '',
    decided_by      INTEGER NOT NULL DEFAULT 0,
    decided_by_name TEXT NOT NULL DEFAULT '',
    decided_ms      INTEGER NOT NULL DEFAULT 0,
    reason          TEXT NOT NULL DEFAULT ''
);
CREATE INDEX approval_account ON approval (account, id);
-- One request at a time for one thing.
CREATE UNIQUE INDEX approval_pending ON approval (kind, account, object) WHERE state = 'pending';
