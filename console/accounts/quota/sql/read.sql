-- What is asked of the bag.

-- name: quota_last_id
-- The greatest id in use, so that ids never go back.
SELECT max(coalesce((SELECT max(id) FROM quota_contract), 0),
           coalesce((SELECT max(id) FROM quota_bag), 0),
           coalesce((SELECT max(id) FROM quota_reservation), 0));

-- name: quota_contracts
SELECT id, account, name, size, days, starts_on, created_ms, ended_ms
FROM quota_contract ORDER BY id;

-- name: quota_bags
SELECT id, contract, account, granted, available, reserved, consumed, refunded, expired, is_open
FROM quota_bag ORDER BY id;

-- name: quota_uses
SELECT bag, account, cap, reserved, consumed, refunded FROM quota_use ORDER BY bag, account;

-- name: quota_reservations
-- Those that still hold something.
SELECT id, bag, account, reference, flow, size, rest, created_ms
FROM quota_reservation WHERE rest > 0 ORDER BY id;

-- name: quota_reservation_of
SELECT id, bag, account, reference, flow, size, rest, created_ms
FROM quota_reservation WHERE reference = :reference;

-- name: quota_entries
-- A page of the ledger of some accounts, the newest first. accounts, bags: JSON arrays of ids
SELECT e.id, e.at_ms, e.bag, e.account, e.kind, e.available, e.reserved, e.consumed, e.flow,
       e.reference, e.reason, e.actor_kind, e.actor_id, e.actor_name, e.seq, e.hash
FROM json_each(:accounts) AS a
JOIN quota_entry AS e ON e.id IN (
    SELECT p.id FROM quota_entry AS p
    WHERE p.account = a.value AND p.id < :before
      AND p.bag IN (SELECT value FROM json_each(:bags))
      AND (:kind = '' OR p.kind = :kind) AND p.at_ms >= :from_ms AND p.at_ms < :until_ms
    ORDER BY p.id DESC LIMIT :count)
ORDER BY e.id DESC LIMIT :count;

-- name: quota_balance_at
-- A balance at a moment: the last checkpoint before it, and what came between that and the next one.
SELECT coalesce(c.available, 0) + coalesce(sum(e.available), 0),
       coalesce(c.reserved, 0) + coalesce(sum(e.reserved), 0),
       coalesce(c.consumed, 0) + coalesce(sum(e.consumed), 0),
       coalesce(c.refunded, 0)
         + coalesce(sum(CASE e.kind WHEN 'refund' THEN e.available ELSE 0 END), 0)
FROM (SELECT :bag AS bag) AS b
LEFT JOIN quota_checkpoint AS c ON c.bag = b.bag
     AND c.entry = (SELECT max(entry) FROM quota_checkpoint
                    WHERE bag = b.bag AND at_ms <= :at_ms)
LEFT JOIN quota_entry AS e ON e.bag = b.bag AND e.id > coalesce(c.entry, 0)
     AND e.id <= coalesce((SELECT min(entry) FROM quota_checkpoint
                           WHERE bag = b.bag AND at_ms > :at_ms), 9223372036854775807)
     AND e.at_ms <= :at_ms;

-- name: quota_unsealed
SELECT id, at_ms, bag, account, kind, available, reserved, consumed, flow, reference, reason,
       actor_kind, actor_id, actor_name
FROM quota_entry WHERE seq IS NULL ORDER BY id LIMIT :count;

-- name: quota_sealed
SELECT seq, hash, id, at_ms, bag, account, kind, available, reserved, consumed, flow, reference,
       reason, actor_kind, actor_id, actor_name
FROM quota_entry WHERE seq > :after ORDER BY seq LIMIT :count;

-- name: quota_alerts
SELECT contract, account, percent FROM quota_alert;

-- name: training_recipients
SELECT account, address, created_ms FROM training_recipient ORDER BY account, address;

-- name: verify_quota_bags
-- Balances that are not the sum of their entries: all of the ledger is read.
SELECT b.id, b.account, b.available, b.reserved, b.consumed,
       coalesce(e.available, 0), coalesce(e.reserved, 0), coalesce(e.consumed, 0)
FROM quota_bag AS b
LEFT JOIN (SELECT bag, sum(available) AS available, sum(reserved) AS reserved,
                  sum(consumed) AS consumed FROM quota_entry GROUP BY bag) AS e ON e.bag = b.id
WHERE (b.available, b.reserved, b.consumed)
      IS NOT (coalesce(e.available, 0), coalesce(e.reserved, 0), coalesce(e.consumed, 0));

-- name: verify_quota_contracts
-- Contracts whose size is not what was put into their balances.
SELECT c.id, c.name, c.size, coalesce(sum(b.granted), 0)
FROM quota_contract AS c LEFT JOIN quota_bag AS b ON b.contract = c.id
GROUP BY c.id HAVING coalesce(sum(b.granted), 0) <> c.size;
