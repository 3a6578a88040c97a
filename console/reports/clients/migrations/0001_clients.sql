-- Opens by what they were made with, as it was told when they came.
CREATE TABLE client_open (
    flow    INTEGER NOT NULL,
    client  TEXT NOT NULL,      -- Client
    device  TEXT NOT NULL,      -- Device
    is_auto INTEGER NOT NULL,   -- 1: by a machine
    n       INTEGER NOT NULL,
    PRIMARY KEY (flow, client, device, is_auto)
) WITHOUT ROWID;
