-- Outcomes of flows by UTC day (days since 1970): figures of a period are sums of its whole days and
-- of the hours at its ends, in any time zone.
CREATE TABLE figure_flow_day (
    flow     INTEGER NOT NULL,
    day      INTEGER NOT NULL,
    type     INTEGER NOT NULL,
    class    TEXT NOT NULL,
    provider TEXT NOT NULL,
    is_late  INTEGER NOT NULL,
    n        INTEGER NOT NULL,
    PRIMARY KEY (flow, day, type, class, provider, is_late)
) WITHOUT ROWID;
INSERT INTO figure_flow_day
SELECT flow, hour / 24, type, class, provider, is_late, sum(n) FROM figure_hour
GROUP BY 1, 2, 3, 4, 5, 6;
