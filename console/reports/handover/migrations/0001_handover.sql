-- What people enter for the hand-over of an account. Times are milliseconds since 1970 UTC.

CREATE TABLE handover_fact (
    account INTEGER NOT NULL,
    name    TEXT NOT NULL,           -- Fact
    value   TEXT NOT NULL,
    PRIMARY KEY (account, name)
) WITHOUT ROWID;

-- Trainings that were held.
CREATE TABLE handover_training (
    id       INTEGER PRIMARY KEY,
    account  INTEGER NOT NULL,
    held_on  TEXT NOT NULL,          -- day, 2026-11-22
    place    TEXT NOT NULL,          -- a place, or the link of a video call
    teacher  TEXT NOT NULL,
    topics   TEXT NOT NULL,          -- JSON array of Topic
    minutes  INTEGER NOT NULL,
    people   TEXT NOT NULL,          -- JSON array: name, email, position, minutes
    added_by TEXT NOT NULL,
    added_ms INTEGER NOT NULL
);
CREATE INDEX handover_training_account ON handover_training (account, id);

-- Certificates, numbered without gaps within an account; never changed.
CREATE TABLE handover_certificate (
    account   INTEGER NOT NULL,
    number    INTEGER NOT NULL,
    name      TEXT NOT NULL,
    email     TEXT NOT NULL,
    minutes   INTEGER NOT NULL,
    last_day  TEXT NOT NULL,         -- of the trainings
    issued_by TEXT NOT NULL,
    issued_ms INTEGER NOT NULL,
    PRIMARY KEY (account, number),
    UNIQUE (account, email)
) WITHOUT ROWID;

-- Manuals that were handed over, by whatever way.
CREATE TABLE handover_manual (
    id           INTEGER PRIMARY KEY,
    account      INTEGER NOT NULL,
    kind         TEXT NOT NULL,      -- ManualKind
    language     TEXT NOT NULL,
    version      TEXT NOT NULL,
    sha256       TEXT NOT NULL,      -- of the file; '' when it is not known
    recipient    TEXT NOT NULL,
    delivered_on TEXT NOT NULL,      -- day
    added_by     TEXT NOT NULL,
    added_ms     INTEGER NOT NULL
);
CREATE INDEX handover_manual_account ON handover_manual (account, id);
