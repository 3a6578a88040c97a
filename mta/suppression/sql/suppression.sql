-- Suppression lists: what is loaded into memory, what is added and taken away.

-- name: suppression_digests
-- What the memory holds, by id, without what has expired.
SELECT id, account, digest, reason, scope FROM suppression
WHERE id > :after AND (expires_ms = 0 OR expires_ms > :now_ms) ORDER BY id LIMIT :count;

-- name: suppression_of_digests
-- The same for some addresses, a JSON array of digests.
SELECT account, digest, reason, scope FROM suppression
WHERE (account, digest) IN (SELECT value->>0, value->>1 FROM json_each(:pairs))
  AND (expires_ms = 0 OR expires_ms > :now_ms);

-- name: suppression_put
-- order: 60
-- Add or renew; what was erased stays erased.
-- rows: account, digest, reason, scope, address, folded, note, message, delivery, created_by,
-- created_ms, expires_ms
INSERT INTO suppression (account, digest, reason, scope, address, folded, note, message, delivery,
                         created_by, created_ms, expires_ms)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7,
       value->>8, value->>9, value->>10, value->>11
FROM json_each(:rows) WHERE true
ON CONFLICT (account, digest, reason) DO UPDATE
SET scope = excluded.scope, note = excluded.note, message = excluded.message,
    delivery = excluded.delivery, created_by = excluded.created_by,
    created_ms = excluded.created_ms, expires_ms = excluded.expires_ms;

-- name: suppression_delete
-- order: 61
-- rows: account, digest, reason
DELETE FROM suppression
WHERE (account, digest, reason) IN
      (SELECT value->>0, value->>1, value->>2 FROM json_each(:rows));

-- name: suppression_expired
-- Entries whose time is over.
SELECT account, digest, reason FROM suppression
WHERE expires_ms > 0 AND expires_ms <= :now_ms LIMIT :count;

-- name: suppression_of_digest
-- All entries of one address.
SELECT id, account, address, reason, scope, note, message, delivery, created_by, created_ms,
       expires_ms
FROM suppression WHERE digest = :digest ORDER BY id;

-- name: suppression_page
-- Entries of some accounts (a JSON array; empty: all), newest first, from a place on.
SELECT id, account, address, reason, scope, note, message, delivery, created_by, created_ms,
       expires_ms
FROM suppression
WHERE id < :before
  AND (:accounts = '[]' OR account IN (SELECT value FROM json_each(:accounts)))
  AND (:reason = '' OR reason = :reason)
ORDER BY id DESC LIMIT :count;

-- name: suppression_search
-- Entries whose address begins like that (folded), newest first.
SELECT id, account, address, reason, scope, note, message, delivery, created_by, created_ms,
       expires_ms
FROM suppression
WHERE folded >= :first AND folded < :last AND id < :before
  AND (:accounts = '[]' OR account IN (SELECT value FROM json_each(:accounts)))
  AND (:reason = '' OR reason = :reason)
ORDER BY id DESC LIMIT :count;

-- name: suppression_counts
-- How many there are, by reason, in some accounts.
SELECT reason, count(*) FROM suppression
WHERE (:accounts = '[]' OR account IN (SELECT value FROM json_each(:accounts)))
GROUP BY reason;

-- name: suppression_full_of
-- How often some mailboxes were full, a JSON array of (account, digest).
SELECT account, digest, failures, first_ms, last_ms FROM suppression_full
WHERE (account, digest) IN (SELECT value->>0, value->>1 FROM json_each(:pairs));

-- name: suppression_full_put
-- order: 63
-- rows: account, digest, failures, first_ms, last_ms
INSERT INTO suppression_full (account, digest, failures, first_ms, last_ms)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4 FROM json_each(:rows) WHERE true
ON CONFLICT (account, digest) DO UPDATE
SET failures = excluded.failures, first_ms = excluded.first_ms, last_ms = excluded.last_ms;

-- name: suppression_full_delete
-- order: 64
-- rows: account, digest
DELETE FROM suppression_full
WHERE (account, digest) IN (SELECT value->>0, value->>1 FROM json_each(:rows));

-- name: suppression_full_old
-- Mailboxes that have not been full for a long time.
SELECT account, digest FROM suppression_full WHERE last_ms < :before_ms LIMIT :count;

-- name: suppression_held_put
-- order: 65
-- rows: account, digest, address, site, message, delivery, reply, at_ms
INSERT INTO suppression_held (account, digest, address, site, message, delivery, reply, at_ms)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7
FROM json_each(:rows) WHERE true
ON CONFLICT (account, digest) DO UPDATE
SET site = excluded.site, message = excluded.message, delivery = excluded.delivery,
    reply = excluded.reply, at_ms = excluded.at_ms;

-- name: suppression_held_delete
-- order: 66
-- rows: account, digest
DELETE FROM suppression_held
WHERE (account, digest) IN (SELECT value->>0, value->>1 FROM json_each(:rows));

-- name: suppression_held_page
-- What is held, oldest first, from a place on.
SELECT id, account, digest, address, site, message, delivery, reply, at_ms FROM suppression_held
WHERE id > :after AND (:accounts = '[]' OR account IN (SELECT value FROM json_each(:accounts)))
ORDER BY id LIMIT :count;

-- name: suppression_growth
-- Entries of accounts (a JSON array) since a moment by hour (since 1970 UTC) and reason.
SELECT created_ms / 3600000, reason, count(*) FROM suppression
WHERE account IN (SELECT value FROM json_each(:accounts)) AND created_ms >= :since_ms
GROUP BY 1, 2 ORDER BY 1, 2;
