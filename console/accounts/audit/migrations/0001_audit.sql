-- The audit trail: rows are added, sealed once, and never changed or removed. Times are milliseconds
-- since 1970 UTC; `seq`, `hash` and `mac` are explained in console/accounts/audit/chain.py.

CREATE TABLE audit_entry (
    id         INTEGER PRIMARY KEY,
    at_ms      INTEGER NOT NULL,
    actor_kind TEXT NOT NULL,                    -- ActorKind
    actor_id   INTEGER NOT NULL,
    actor_name TEXT NOT NULL,
    address    TEXT NOT NULL,
    agent      TEXT NOT NULL,
    action     TEXT NOT NULL,                    -- noun.past
    account    INTEGER NOT NULL,                 -- 0: none
    object     TEXT NOT NULL,
    before     TEXT NOT NULL,                    -- JSON object, or empty
    after      TEXT NOT NULL,
    result     TEXT NOT NULL,                    -- ok | refused | …
    mac        TEXT NOT NULL,                    -- made with the row: who only has the file cannot
    seq        INTEGER UNIQUE,                   -- NULL: not sealed yet
    hash       TEXT
);
CREATE INDEX audit_account ON audit_entry (account, id);
CREATE INDEX audit_unsealed ON audit_entry (id) WHERE seq IS NULL;

CREATE TRIGGER audit_entry_sealed_once BEFORE UPDATE ON audit_entry
WHEN OLD.seq IS NOT NULL OR NEW.seq IS NULL OR NEW.hash IS NULL
     OR (NEW.id, NEW.at_ms, NEW.actor_kind, NEW.actor_id, NEW.actor_name, NEW.address, NEW.agent,
         NEW.action, NEW.account, NEW.object, NEW.before, NEW.after, NEW.result, NEW.mac)
        IS NOT
        (OLD.id, OLD.at_ms, OLD.actor_kind, OLD.actor_id, OLD.actor_name, OLD.address, OLD.agent,
         OLD.action, OLD.account, OLD.object, OLD.before, OLD.after, OLD.result, OLD.mac)
BEGIN
    SELECT RAISE(ABORT, 'audit_entry: entries are never changed');
END;

CREATE TRIGGER audit_entry_kept BEFORE DELETE ON audit_entry
BEGIN
    SELECT RAISE(ABORT, 'audit_entry: entries are never removed');
END;

-- The last link of each chain, so that rows missing at the end are noticed too.
CREATE TABLE chain_head (
    chain TEXT PRIMARY KEY,
    seq   INTEGER NOT NULL,
    hash  TEXT NOT NULL,
    mac   TEXT NOT NULL
);
