-- Tables that are made in the background. Times are milliseconds since 1970 UTC. The files lie in the
-- data directory under `tables`, named by id and kind.
CREATE TABLE export_job (
    id         INTEGER PRIMARY KEY,
    account    INTEGER NOT NULL,
    title      TEXT NOT NULL,      -- what it is, for people
    name       TEXT NOT NULL,      -- of the file, without its ending
    kind       TEXT NOT NULL,      -- csv | xlsx
    state      TEXT NOT NULL,      -- working | done | failed
    rows       INTEGER NOT NULL,   -- written
    total      INTEGER NOT NULL,   -- expected; 0: not known
    size       INTEGER NOT NULL,   -- octets
    asked_by   TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    done_ms    INTEGER NOT NULL
);
CREATE INDEX export_job_account ON export_job (account, id);
