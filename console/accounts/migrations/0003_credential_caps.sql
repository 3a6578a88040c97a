-- How many recipients a credential may have in an hour and in a day, and how many it has had.
ALTER TABLE credential ADD COLUMN per_hour INTEGER NOT NULL DEFAULT 0;  -- 0: no cap of its own
ALTER TABLE credential ADD COLUMN per_day INTEGER NOT NULL DEFAULT 0;

CREATE TABLE credential_use (
    key    TEXT PRIMARY KEY,    -- id of the credential, and h or d
    period INTEGER NOT NULL,    -- the number of the hour or the day since 1970
    cap    INTEGER NOT NULL,
    used   INTEGER NOT NULL     -- recipients in that period
) WITHOUT ROWID;
