-- Warm-ups: a few rows for each address and domain that is being warmed up.

-- name: warm_ups
-- All of them: they are kept in memory.
SELECT kind, subject, provider, value FROM warm_up;

-- name: warm_up_put
-- order: 91
-- Begin, or remember how far it is. rows: kind, subject, provider, value, changed_ms
INSERT INTO warm_up (kind, subject, provider, value, changed_ms)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4 FROM json_each(:rows) WHERE true
ON CONFLICT (kind, subject, provider) DO UPDATE
SET value = excluded.value, changed_ms = excluded.changed_ms;

-- name: warm_up_delete
-- order: 90
-- End it. rows: kind, subject, provider
DELETE FROM warm_up WHERE (kind, subject, provider) IN (
    SELECT value->>0, value->>1, value->>2 FROM json_each(:rows)
);
