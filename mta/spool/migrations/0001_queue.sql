-- The queue: what is steered together (flow), what is sent (message), to whom (delivery),
-- and what happened (event). Times are milliseconds since 1970 UTC; ids are ordered by time.

-- Where mail really goes. Site 0 is "not resolved yet" and has no row.
CREATE TABLE site (
    id       INTEGER PRIMARY KEY,
    name     TEXT NOT NULL UNIQUE,
    provider TEXT NOT NULL
);

-- A campaign, an API stream, an application: one gate steers all of its deliveries.
CREATE TABLE flow (
    id            INTEGER PRIMARY KEY,
    account       INTEGER NOT NULL,
    name          TEXT NOT NULL,
    kind          TEXT NOT NULL,               -- application | campaign | notices
    class         INTEGER NOT NULL,            -- TrafficClass
    gate          INTEGER NOT NULL DEFAULT 0,  -- Gate
    gate_reason   TEXT NOT NULL DEFAULT '',
    held_since_ms INTEGER NOT NULL DEFAULT 0,  -- 0: not held
    held_ms       INTEGER NOT NULL DEFAULT 0,  -- time on hold so far, without the present hold
    not_before_ms INTEGER NOT NULL DEFAULT 0,
    end_ms        INTEGER NOT NULL DEFAULT 0,  -- a campaign's own end; 0: none
    rate_per_hour INTEGER NOT NULL DEFAULT 0,  -- 0: no cap of its own
    created_ms    INTEGER NOT NULL,
    UNIQUE (account, class, kind, name)
);

-- How many deliveries of a flow are in each state; kept in the transaction that changes them.
CREATE TABLE flow_count (
    flow  INTEGER NOT NULL,
    state INTEGER NOT NULL,
    n     INTEGER NOT NULL,
    PRIMARY KEY (flow, state)
) WITHOUT ROWID;

CREATE TABLE message (
    id          INTEGER PRIMARY KEY,           -- its time is when it was accepted
    flow        INTEGER NOT NULL,
    account     INTEGER NOT NULL,
    credential  INTEGER NOT NULL,
    sender      TEXT NOT NULL,                 -- '' is the null reverse-path
    segment     INTEGER NOT NULL,
    "offset"    INTEGER NOT NULL,
    length      INTEGER NOT NULL,
    checksum    INTEGER NOT NULL,
    flags       INTEGER NOT NULL,              -- MessageFlag
    ret         TEXT NOT NULL,
    envelope_id TEXT NOT NULL,
    header_id   TEXT NOT NULL,                 -- Message-ID with its brackets
    subject     TEXT NOT NULL,                 -- as it stands in the header, at most 200 characters
    source      TEXT NOT NULL,                 -- address of the submitting client
    tags        TEXT NOT NULL,                 -- JSON array, '' for none
    metadata    TEXT NOT NULL                  -- JSON object, '' for none
);

-- For moving the survivors of an almost empty segment.
CREATE INDEX message_segment ON message (segment);

-- One row per recipient; everything there is to know about an attempt stands in the row.
CREATE TABLE delivery (
    id               INTEGER PRIMARY KEY,
    message          INTEGER NOT NULL,
    n                INTEGER NOT NULL,              -- number in the message, from 0
    flow             INTEGER NOT NULL,
    class            INTEGER NOT NULL,
    kind             INTEGER NOT NULL,              -- ExpiryKind
    site             INTEGER NOT NULL,
    domain           TEXT NOT NULL,
    address          TEXT NOT NULL,
    state            INTEGER NOT NULL,              -- DeliveryState
    due_ms           INTEGER NOT NULL,
    attempts         INTEGER NOT NULL DEFAULT 0,
    first_attempt_ms INTEGER NOT NULL DEFAULT 0,
    expires_ms       INTEGER NOT NULL DEFAULT 0,    -- in the flow's own time, which stands still on hold; 0: clock not started
    changed_ms       INTEGER NOT NULL DEFAULT 0,
    flags            INTEGER NOT NULL DEFAULT 0,    -- DeliveryFlag
    notify           INTEGER NOT NULL DEFAULT 0,
    original         TEXT NOT NULL DEFAULT '',
    source           TEXT NOT NULL DEFAULT '',      -- egress address of the last attempt (greylisting wants the same again)
    last_reply       TEXT NOT NULL DEFAULT '',
    last_host        TEXT NOT NULL DEFAULT '',
    merge            TEXT,                          -- JSON merge values for templates
    contact          INTEGER
);
-- The ready queue. A lane's flows come from a loose scan, a flow's window by key.
CREATE INDEX delivery_ready ON delivery (site, class, flow, id) WHERE state = 1;
CREATE INDEX delivery_due ON delivery (due_ms) WHERE state = 0;
CREATE INDEX delivery_claimed ON delivery (id) WHERE state = 2;
CREATE INDEX delivery_unresolved ON delivery (domain, id) WHERE site = 0 AND state = 1;
CREATE INDEX delivery_expiry ON delivery (flow, expires_ms) WHERE state < 10 AND expires_ms > 0;
CREATE INDEX delivery_message ON delivery (message);
CREATE INDEX delivery_flow_open ON delivery (flow, id) WHERE state < 10;
CREATE INDEX delivery_address ON delivery (address);

-- What happened, in the order of commits: `id` is given by the database at commit, so a reader
-- with a cursor never misses a row.
CREATE TABLE event (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    type     INTEGER NOT NULL,
    at_ms    INTEGER NOT NULL,
    account  INTEGER NOT NULL,
    flow     INTEGER NOT NULL,
    message  INTEGER NOT NULL,
    delivery INTEGER NOT NULL,
    data     TEXT NOT NULL
);
CREATE INDEX event_message ON event (message) WHERE message > 0;

-- A key that a client may send twice and that is carried out once.
CREATE TABLE idempotency (
    account    INTEGER NOT NULL,
    key        TEXT NOT NULL,
    message    INTEGER NOT NULL,
    digest     TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (account, key)
) WITHOUT ROWID;

-- Counters that outlive a restart: daily caps, back-offs. `value` is JSON of its owner.
CREATE TABLE lane_state (
    site       INTEGER NOT NULL,
    source     TEXT NOT NULL,
    value      TEXT NOT NULL,
    changed_ms INTEGER NOT NULL,
    PRIMARY KEY (site, source)
) WITHOUT ROWID;
