-- Lists that ask, what they ask, and who was asked. Times are milliseconds since 1970 UTC.

CREATE TABLE optin_list (
    list    INTEGER PRIMARY KEY,
    is_open INTEGER NOT NULL,                   -- 1: it has a public form
    wording INTEGER NOT NULL                    -- number of the text in use; 0: Relevo's own
);

-- What people agreed to: no row ever changes, consents name them by number.
CREATE TABLE optin_wording (
    list     INTEGER NOT NULL,
    n        INTEGER NOT NULL,
    text     TEXT NOT NULL,
    since_ms INTEGER NOT NULL,
    PRIMARY KEY (list, n)
) WITHOUT ROWID;

CREATE TABLE optin_ask (
    list     INTEGER NOT NULL,
    contact  INTEGER NOT NULL,
    account  INTEGER NOT NULL,
    asked_ms INTEGER NOT NULL,                  -- covered by the token of the mail; 0: it was used
    asks     INTEGER NOT NULL,                  -- since since_ms
    since_ms INTEGER NOT NULL,
    PRIMARY KEY (list, contact)
) WITHOUT ROWID;
CREATE INDEX optin_ask_account ON optin_ask (account, asked_ms);
