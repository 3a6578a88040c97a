-- The bag of mails: contracts, their shares and the ledger. An entry of the ledger moves the
-- balances in its own transaction, by a trigger; nothing else moves them, so a balance is always
-- the sum of its entries. Times are milliseconds since 1970 UTC; dates are days of [server] timezone.

CREATE TABLE quota_contract (
    id         INTEGER PRIMARY KEY,
    account    INTEGER NOT NULL REFERENCES account (id),  -- a main account
    name       TEXT NOT NULL,
    size       INTEGER NOT NULL CHECK (size > 0),
    days       INTEGER NOT NULL CHECK (days > 0),
    starts_on  TEXT NOT NULL DEFAULT '',                  -- day 1; '': pending, not decided
    created_ms INTEGER NOT NULL,
    ended_ms   INTEGER NOT NULL DEFAULT 0,                -- when the rest was taken out; 0: not yet
    UNIQUE (account, name)
);

-- A balance: the main account's, and one for each sub-account with an allocated share.
CREATE TABLE quota_bag (
    id        INTEGER PRIMARY KEY,
    contract  INTEGER NOT NULL REFERENCES quota_contract (id),
    account   INTEGER NOT NULL REFERENCES account (id),
    granted   INTEGER NOT NULL DEFAULT 0,  -- put in: grants and allocations, less what was moved on
    available INTEGER NOT NULL DEFAULT 0,
    reserved  INTEGER NOT NULL DEFAULT 0,  -- for campaigns that have started
    consumed  INTEGER NOT NULL DEFAULT 0,
    refunded  INTEGER NOT NULL DEFAULT 0,
    expired   INTEGER NOT NULL DEFAULT 0,
    is_open   INTEGER NOT NULL DEFAULT 1,  -- 0: given up, its account takes from the one above
    UNIQUE (contract, account),
    CONSTRAINT quota_available CHECK (available >= 0),
    CONSTRAINT quota_reserved CHECK (reserved >= 0),
    CONSTRAINT quota_books CHECK (granted + refunded = available + reserved + consumed + expired)
);

-- Who took how much out of a balance; a cap bounds it.
CREATE TABLE quota_use (
    bag      INTEGER NOT NULL REFERENCES quota_bag (id),
    account  INTEGER NOT NULL REFERENCES account (id),
    cap      INTEGER,                      -- NULL: none
    reserved INTEGER NOT NULL DEFAULT 0,
    consumed INTEGER NOT NULL DEFAULT 0,
    refunded INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (bag, account),
    CONSTRAINT quota_cap CHECK (cap IS NULL OR reserved + consumed - refunded <= cap),
    CONSTRAINT quota_refunds CHECK (refunded <= consumed)
) WITHOUT ROWID;

-- The ledger. `available`, `reserved` and `consumed` are what the entry adds to those of its balance.
CREATE TABLE quota_entry (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,         -- in the order of commits
    at_ms      INTEGER NOT NULL,
    bag        INTEGER NOT NULL REFERENCES quota_bag (id),
    account    INTEGER NOT NULL,                          -- whose share it is
    kind       TEXT NOT NULL CHECK (kind IN ('grant', 'allocate', 'return', 'reserve', 'release',
                                             'consume', 'refund', 'adjust', 'expire')),
    available  INTEGER NOT NULL,
    reserved   INTEGER NOT NULL,
    consumed   INTEGER NOT NULL,
    flow       INTEGER NOT NULL,                          -- of the mail; 0: none
    reference  TEXT NOT NULL,                             -- what ties entries together
    reason     TEXT NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_id   INTEGER NOT NULL,
    actor_name TEXT NOT NULL,
    seq        INTEGER UNIQUE,                            -- place in the chain; NULL: not sealed yet
    hash       TEXT
);
-- Few indexes, because every commit that takes mail adds a row: what has no place in the chain yet is
-- found by that of `seq`, and what one balance holds by its last checkpoint.
CREATE INDEX quota_entry_account ON quota_entry (account, id);

CREATE TRIGGER quota_entry_moves AFTER INSERT ON quota_entry
BEGIN
    UPDATE quota_bag
    SET granted = granted + CASE WHEN NEW.kind IN ('grant', 'allocate', 'return', 'adjust')
                                 THEN NEW.available ELSE 0 END,
        available = available + NEW.available,
        reserved = reserved + NEW.reserved,
        consumed = consumed + NEW.consumed,
        refunded = refunded + CASE NEW.kind WHEN 'refund' THEN NEW.available ELSE 0 END,
        expired = expired - CASE NEW.kind WHEN 'expire' THEN NEW.available ELSE 0 END
    WHERE id = NEW.bag;
    INSERT INTO quota_use (bag, account)
    SELECT NEW.bag, NEW.account
    WHERE NEW.kind IN ('consume', 'reserve') ON CONFLICT (bag, account) DO NOTHING;
    UPDATE quota_use
    SET reserved = reserved + NEW.reserved,
        consumed = consumed + NEW.consumed,
        refunded = refunded + CASE NEW.kind WHEN 'refund' THEN NEW.available ELSE 0 END
    WHERE bag = NEW.bag AND account = NEW.account
      AND NEW.kind IN ('consume', 'reserve', 'release', 'refund');
END;

CREATE TRIGGER quota_entry_sealed_once BEFORE UPDATE ON quota_entry
WHEN OLD.seq IS NOT NULL OR NEW.seq IS NULL OR NEW.hash IS NULL
     OR (NEW.id, NEW.at_ms, NEW.bag, NEW.account, NEW.kind, NEW.available, NEW.reserved,
         NEW.consumed, NEW.flow, NEW.reference, NEW.reason, NEW.actor_kind, NEW.actor_id,
         NEW.actor_name)
        IS NOT
        (OLD.id, OLD.at_ms, OLD.bag, OLD.account, OLD.kind, OLD.available, OLD.reserved,
         OLD.consumed, OLD.flow, OLD.reference, OLD.reason, OLD.actor_kind, OLD.actor_id,
         OLD.actor_name)
BEGIN
    SELECT RAISE(ABORT, 'quota_entry: entries are never changed');
END;

CREATE TRIGGER quota_entry_kept BEFORE DELETE ON quota_entry
BEGIN
    SELECT RAISE(ABORT, 'quota_entry: entries are never removed');
END;

-- The sum of a balance's entries up to one of them, so that no sum is ever long.
CREATE TABLE quota_checkpoint (
    bag       INTEGER NOT NULL REFERENCES quota_bag (id),
    entry     INTEGER NOT NULL,            -- the last one in the sum
    at_ms     INTEGER NOT NULL,
    available INTEGER NOT NULL,
    reserved  INTEGER NOT NULL,
    consumed  INTEGER NOT NULL,
    refunded  INTEGER NOT NULL,
    PRIMARY KEY (bag, entry)
) WITHOUT ROWID;

-- What a message cost, and whom; a message without a row cost nothing.
CREATE TABLE quota_charge (
    message INTEGER PRIMARY KEY,
    bag     INTEGER NOT NULL,
    account INTEGER NOT NULL,              -- whose share paid
    n       INTEGER NOT NULL               -- recipients
);

-- Deliveries whose cost was given back: each at most once, whatever the reason.
CREATE TABLE quota_back (
    delivery INTEGER PRIMARY KEY,
    refund   INTEGER NOT NULL              -- 0: released, it was never attempted
);

-- Quota kept for a campaign.
CREATE TABLE quota_reservation (
    id         INTEGER PRIMARY KEY,
    bag        INTEGER NOT NULL REFERENCES quota_bag (id),
    account    INTEGER NOT NULL,
    reference  TEXT NOT NULL UNIQUE,
    flow       INTEGER NOT NULL,           -- the mail that it is for; 0: not known yet
    size       INTEGER NOT NULL,
    rest       INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    CONSTRAINT quota_rest CHECK (rest >= 0)
);
CREATE INDEX quota_reservation_open ON quota_reservation (flow) WHERE rest > 0;

-- Alerts that were given: once for each share and level.
CREATE TABLE quota_alert (
    contract INTEGER NOT NULL REFERENCES quota_contract (id),
    account  INTEGER NOT NULL,
    percent  INTEGER NOT NULL,
    at_ms    INTEGER NOT NULL,
    PRIMARY KEY (contract, account, percent)
) WITHOUT ROWID;

-- To whom training accounts may write.
CREATE TABLE training_recipient (
    account    INTEGER NOT NULL REFERENCES account (id),
    address    TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (account, address)
) WITHOUT ROWID;
