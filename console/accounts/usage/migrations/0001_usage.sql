-- What each credential did at each door, one row a day. `requests` are messages or refused commands
-- over SMTP, calls over HTTP; `recipients` are those accepted and refused. The columns b… are a
-- histogram of the time to the answer: b0 counts answers under 1 ms, bN those under 2^N ms, b15 all
-- that took longer.
CREATE TABLE door_usage (
    day        TEXT NOT NULL,     -- 2026-11-22, in the time zone of [server] timezone
    account    INTEGER NOT NULL,
    credential INTEGER NOT NULL,  -- 0: mail from trusted networks
    door       TEXT NOT NULL,     -- smtp | api | sendgrid | postmark
    requests   INTEGER NOT NULL,
    accepted   INTEGER NOT NULL,
    rejected   INTEGER NOT NULL,  -- by the caller's fault or a rule; repeating does not help
    errors     INTEGER NOT NULL,  -- by ours
    recipients INTEGER NOT NULL,
    refused    INTEGER NOT NULL,
    b0 INTEGER NOT NULL, b1 INTEGER NOT NULL, b2 INTEGER NOT NULL, b3 INTEGER NOT NULL,
    b4 INTEGER NOT NULL, b5 INTEGER NOT NULL, b6 INTEGER NOT NULL, b7 INTEGER NOT NULL,
    b8 INTEGER NOT NULL, b9 INTEGER NOT NULL, b10 INTEGER NOT NULL, b11 INTEGER NOT NULL,
    b12 INTEGER NOT NULL, b13 INTEGER NOT NULL, b14 INTEGER NOT NULL, b15 INTEGER NOT NULL,
    PRIMARY KEY (day, account, credential, door)
) WITHOUT ROWID;
