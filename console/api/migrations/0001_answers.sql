-- Answers that are given again when a client repeats an Idempotency-Key. A row without an answer is
-- a request that was begun. Times are milliseconds since 1970 UTC.

CREATE TABLE api_answer (
    account    INTEGER NOT NULL,
    key        TEXT NOT NULL,
    request    TEXT NOT NULL,               -- method and path
    digest     TEXT NOT NULL,               -- of the body
    status     INTEGER NOT NULL DEFAULT 0,  -- 0: not answered yet
    body       TEXT NOT NULL DEFAULT '',    -- JSON, or deflated and in base64 after a '!'
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (account, key)
) WITHOUT ROWID;
CREATE INDEX api_answer_created ON api_answer (created_ms);
