-- What stop rules count, by flow and site: dead addresses, refusals by policy, complaints. Kept in
-- the transaction of the follower's cursor.
CREATE TABLE campaign_tally (
    flow INTEGER NOT NULL,
    site INTEGER NOT NULL,
    kind TEXT NOT NULL,      -- Tally
    n    INTEGER NOT NULL,
    PRIMARY KEY (flow, site, kind)
) WITHOUT ROWID;
