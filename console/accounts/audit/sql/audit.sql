-- The audit trail, and the heads of all chains.

-- name: audit_last_id
SELECT coalesce(max(id), 0) FROM audit_entry;

-- name: audit_insert
-- order: 90
-- rows: id, at_ms, actor_kind, actor_id, actor_name, address, agent, action, account, object,
-- before, after, result, mac
INSERT INTO audit_entry (id, at_ms, actor_kind, actor_id, actor_name, address, agent, action,
                         account, object, before, after, result, mac)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7,
       value->>8, value->>9, value->>10, value->>11, value->>12, value->>13
FROM json_each(:rows) WHERE true;

-- name: audit_unsealed
-- What waits for the sealer, oldest first.
SELECT id, at_ms, actor_kind, actor_id, actor_name, address, agent, action, account, object,
       before, after, result, mac
FROM audit_entry WHERE seq IS NULL ORDER BY id LIMIT :count;

-- name: audit_seal
-- order: 91
-- rows: id, seq, hash
UPDATE audit_entry SET seq = v.seq, hash = v.hash
FROM (SELECT value->>0 AS id, value->>1 AS seq, value->>2 AS hash FROM json_each(:rows)) AS v
WHERE audit_entry.id = v.id AND audit_entry.seq IS NULL;

-- name: audit_sealed
-- Links in their order, after one of them.
SELECT seq, hash, id, at_ms, actor_kind, actor_id, actor_name, address, agent, action, account,
       object, before, after, result, mac
FROM audit_entry WHERE seq > :after ORDER BY seq LIMIT :count;

-- name: chain_head
SELECT seq, hash, mac FROM chain_head WHERE chain = :chain;

-- name: chain_head_put
-- order: 92
-- Only forward. rows: chain, seq, hash, mac
INSERT INTO chain_head (chain, seq, hash, mac)
SELECT value->>0, value->>1, value->>2, value->>3 FROM json_each(:rows) WHERE true
ON CONFLICT (chain) DO UPDATE SET seq = excluded.seq, hash = excluded.hash, mac = excluded.mac
WHERE chain_head.seq < excluded.seq;

-- name: audit_page
-- The newest first, before an id, of the accounts in a JSON array (NULL: all); empty texts: any.
SELECT id, at_ms, actor_kind, actor_id, actor_name, address, agent, action, account, object,
       before, after, result, seq, hash
FROM audit_entry
WHERE id < :before
  AND (:accounts IS NULL OR account IN (SELECT value FROM json_each(:accounts)))
  AND (:actor = '' OR actor_name = :actor)
  AND (:action = '' OR action = :action OR substr(action, 1, length(:action) + 1) = :action || '.')
  AND (:object = '' OR object = :object)
  AND at_ms >= :since_ms AND at_ms < :until_ms
ORDER BY id DESC LIMIT :count;
