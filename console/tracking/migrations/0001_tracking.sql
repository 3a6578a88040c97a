-- What recipients do with mail. Times are milliseconds since 1970 UTC.

-- Where the tracked links of a message lead; written with the message, before anybody can follow them.
CREATE TABLE campaign_link (
    message INTEGER NOT NULL,
    n       INTEGER NOT NULL,     -- number in the message, from 0
    flow    INTEGER NOT NULL,
    url     TEXT NOT NULL,        -- may hold merge fields, filled in for who follows it
    PRIMARY KEY (message, n)
) WITHOUT ROWID;
CREATE INDEX campaign_link_flow ON campaign_link (flow);

-- Each open and click that says something new, for ever with its class: the figures are made of these.
CREATE TABLE hit (
    delivery INTEGER NOT NULL,
    id       INTEGER NOT NULL,    -- number within the delivery, from 1
    kind     INTEGER NOT NULL,    -- HitKind
    link     INTEGER NOT NULL,    -- -1: none
    at_ms    INTEGER NOT NULL,
    class    INTEGER NOT NULL,    -- HitClass
    due_ms   INTEGER NOT NULL,    -- when its class is settled; 0: it is
    PRIMARY KEY (delivery, id)
) WITHOUT ROWID;
CREATE INDEX hit_due ON hit (due_ms) WHERE due_ms > 0;

-- What the hits of a delivery come to.
CREATE TABLE engagement (
    delivery       INTEGER PRIMARY KEY,
    message        INTEGER NOT NULL,
    flow           INTEGER NOT NULL,
    opened_ms      INTEGER NOT NULL,   -- first counted open, inferred ones included; 0: none
    is_inferred    INTEGER NOT NULL,   -- 1: from a click only
    last_opened_ms INTEGER NOT NULL,
    reopened_ms    INTEGER NOT NULL,   -- first counted open at least 10 min after the first
    opens          INTEGER NOT NULL,   -- counted, not repeated within 60 s
    auto_opened_ms INTEGER NOT NULL,   -- first automatic open
    auto_opens     INTEGER NOT NULL,
    clicked_ms     INTEGER NOT NULL,
    last_clicked_ms INTEGER NOT NULL,
    clicks         INTEGER NOT NULL,
    first_link     INTEGER NOT NULL,   -- of the first counted click; -1: none
    auto_clicked_ms INTEGER NOT NULL,
    auto_clicks    INTEGER NOT NULL,
    hits           INTEGER NOT NULL    -- rows of `hit`
);
CREATE INDEX engagement_message ON engagement (message, delivery);

-- The same by hour and class; `firsts` are deliveries that had none of the counted (or none of the
-- automatic) before, `firsts_any` those that had none at all.
CREATE TABLE engagement_hour (
    flow       INTEGER NOT NULL,
    hour       INTEGER NOT NULL,   -- hours since 1970 UTC
    kind       INTEGER NOT NULL,   -- HitKind
    class      INTEGER NOT NULL,   -- HitClass
    n          INTEGER NOT NULL,
    firsts     INTEGER NOT NULL,
    firsts_any INTEGER NOT NULL,
    again      INTEGER NOT NULL,   -- deliveries opened again in that hour
    PRIMARY KEY (flow, hour, kind, class)
) WITHOUT ROWID;

-- Clicks by link.
CREATE TABLE engagement_link (
    message  INTEGER NOT NULL,
    link     INTEGER NOT NULL,
    is_auto  INTEGER NOT NULL,     -- 0: counted clicks, 1: automatic ones
    n        INTEGER NOT NULL,
    firsts   INTEGER NOT NULL,     -- deliveries
    PRIMARY KEY (message, link, is_auto)
) WITHOUT ROWID;

-- What accounts track, and by which domain of their own.
CREATE TABLE tracking_account (
    account     INTEGER PRIMARY KEY,
    mode        TEXT NOT NULL,        -- TrackingMode
    domain      TEXT NOT NULL,        -- '': the installation's address
    is_verified INTEGER NOT NULL      -- 1: its CNAME was seen
);

-- What recipients did goes with the history of their delivery; the roll-ups stay.
CREATE TRIGGER delivery_forgotten AFTER DELETE ON delivery BEGIN
    DELETE FROM hit WHERE delivery = old.id;
    DELETE FROM engagement WHERE delivery = old.id;
END;
