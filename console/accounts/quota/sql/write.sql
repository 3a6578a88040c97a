-- Everything that changes the bag. Each statement takes `:rows`, a JSON array of arrays. Balances move
-- by entries of the ledger only; one that would fall below zero, or rise above a cap, fails the job.

-- name: quota_consume
-- order: 6
-- Mail was accepted: one entry for each share and flow, whatever number of messages the commit holds.
-- rows: bag, account, flow, recipients, at_ms
INSERT INTO quota_entry (at_ms, bag, account, kind, available, reserved, consumed, flow,
                         reference, reason, actor_kind, actor_id, actor_name)
SELECT max(value->>4), value->>0, value->>1, 'consume', -sum(value->>3), 0, sum(value->>3),
       value->>2, '', 'accepted', 'system', 0, 'intake'
FROM json_each(:rows) WHERE true GROUP BY value->>0, value->>1, value->>2;

-- name: quota_consume_reserved
-- order: 6
-- The same out of a reservation. rows: bag, account, flow, recipients, at_ms
INSERT INTO quota_entry (at_ms, bag, account, kind, available, reserved, consumed, flow,
                         reference, reason, actor_kind, actor_id, actor_name)
SELECT max(value->>4), value->>0, value->>1, 'consume', 0, -sum(value->>3), sum(value->>3),
       value->>2, '', 'accepted', 'system', 0, 'intake'
FROM json_each(:rows) WHERE true GROUP BY value->>0, value->>1, value->>2;

-- name: quota_charge_add
-- order: 7
-- What a message cost; a template message grows with its recipients. rows: message, bag, account, n
INSERT INTO quota_charge (message, bag, account, n)
SELECT value->>0, value->>1, value->>2, value->>3 FROM json_each(:rows) WHERE true
ON CONFLICT (message) DO UPDATE SET n = n + excluded.n;

-- name: quota_reservation_take
-- order: 7
-- Deliveries of a campaign came to be. rows: reservation, n
UPDATE quota_reservation SET rest = rest - v.n
FROM (SELECT value->>0 AS id, sum(value->>1) AS n FROM json_each(:rows) GROUP BY value->>0) AS v
WHERE quota_reservation.id = v.id;

-- name: quota_contract_insert
-- order: 70
-- rows: id, account, name, size, days, starts_on, created_ms
INSERT INTO quota_contract (id, account, name, size, days, starts_on, created_ms)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6
FROM json_each(:rows) WHERE true
ON CONFLICT (account, name) DO NOTHING;

-- name: quota_contract_start
-- order: 70
-- The first day was decided; not after it has come. rows: id, starts_on before, starts_on
UPDATE quota_contract SET starts_on = v.day
FROM (SELECT value->>0 AS id, value->>1 AS was, value->>2 AS day FROM json_each(:rows)) AS v
WHERE quota_contract.id = v.id AND quota_contract.starts_on = v.was AND ended_ms = 0;

-- name: quota_contract_end
-- order: 70
-- The term is over; once. rows: id, ended_ms
UPDATE quota_contract SET ended_ms = v.at
FROM (SELECT value->>0 AS id, value->>1 AS at FROM json_each(:rows)) AS v
WHERE quota_contract.id = v.id AND quota_contract.ended_ms = 0;

-- name: quota_bag_insert
-- order: 71
-- rows: id, contract, account
INSERT INTO quota_bag (id, contract, account)
SELECT value->>0, value->>1, value->>2 FROM json_each(:rows) WHERE true
ON CONFLICT (contract, account) DO NOTHING;

-- name: quota_bag_open
-- order: 72
-- An empty balance is given up, or taken up again. rows: id, is_open
UPDATE quota_bag SET is_open = v.is_open
FROM (SELECT value->>0 AS id, value->>1 AS is_open FROM json_each(:rows)) AS v
WHERE quota_bag.id = v.id AND (v.is_open = 1 OR (available = 0 AND reserved = 0));

-- name: quota_contract_resize
-- order: 70
-- rows: id, difference
UPDATE quota_contract SET size = size + v.n
FROM (SELECT value->>0 AS id, sum(value->>1) AS n FROM json_each(:rows) GROUP BY value->>0) AS v
WHERE quota_contract.id = v.id;

-- name: quota_cap_put
-- order: 72
-- A limit on what an account takes out of a balance; null ends it. rows: bag, account, cap
INSERT INTO quota_use (bag, account, cap)
SELECT value->>0, value->>1, value->>2 FROM json_each(:rows) WHERE true
ON CONFLICT (bag, account) DO UPDATE SET cap = excluded.cap;

-- name: quota_cap_close
-- order: 72
-- The rest of a cap is given back: nothing more can be taken. rows: bag, account
UPDATE quota_use SET cap = reserved + consumed - refunded
WHERE cap IS NOT NULL
  AND (bag, account) IN (SELECT value->>0, value->>1 FROM json_each(:rows));

-- name: quota_entry_insert
-- order: 73
-- rows: at_ms, bag, account, kind, available, reserved, consumed, flow, reference, reason,
-- actor_kind, actor_id, actor_name
INSERT INTO quota_entry (at_ms, bag, account, kind, available, reserved, consumed, flow,
                         reference, reason, actor_kind, actor_id, actor_name)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7,
       value->>8, value->>9, value->>10, value->>11, value->>12
FROM json_each(:rows);

-- name: quota_return_all
-- order: 74
-- Whatever a share still has goes back to the one above.
-- rows: bag, account, bag above, its account, at_ms, reference, reason, actor_kind, actor_id, actor_name
INSERT INTO quota_entry (at_ms, bag, account, kind, available, reserved, consumed, flow,
                         reference, reason, actor_kind, actor_id, actor_name)
SELECT value->>4, CASE side.up WHEN 0 THEN value->>0 ELSE value->>2 END,
       CASE side.up WHEN 0 THEN value->>1 ELSE value->>3 END, 'return',
       CASE side.up WHEN 0 THEN -b.available ELSE b.available END, 0, 0, 0,
       value->>5, value->>6, value->>7, value->>8, value->>9
FROM json_each(:rows) JOIN quota_bag AS b ON b.id = value->>0
CROSS JOIN (SELECT 0 AS up UNION ALL SELECT 1) AS side
WHERE b.available > 0 ORDER BY json_each.key, side.up;

-- name: quota_expire
-- order: 75
-- The end of the term: what is left in each balance of a contract. rows: contract, at_ms, reference
INSERT INTO quota_entry (at_ms, bag, account, kind, available, reserved, consumed, flow,
                         reference, reason, actor_kind, actor_id, actor_name)
SELECT value->>1, b.id, b.account, 'expire', -b.available, 0, 0, 0, value->>2, 'end of the term',
       'system', 0, 'quota'
FROM json_each(:rows) JOIN quota_bag AS b ON b.contract = value->>0
WHERE b.available > 0;

-- name: quota_reservation_insert
-- order: 76
-- rows: id, bag, account, reference, flow, size, created_ms
INSERT INTO quota_reservation (id, bag, account, reference, flow, size, rest, created_ms)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>5, value->>6
FROM json_each(:rows) WHERE true
ON CONFLICT (reference) DO NOTHING;

-- name: quota_reservation_flow
-- order: 76
-- The mail that a reservation is for is known now. rows: id, flow
UPDATE quota_reservation SET flow = v.flow
FROM (SELECT value->>0 AS id, value->>1 AS flow FROM json_each(:rows)) AS v
WHERE quota_reservation.id = v.id;

-- name: quota_reservation_release
-- order: 77
-- Entries for the rest of reservations, which `quota_reservation_close` then sets to nothing.
-- rows: reservation, at_ms, reason, actor_kind, actor_id, actor_name
INSERT INTO quota_entry (at_ms, bag, account, kind, available, reserved, consumed, flow,
                         reference, reason, actor_kind, actor_id, actor_name)
SELECT value->>1, r.bag, r.account, 'release', r.rest, -r.rest, 0, r.flow, r.reference,
       value->>2, value->>3, value->>4, value->>5
FROM json_each(:rows) JOIN quota_reservation AS r ON r.id = value->>0
WHERE r.rest > 0;

-- name: quota_reservation_close
-- order: 78
-- rows: reservation
UPDATE quota_reservation SET rest = 0 WHERE id IN (SELECT value->>0 FROM json_each(:rows));

-- name: quota_release
-- order: 79
-- Deliveries that ended before their first attempt cost nothing. What was given back stays so: the
-- rows of `quota_back_put` come after. rows: delivery, message, flow, at_ms
INSERT INTO quota_entry (at_ms, bag, account, kind, available, reserved, consumed, flow,
                         reference, reason, actor_kind, actor_id, actor_name)
SELECT max(v.at), c.bag, c.account, 'release', count(*), 0, -count(*), v.flow, '',
       'never attempted', 'system', 0, 'quota'
FROM (SELECT DISTINCT value->>0 AS delivery, value->>1 AS message, value->>2 AS flow,
             value->>3 AS at FROM json_each(:rows)) AS v
JOIN quota_charge AS c ON c.message = v.message
WHERE NOT EXISTS (SELECT 1 FROM quota_back AS b WHERE b.delivery = v.delivery)
GROUP BY c.bag, c.account, v.flow;

-- name: quota_back_put
-- order: 81
-- rows: delivery, refund
INSERT INTO quota_back (delivery, refund)
SELECT value->>0, value->>1 FROM json_each(:rows) WHERE true
ON CONFLICT (delivery) DO NOTHING;

-- name: quota_checkpoint_put
-- order: 82
-- Sums up to now: a balance is the sum of its entries, so none of them is read. rows: at_ms
INSERT INTO quota_checkpoint (bag, entry, at_ms, available, reserved, consumed, refunded)
SELECT b.id, (SELECT coalesce(max(id), 0) FROM quota_entry), v.value->>0, b.available, b.reserved,
       b.consumed, b.refunded
FROM json_each(:rows) AS v CROSS JOIN quota_bag AS b WHERE true
ON CONFLICT DO NOTHING;

-- name: quota_seal
-- order: 83
-- rows: id, seq, hash
UPDATE quota_entry SET seq = v.seq, hash = v.hash
FROM (SELECT value->>0 AS id, value->>1 AS seq, value->>2 AS hash FROM json_each(:rows)) AS v
WHERE quota_entry.id = v.id AND quota_entry.seq IS NULL;

-- name: quota_alert_put
-- order: 84
-- Once for each share and level. rows: contract, account, percent, at_ms
INSERT INTO quota_alert (contract, account, percent, at_ms)
SELECT value->>0, value->>1, value->>2, value->>3 FROM json_each(:rows) WHERE true
ON CONFLICT DO NOTHING;

-- name: training_allow
-- order: 85
-- rows: account, address, created_ms
INSERT INTO training_recipient (account, address, created_ms)
SELECT value->>0, value->>1, value->>2 FROM json_each(:rows) WHERE true
ON CONFLICT DO NOTHING;

-- name: training_disallow
-- order: 85
-- rows: account, address
DELETE FROM training_recipient
WHERE (account, address) IN (SELECT value->>0, value->>1 FROM json_each(:rows));
