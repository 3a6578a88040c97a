-- The database of release 0.1.0, empty: what `sqlite3 relevo.db .dump` gave. Never changed; a test
-- fills it and lets the present release open it.
BEGIN TRANSACTION;
CREATE TABLE account (
    id         INTEGER PRIMARY KEY,
    parent     INTEGER REFERENCES account (id),  -- NULL: a main account
    name       TEXT NOT NULL,
    kind       TEXT NOT NULL,                    -- normal | training
    state      TEXT NOT NULL,                    -- active | disabled
    created_ms INTEGER NOT NULL
);
CREATE TABLE console_user (
    id              INTEGER PRIMARY KEY,
    email           TEXT NOT NULL UNIQUE,        -- all lower case
    password        TEXT NOT NULL,               -- argon2id, in the PHC string format
    state           TEXT NOT NULL,               -- active | disabled
    failures        INTEGER NOT NULL DEFAULT 0,  -- failed sign-ins since the last good one
    locked_until_ms INTEGER NOT NULL DEFAULT 0,
    created_ms      INTEGER NOT NULL
);
CREATE TABLE credential (
    id               INTEGER PRIMARY KEY,
    account          INTEGER NOT NULL REFERENCES account (id),
    name             TEXT NOT NULL,
    key_id           TEXT NOT NULL UNIQUE,       -- the public part of the secret
    username         TEXT NOT NULL UNIQUE,       -- for SMTP
    secret_sha256    TEXT NOT NULL,
    scram_salt       TEXT NOT NULL,              -- RFC 5802, with SHA-256
    scram_iterations INTEGER NOT NULL,
    scram_stored_key TEXT NOT NULL,
    scram_server_key TEXT NOT NULL,
    scopes           TEXT NOT NULL,              -- JSON array of Scope
    sender_domains   TEXT NOT NULL,              -- JSON array; empty: all of the account's
    networks         TEXT NOT NULL,              -- JSON array of CIDR; empty: from anywhere
    default_class    INTEGER NOT NULL,           -- TrafficClass
    rate_per_minute  INTEGER NOT NULL,           -- recipients; 0: no limit of its own
    state            TEXT NOT NULL,              -- active | revoked
    created_ms       INTEGER NOT NULL,
    expires_ms       INTEGER NOT NULL DEFAULT 0,
    last_used_ms     INTEGER NOT NULL DEFAULT 0,
    replaced_by      INTEGER REFERENCES credential (id)
);
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
CREATE TABLE flow_count (
    flow  INTEGER NOT NULL,
    state INTEGER NOT NULL,
    n     INTEGER NOT NULL,
    PRIMARY KEY (flow, state)
) WITHOUT ROWID;
CREATE TABLE idempotency (
    account    INTEGER NOT NULL,
    key        TEXT NOT NULL,
    message    INTEGER NOT NULL,
    digest     TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (account, key)
) WITHOUT ROWID;
CREATE TABLE lane_state (
    site       INTEGER NOT NULL,
    source     TEXT NOT NULL,
    value      TEXT NOT NULL,
    changed_ms INTEGER NOT NULL,
    PRIMARY KEY (site, source)
) WITHOUT ROWID;
CREATE TABLE membership (
    "user"     INTEGER NOT NULL REFERENCES console_user (id),
    account    INTEGER NOT NULL REFERENCES account (id),
    role       TEXT NOT NULL,                    -- Role
    created_ms INTEGER NOT NULL,
    PRIMARY KEY ("user", account)
);
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
CREATE TABLE sending_domain (
    domain     TEXT PRIMARY KEY,                 -- lower-case A-labels
    account    INTEGER NOT NULL REFERENCES account (id),
    shared     INTEGER NOT NULL,                 -- 0 | 1
    state      TEXT NOT NULL,                    -- active
    created_ms INTEGER NOT NULL
);
CREATE TABLE site (
    id       INTEGER PRIMARY KEY,
    name     TEXT NOT NULL UNIQUE,
    provider TEXT NOT NULL
);
CREATE TABLE store_migration (
    package    TEXT NOT NULL,
    number     INTEGER NOT NULL,
    name       TEXT NOT NULL,
    applied_ms INTEGER NOT NULL,
    PRIMARY KEY (package, number)
) WITHOUT ROWID
;
INSERT INTO "store_migration" VALUES('console.accounts',1,'0001_accounts',1795300000000);
INSERT INTO "store_migration" VALUES('mta.spool',1,'0001_queue',1795300000000);
INSERT INTO "store_migration" VALUES('mta.store',1,'0001_segments',1795300000000);
CREATE INDEX segment_present ON segment (id) WHERE removed_ms = 0;
CREATE INDEX message_segment ON message (segment);
CREATE INDEX delivery_ready ON delivery (site, class, flow, id) WHERE state = 1;
CREATE INDEX delivery_due ON delivery (due_ms) WHERE state = 0;
CREATE INDEX delivery_claimed ON delivery (id) WHERE state = 2;
CREATE INDEX delivery_unresolved ON delivery (domain, id) WHERE site = 0 AND state = 1;
CREATE INDEX delivery_expiry ON delivery (flow, expires_ms) WHERE state < 10 AND expires_ms > 0;
CREATE INDEX delivery_message ON delivery (message);
CREATE INDEX delivery_flow_open ON delivery (flow, id) WHERE state < 10;
CREATE INDEX delivery_address ON delivery (address);
CREATE INDEX event_message ON event (message) WHERE message > 0;
CREATE UNIQUE INDEX account_name ON account (coalesce(parent, 0), name);
CREATE INDEX membership_account ON membership (account);
CREATE INDEX credential_account ON credential (account);
CREATE INDEX sending_domain_account ON sending_domain (account);
DELETE FROM "sqlite_sequence";
COMMIT;
