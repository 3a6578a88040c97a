-- Contents of erased persons that may still lie on the disk: written in the transaction that forgets
-- them, removed when the bytes are overwritten, so that a crash in between leaves nothing behind.
CREATE TABLE privacy_erasing (
    segment  INTEGER NOT NULL,
    "offset" INTEGER NOT NULL,
    length   INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    PRIMARY KEY (segment, "offset")
) WITHOUT ROWID;

-- How far the events have been shortened, for each retention.
CREATE TABLE privacy_place (
    name     TEXT PRIMARY KEY,
    position INTEGER NOT NULL
) WITHOUT ROWID;
