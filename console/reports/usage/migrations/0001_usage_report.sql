-- Reports of consumption. Times are milliseconds since 1970 UTC, days ISO dates of the account's zone.
CREATE TABLE usage_report (
    id            INTEGER PRIMARY KEY,
    account       INTEGER NOT NULL,
    series        INTEGER NOT NULL,             -- the contract, or the account where there is none
    number        INTEGER NOT NULL,             -- 1, 2, 3, … in its series, given at the commit
    first_day     TEXT NOT NULL,
    last_day      TEXT NOT NULL,
    language      TEXT NOT NULL,
    is_scheduled  INTEGER NOT NULL,             -- 1: made by the schedule
    addressees    TEXT NOT NULL,                -- JSON array of addresses
    formats       TEXT NOT NULL,                -- what is mailed: pdf, xlsx, pdf,xlsx
    state         TEXT NOT NULL,                -- waiting | working | done | failed
    attempts      INTEGER NOT NULL DEFAULT 0,
    due_ms        INTEGER NOT NULL,             -- not before
    error         TEXT NOT NULL DEFAULT '',
    asked_by      TEXT NOT NULL,
    created_ms    INTEGER NOT NULL,
    done_ms       INTEGER NOT NULL DEFAULT 0,
    digest        TEXT NOT NULL DEFAULT '',     -- SHA-256 of its data
    mailed_ms     INTEGER NOT NULL DEFAULT 0,
    mail_error    TEXT NOT NULL DEFAULT '',
    UNIQUE (series, number)
);
CREATE INDEX usage_report_account ON usage_report (account, id);
CREATE INDEX usage_report_open ON usage_report (due_ms) WHERE state IN ('waiting', 'working');
CREATE INDEX usage_report_unmailed ON usage_report (id)
WHERE state = 'done' AND mailed_ms = 0 AND mail_error = '' AND addressees <> '[]';
-- A period of the schedule is reported once.
CREATE UNIQUE INDEX usage_report_scheduled ON usage_report (account, series, first_day)
WHERE is_scheduled = 1;

-- Its files: the data as JSON, the PDF, the XLSX.
CREATE TABLE usage_report_file (
    report INTEGER NOT NULL,
    format TEXT NOT NULL,                       -- json | pdf | xlsx
    size   INTEGER NOT NULL,                    -- octets
    parts  INTEGER NOT NULL,                    -- rows of usage_report_part
    sha256 TEXT NOT NULL,
    PRIMARY KEY (report, format)
) WITHOUT ROWID;

CREATE TABLE usage_report_part (
    report INTEGER NOT NULL,
    format TEXT NOT NULL,
    number INTEGER NOT NULL,
    data   TEXT NOT NULL,                       -- base64
    PRIMARY KEY (report, format, number)
) WITHOUT ROWID;

-- Whether an account's reports are made by themselves, and for whom; no row: yes, for its owners
-- and administrators.
CREATE TABLE usage_schedule (
    account    INTEGER PRIMARY KEY,
    is_on      INTEGER NOT NULL,
    language   TEXT NOT NULL,
    addressees TEXT NOT NULL,                   -- JSON array
    formats    TEXT NOT NULL,
    since_ms   INTEGER NOT NULL                 -- periods that ended before are left out
);
