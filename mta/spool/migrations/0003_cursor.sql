-- How far each follower has read the events. It moves in the transaction of what it led to.
CREATE TABLE event_cursor (
    name     TEXT PRIMARY KEY,
    position INTEGER NOT NULL,   -- the last event that is done
    moved_ms INTEGER NOT NULL
) WITHOUT ROWID;
