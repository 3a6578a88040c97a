-- Each time the service ran. Times are milliseconds since 1970 UTC.
CREATE TABLE service_run (
    began_ms INTEGER PRIMARY KEY,           -- from when it took mail
    beat_ms  INTEGER NOT NULL,              -- the last sign of life
    ended_ms INTEGER NOT NULL DEFAULT 0     -- stopped in order; 0: it runs, or it ended without order
);
