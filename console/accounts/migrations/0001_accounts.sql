-- Who may do what: accounts in a tree, people and their roles, credentials of applications and the
-- domains an account may send from. Times are milliseconds since 1970 UTC, 0 means never; secrets
-- stand here only as hashes, in hexadecimal.

CREATE TABLE account (
    id         INTEGER PRIMARY KEY,
    parent     INTEGER REFERENCES account (id),  -- NULL: a main account
    name       TEXT NOT NULL,
    kind       TEXT NOT NULL,                    -- normal | training
    state      TEXT NOT NULL,                    -- active | disabled
    created_ms INTEGER NOT NULL
);
CREATE UNIQUE INDEX account_name ON account (coalesce(parent, 0), name);

-- A person. PostgreSQL reserves the word "user".
CREATE TABLE console_user (
    id              INTEGER PRIMARY KEY,
    email           TEXT NOT NULL UNIQUE,        -- all lower case
    password        TEXT NOT NULL,               -- argon2id, in the PHC string format
    state           TEXT NOT NULL,               -- active | disabled
    failures        INTEGER NOT NULL DEFAULT 0,  -- failed sign-ins since the last good one
    locked_until_ms INTEGER NOT NULL DEFAULT 0,
    created_ms      INTEGER NOT NULL
);

CREATE TABLE membership (
    "user"     INTEGER NOT NULL REFERENCES console_user (id),
    account    INTEGER NOT NULL REFERENCES account (id),
    role       TEXT NOT NULL,                    -- Role
    created_ms INTEGER NOT NULL,
    PRIMARY KEY ("user", account)
);
CREATE INDEX membership_account ON membership (account);

-- One secret that is both the SMTP password and the API key of an application.
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
CREATE INDEX credential_account ON credential (account);

-- A domain belongs to one account; its sub-accounts send from it too where it is shared.
CREATE TABLE sending_domain (
    domain     TEXT PRIMARY KEY,                 -- lower-case A-labels
    account    INTEGER NOT NULL REFERENCES account (id),
    shared     INTEGER NOT NULL,                 -- 0 | 1
    state      TEXT NOT NULL,                    -- active
    created_ms INTEGER NOT NULL
);
CREATE INDEX sending_domain_account ON sending_domain (account);
