-- Exports of whole accounts that somebody asked for, made in the background.
CREATE TABLE account_export (
    id         INTEGER PRIMARY KEY,
    account    INTEGER NOT NULL,
    state      TEXT NOT NULL,               -- ExportState
    asked_by   TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    ended_ms   INTEGER NOT NULL DEFAULT 0,
    n_rows     INTEGER NOT NULL DEFAULT 0,
    bytes      INTEGER NOT NULL DEFAULT 0,
    sha256     TEXT NOT NULL DEFAULT '',
    problem    TEXT NOT NULL DEFAULT ''
);
CREATE INDEX account_export_account ON account_export (account, id);
CREATE INDEX account_export_open ON account_export (id) WHERE state IN ('waiting', 'running');

-- Accounts that are to be erased, and those that were: the certificate.
CREATE TABLE account_erasure (
    id           INTEGER PRIMARY KEY,
    number       INTEGER NOT NULL UNIQUE,   -- 1, 2, 3, … of the certificate
    account      INTEGER NOT NULL,
    name         TEXT NOT NULL,             -- of the account when it was asked for
    state        TEXT NOT NULL,             -- ErasureState
    why          TEXT NOT NULL,
    asked_by     TEXT NOT NULL,
    asked_ms     INTEGER NOT NULL,
    confirmed_by TEXT NOT NULL DEFAULT '',
    confirmed_ms INTEGER NOT NULL DEFAULT 0,
    due_ms       INTEGER NOT NULL DEFAULT 0,  -- until then it can be taken back
    ended_by     TEXT NOT NULL DEFAULT '',    -- who took it back
    ended_ms     INTEGER NOT NULL DEFAULT 0,
    counts       TEXT NOT NULL DEFAULT '{}',  -- JSON: what was erased, by kind
    accounts     TEXT NOT NULL DEFAULT '[]',  -- JSON: the account and those below it
    export       TEXT NOT NULL DEFAULT '',    -- SHA-256 of the last export before it
    sha256       TEXT NOT NULL DEFAULT ''     -- of the certificate's facts
);
CREATE UNIQUE INDEX account_erasure_open ON account_erasure (account)
WHERE state IN ('asked', 'waiting', 'erasing');
