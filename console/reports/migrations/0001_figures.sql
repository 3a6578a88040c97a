-- Outcomes, counted as they happen: figures of a campaign, an account or a provider are sums of few
-- rows, however many deliveries there are. Times are UTC hours since 1970, types are event codes.
CREATE TABLE figure_hour (
    flow     INTEGER NOT NULL,
    hour     INTEGER NOT NULL,
    type     INTEGER NOT NULL,
    class    TEXT NOT NULL,      -- bounce class; '' for what has none
    provider TEXT NOT NULL,      -- mailbox provider; '' while the site is not known
    is_late  INTEGER NOT NULL,   -- 1: bounced after it was delivered
    n        INTEGER NOT NULL,
    PRIMARY KEY (flow, hour, type, class, provider, is_late)
) WITHOUT ROWID;

-- The same for accounts, by day in the time zone of [server] timezone.
CREATE TABLE figure_day (
    account  INTEGER NOT NULL,
    day      TEXT NOT NULL,      -- 2026-11-22
    type     INTEGER NOT NULL,
    class    TEXT NOT NULL,
    provider TEXT NOT NULL,
    is_late  INTEGER NOT NULL,
    n        INTEGER NOT NULL,
    PRIMARY KEY (account, day, type, class, provider, is_late)
) WITHOUT ROWID;

-- Whom it concerned, for what only some deliveries have: bounces, complaints, unsubscribes.
CREATE TABLE figure_person (
    flow     INTEGER NOT NULL,
    type     INTEGER NOT NULL,
    delivery INTEGER NOT NULL,
    class    TEXT NOT NULL,
    at_ms    INTEGER NOT NULL,
    PRIMARY KEY (flow, type, delivery)
) WITHOUT ROWID;
