-- Guides that were mailed to people, and certificates of training. Times are milliseconds since 1970 UTC.

-- What became of a mail is kept here, too: the log of mail forgets it.
CREATE TABLE guide_sent (
    message    INTEGER PRIMARY KEY,
    "user"     INTEGER NOT NULL,
    account    INTEGER NOT NULL,
    role       TEXT NOT NULL,
    language   TEXT NOT NULL,
    sent_ms    INTEGER NOT NULL,
    state      INTEGER NOT NULL DEFAULT 0,      -- DeliveryState once it is final; 0: not yet
    changed_ms INTEGER NOT NULL DEFAULT 0,
    reply      TEXT NOT NULL DEFAULT ''         -- what the server of the person answered
);
CREATE INDEX guide_sent_user ON guide_sent ("user", sent_ms);
CREATE INDEX guide_sent_open ON guide_sent (message) WHERE state = 0;

CREATE TABLE training_certificate (
    number    INTEGER PRIMARY KEY,
    account   INTEGER NOT NULL,
    "user"    INTEGER NOT NULL,
    person    TEXT NOT NULL,
    email     TEXT NOT NULL,
    institution TEXT NOT NULL,                  -- name of the account on that day
    code      TEXT NOT NULL UNIQUE,
    issued_ms INTEGER NOT NULL,
    UNIQUE (account, "user")
);
