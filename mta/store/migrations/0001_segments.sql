-- Segment files that hold contents, content/NNNNNN.seg. What the table does not know is waste.
CREATE TABLE segment (
    id            INTEGER PRIMARY KEY,          -- the number of the file
    kind          INTEGER NOT NULL,             -- expiry class: what ends together lies together
    opened_ms     INTEGER NOT NULL,
    sealed        INTEGER NOT NULL DEFAULT 0,   -- 1: nothing is added any more
    bytes         INTEGER NOT NULL DEFAULT 0,   -- end of the last content
    live          INTEGER NOT NULL DEFAULT 0,   -- references that are not final
    total         INTEGER NOT NULL DEFAULT 0,   -- references ever counted
    last_final_ms INTEGER NOT NULL DEFAULT 0,   -- when a reference last became final
    removed_ms    INTEGER NOT NULL DEFAULT 0    -- when the file was given up; 0: it exists
);

CREATE INDEX segment_present ON segment (id) WHERE removed_ms = 0;
