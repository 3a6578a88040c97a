-- Sessions, second factors, one-time links and profiles of people. Times are milliseconds since
-- 1970 UTC. Identifiers of sessions and links stand here only as SHA-256, in hexadecimal.

CREATE TABLE console_session (
    digest     TEXT PRIMARY KEY,
    "user"     INTEGER NOT NULL REFERENCES console_user (id),
    account    INTEGER NOT NULL DEFAULT 0,       -- that the person works in; 0: not chosen
    started_ms INTEGER NOT NULL,
    used_ms    INTEGER NOT NULL,                 -- up to a minute late
    address    TEXT NOT NULL,
    agent      TEXT NOT NULL,
    has_factor INTEGER NOT NULL                  -- 0 | 1: a second factor was shown
);
CREATE INDEX console_session_user ON console_session ("user");

CREATE TABLE second_factor (
    "user"     INTEGER PRIMARY KEY REFERENCES console_user (id),
    secret     TEXT NOT NULL,                    -- AES-256-GCM, base64
    state      TEXT NOT NULL,                    -- pending | active
    last_step  INTEGER NOT NULL,                 -- the last 30 s step whose code was taken
    created_ms INTEGER NOT NULL
);

-- A used code is removed.
CREATE TABLE recovery_code (
    "user" INTEGER NOT NULL REFERENCES console_user (id),
    digest TEXT NOT NULL,
    PRIMARY KEY ("user", digest)
);

-- A used link is removed; a person has at most one of each kind.
CREATE TABLE one_time_link (
    "user"     INTEGER NOT NULL REFERENCES console_user (id),
    kind       TEXT NOT NULL,                    -- invitation | reset
    digest     TEXT NOT NULL UNIQUE,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    message    INTEGER NOT NULL DEFAULT 0,       -- the mail that carries it; 0: not sent
    PRIMARY KEY ("user", kind)
);

CREATE TABLE user_profile (
    "user"   INTEGER PRIMARY KEY REFERENCES console_user (id),
    name     TEXT NOT NULL,
    language TEXT NOT NULL,                      -- es | en | '': as the browser says
    timezone TEXT NOT NULL                       -- IANA name; '': the server's
);

-- Accounts whose people need a second factor.
CREATE TABLE account_factor_rule (
    account    INTEGER PRIMARY KEY REFERENCES account (id),
    changed_ms INTEGER NOT NULL
);
