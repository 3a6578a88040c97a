-- What the DNS said of a sending domain. Times are milliseconds since 1970 UTC, 0: never.
CREATE TABLE domain_status (
    domain           TEXT PRIMARY KEY,
    selector         TEXT NOT NULL,               -- of the key made for it when it was added; its
                                                  -- record proves ownership; '' if it had keys already
    checked_ms       INTEGER NOT NULL DEFAULT 0,
    verified_ms      INTEGER NOT NULL DEFAULT 0,  -- when ownership was first shown
    failing_since_ms INTEGER NOT NULL DEFAULT 0,  -- since when a record is gone that was there
    told_ms          INTEGER NOT NULL DEFAULT 0,  -- when that was told
    records          TEXT NOT NULL DEFAULT '[]'   -- JSON array of what the last look found
) WITHOUT ROWID;
