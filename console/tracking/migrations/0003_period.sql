-- Figures of a period are sums of whole UTC days and of the hours at its ends, in any time zone.

-- The hours are told apart by mailbox provider too; what was counted before has none.
ALTER TABLE engagement_hour RENAME TO engagement_hour_before;
CREATE TABLE engagement_hour (
    flow       INTEGER NOT NULL,
    hour       INTEGER NOT NULL,   -- hours since 1970 UTC
    kind       INTEGER NOT NULL,   -- HitKind
    class      INTEGER NOT NULL,   -- HitClass
    provider   TEXT NOT NULL,      -- mailbox provider; '' for hits of nobody in particular
    n          INTEGER NOT NULL,
    firsts     INTEGER NOT NULL,
    firsts_any INTEGER NOT NULL,
    again      INTEGER NOT NULL,
    PRIMARY KEY (flow, hour, kind, class, provider)
) WITHOUT ROWID;
INSERT INTO engagement_hour
SELECT flow, hour, kind, class, '', n, firsts, firsts_any, again FROM engagement_hour_before;
DROP TABLE engagement_hour_before;

-- The same by UTC day.
CREATE TABLE engagement_day (
    flow       INTEGER NOT NULL,
    day        INTEGER NOT NULL,   -- days since 1970 UTC
    kind       INTEGER NOT NULL,
    class      INTEGER NOT NULL,
    provider   TEXT NOT NULL,
    n          INTEGER NOT NULL,
    firsts     INTEGER NOT NULL,
    firsts_any INTEGER NOT NULL,
    again      INTEGER NOT NULL,
    PRIMARY KEY (flow, day, kind, class, provider)
) WITHOUT ROWID;
INSERT INTO engagement_day
SELECT flow, hour / 24, kind, class, provider, sum(n), sum(firsts), sum(firsts_any), sum(again)
FROM engagement_hour GROUP BY 1, 2, 3, 4, 5;

-- Clicks by link and hour, of campaigns: mail of applications has its links once each.
CREATE TABLE engagement_link_hour (
    message  INTEGER NOT NULL,
    link     INTEGER NOT NULL,
    hour     INTEGER NOT NULL,     -- hours since 1970 UTC
    is_auto  INTEGER NOT NULL,     -- 0: counted clicks, 1: automatic ones
    n        INTEGER NOT NULL,
    firsts   INTEGER NOT NULL,     -- deliveries
    PRIMARY KEY (message, link, hour, is_auto)
) WITHOUT ROWID;
