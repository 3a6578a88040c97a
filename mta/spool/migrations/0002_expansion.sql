-- Template messages that do not have all their deliveries yet. The row goes with the last of them.
CREATE TABLE expansion (
    message INTEGER PRIMARY KEY,   -- the template; while the row exists its content is needed
    flow    INTEGER NOT NULL,
    class   INTEGER NOT NULL,
    kind    INTEGER NOT NULL,      -- ExpiryKind
    place   TEXT NOT NULL,         -- where its source of recipients goes on; '' is the beginning
    n       INTEGER NOT NULL       -- deliveries made so far
);
