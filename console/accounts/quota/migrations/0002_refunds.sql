-- Sends that failed by a fault of ours, put back into the bag: each with the list of its deliveries.
CREATE TABLE quota_refund (
    id           INTEGER PRIMARY KEY,
    account      INTEGER NOT NULL REFERENCES account (id),  -- whose mail it was, with that below
    subject      TEXT NOT NULL,               -- JSON: flow, message, or from_ms and until_ms
    scope        TEXT NOT NULL,               -- all | failed
    resend       INTEGER NOT NULL,            -- 1: what is put back is sent again
    reason       TEXT NOT NULL,
    state        TEXT NOT NULL,               -- collecting | proposed | confirmed | done | rejected
    n            INTEGER NOT NULL DEFAULT 0,  -- deliveries on the list
    given        INTEGER NOT NULL DEFAULT 0,  -- of them put back: not those that had been before
    place        INTEGER NOT NULL DEFAULT 0,  -- the last delivery that was put back
    sent_again   INTEGER NOT NULL DEFAULT 0,  -- messages
    created_ms   INTEGER NOT NULL,
    done_ms      INTEGER NOT NULL DEFAULT 0,
    proposed_by  TEXT NOT NULL,
    confirmed_by TEXT NOT NULL DEFAULT ''
);

CREATE TABLE quota_refund_item (
    refund   INTEGER NOT NULL REFERENCES quota_refund (id),
    delivery INTEGER NOT NULL,
    message  INTEGER NOT NULL,
    flow     INTEGER NOT NULL,
    bag      INTEGER NOT NULL,
    account  INTEGER NOT NULL,                -- whose share it goes back to
    address  TEXT NOT NULL,
    state    INTEGER NOT NULL,                -- DeliveryState when the list was made
    PRIMARY KEY (refund, delivery)
) WITHOUT ROWID;
