-- Hand-overs and send-evidence reports. Times are milliseconds since 1970 UTC, days ISO dates.

CREATE TABLE filed_report (
    id         INTEGER PRIMARY KEY,
    account    INTEGER NOT NULL,
    kind       TEXT NOT NULL,               -- handover | evidence
    number     INTEGER NOT NULL,            -- 1, 2, 3, … of the account and kind, given at the commit
    first_day  TEXT NOT NULL,               -- '' for a hand-over
    last_day   TEXT NOT NULL,
    language   TEXT NOT NULL,
    state      TEXT NOT NULL,               -- waiting | working | done | failed
    attempts   INTEGER NOT NULL DEFAULT 0,
    error      TEXT NOT NULL DEFAULT '',
    asked_by   TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    done_ms    INTEGER NOT NULL DEFAULT 0,
    digest     TEXT NOT NULL DEFAULT '',    -- SHA-256 of its data, the same in all files
    lines      INTEGER NOT NULL DEFAULT 0,  -- sends in an evidence report
    UNIQUE (account, kind, number)
);
CREATE INDEX filed_report_open ON filed_report (id) WHERE state IN ('waiting', 'working');
CREATE INDEX filed_report_account ON filed_report (account, id);

-- Its files, `reports/ID.FORMAT` in the data directory.
CREATE TABLE filed_report_file (
    report INTEGER NOT NULL,
    format TEXT NOT NULL,                   -- pdf | xlsx
    size   INTEGER NOT NULL,                -- octets
    sha256 TEXT NOT NULL,
    PRIMARY KEY (report, format)
) WITHOUT ROWID;
