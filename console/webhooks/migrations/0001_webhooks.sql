-- Endpoints that get an account's events. How far each has got stands in `event_cursor` under the
-- name `webhook:<id>`, so events wait for it. Secrets are not stored: they are derived from the
-- installation's key, the id and the generation. Times are milliseconds since 1970 UTC, 0: never.

CREATE TABLE webhook (
    id                INTEGER PRIMARY KEY,
    account           INTEGER NOT NULL REFERENCES account (id),
    url               TEXT NOT NULL,
    description       TEXT NOT NULL,
    types             TEXT NOT NULL,               -- JSON array of event types; empty: all
    state             TEXT NOT NULL,               -- active | paused | disabled
    reason            TEXT NOT NULL DEFAULT '',    -- why Relevo disabled it
    generation        INTEGER NOT NULL DEFAULT 1,  -- of the secret
    previous_until_ms INTEGER NOT NULL DEFAULT 0,  -- until then the secret before signs too
    failing_since_ms  INTEGER NOT NULL DEFAULT 0,
    attempts          INTEGER NOT NULL DEFAULT 0,  -- failed ones of the batch under way
    next_ms           INTEGER NOT NULL DEFAULT 0,  -- when that batch is tried again
    upto              INTEGER NOT NULL DEFAULT 0,  -- its last event, so that it stays the same batch
    created_ms        INTEGER NOT NULL
);
CREATE INDEX webhook_account ON webhook (account);

-- What was POSTed and what came back: every attempt.
CREATE TABLE webhook_delivery (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    webhook  INTEGER NOT NULL,
    kind     TEXT NOT NULL,      -- events | test | replay
    first    INTEGER NOT NULL,   -- event ids; 0 for a test
    last     INTEGER NOT NULL,
    events   INTEGER NOT NULL,
    attempt  INTEGER NOT NULL,   -- from 1
    at_ms    INTEGER NOT NULL,
    took_ms  INTEGER NOT NULL,
    status   INTEGER NOT NULL,   -- HTTP; 0: there was no answer
    answer   TEXT NOT NULL       -- the beginning of the answer, or why there was none
);
CREATE INDEX webhook_delivery_webhook ON webhook_delivery (webhook, id);
