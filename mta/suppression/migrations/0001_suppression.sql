-- Who gets no mail from which account. An address may have one entry for each reason: taking one
-- back leaves the others. `digest` is keyed with the installation's secret (mta/suppression/digest.py).
CREATE TABLE suppression (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    account    INTEGER NOT NULL,               -- 0: everywhere
    digest     INTEGER NOT NULL,
    reason     TEXT NOT NULL,                  -- Reason
    scope      TEXT NOT NULL,                  -- Scope
    address    TEXT NOT NULL,                  -- as it was given; '' once its person was erased
    folded     TEXT NOT NULL,                  -- Address.key, for searches; likewise
    note       TEXT NOT NULL,
    message    INTEGER NOT NULL,               -- what led to it; 0: none
    delivery   INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,               -- 0: never
    UNIQUE (account, digest, reason)
);
CREATE INDEX suppression_account ON suppression (account, id);
CREATE INDEX suppression_folded ON suppression (folded);
CREATE INDEX suppression_expiry ON suppression (expires_ms) WHERE expires_ms > 0;

-- Mailboxes that were full when mail was given up: suppressed only when that goes on for weeks.
CREATE TABLE suppression_full (
    account  INTEGER NOT NULL,
    digest   INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    first_ms INTEGER NOT NULL,
    last_ms  INTEGER NOT NULL,
    PRIMARY KEY (account, digest)
) WITHOUT ROWID;

-- Permanent failures at a site that refused so many that it is probably mistaken: somebody decides.
CREATE TABLE suppression_held (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    account  INTEGER NOT NULL,
    digest   INTEGER NOT NULL,
    address  TEXT NOT NULL,
    site     INTEGER NOT NULL,
    message  INTEGER NOT NULL,
    delivery INTEGER NOT NULL,
    reply    TEXT NOT NULL,
    at_ms    INTEGER NOT NULL,
    UNIQUE (account, digest)
);
