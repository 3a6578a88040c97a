-- What is asked of refunds.

-- name: quota_refundable
-- Deliveries of accounts that cost something which was not given back yet, by key: of messages from
-- `from_id` until before `until_id`; `flow` and `message` 0: any. What ended untried costs nothing.
SELECT d.id, m.id, d.flow, c.bag, c.account, d.address, d.state
FROM message AS m
JOIN quota_charge AS c ON c.message = m.id
JOIN delivery AS d ON d.message = m.id
WHERE m.account IN (SELECT value FROM json_each(:accounts))
  AND m.id >= :from_id AND m.id < :until_id
  AND (:flow = 0 OR m.flow = :flow) AND (:message = 0 OR m.id = :message)
  AND m.id >= :after_message AND (m.id, d.id) > (:after_message, :after)
  AND NOT (d.state IN (13, 14) AND d.attempts = 0 AND (d.flags & 1) = 0)
  AND (:failed = 0 OR d.state IN (11, 12, 14))
  AND NOT EXISTS (SELECT 1 FROM quota_back AS b WHERE b.delivery = d.id)
ORDER BY m.id, d.id LIMIT :count;

-- name: quota_refund_by_id
SELECT id, account, subject, scope, resend, reason, state, n, given, place, sent_again, created_ms,
       done_ms, proposed_by, confirmed_by, evidence, open_until_ms, decided_by, decided_ms, decision
FROM quota_refund WHERE id = :id;

-- name: quota_refunds
-- Before an id, the newest first; `accounts` and `states`, JSON arrays, NULL: of all. `lapsed` is what
-- a person proposed and nobody decided on in time.
SELECT id, account, subject, scope, resend, reason, state, n, given, place, sent_again, created_ms,
       done_ms, proposed_by, confirmed_by, evidence, open_until_ms, decided_by, decided_ms, decision
FROM quota_refund
WHERE id < :before
  AND (:accounts IS NULL OR account IN (SELECT value FROM json_each(:accounts)))
  AND (:states IS NULL
       OR CASE WHEN state = 'proposed' AND proposed_by <> 'system' AND open_until_ms <= :now
               THEN 'lapsed' ELSE state END IN (SELECT value FROM json_each(:states)))
ORDER BY id DESC LIMIT :count;

-- name: quota_refunds_confirmed
-- Confirmed and not yet all put back.
SELECT id, account, subject, scope, resend, reason, state, n, given, place, sent_again, created_ms,
       done_ms, proposed_by, confirmed_by, evidence, open_until_ms, decided_by, decided_ms, decision
FROM quota_refund WHERE state = 'confirmed' ORDER BY id;

-- name: quota_refund_part
-- Where the next part of a list ends.
SELECT max(delivery) FROM (SELECT delivery FROM quota_refund_item
                           WHERE refund = :refund AND delivery > :after
                           ORDER BY delivery LIMIT :count);

-- name: quota_refund_items
SELECT delivery, message, flow, account, address, state FROM quota_refund_item
WHERE refund = :refund AND delivery > :after ORDER BY delivery LIMIT :count;

-- name: quota_refund_item_states
-- How many deliveries of a list were in which state when it was made.
SELECT state, count(*) FROM quota_refund_item WHERE refund = :refund GROUP BY state ORDER BY state;

-- name: quota_refundable_states
-- As `quota_refundable`, counted by state; the last row (state -1) tells how far it came.
WITH part AS MATERIALIZED (
    SELECT m.id AS message, d.id AS delivery, d.state AS state
    FROM message AS m
    JOIN quota_charge AS c ON c.message = m.id
    JOIN delivery AS d ON d.message = m.id
    WHERE m.account IN (SELECT value FROM json_each(:accounts))
      AND m.id >= :from_id AND m.id < :until_id
      AND (:flow = 0 OR m.flow = :flow) AND (:message = 0 OR m.id = :message)
      AND m.id >= :after_message AND (m.id, d.id) > (:after_message, :after)
      AND NOT (d.state IN (13, 14) AND d.attempts = 0 AND (d.flags & 1) = 0)
      AND (:failed = 0 OR d.state IN (11, 12, 14))
      AND NOT EXISTS (SELECT 1 FROM quota_back AS b WHERE b.delivery = d.id)
    ORDER BY m.id, d.id LIMIT :count)
SELECT state, count(*), 0, 0 FROM part GROUP BY state
UNION ALL
SELECT -1, 0, message, delivery
FROM (SELECT message, delivery FROM part ORDER BY message DESC, delivery DESC LIMIT 1);

-- name: quota_flows_recent
-- Campaigns and streams of accounts, a JSON array, the newest first; the system's own mail costs nothing.
SELECT id, name, kind, account, created_ms FROM flow
WHERE account IN (SELECT value FROM json_each(:accounts)) AND kind NOT IN ('notices', 'system')
ORDER BY id DESC LIMIT :count;

-- name: quota_flow_names
-- Of flows, a JSON array of ids.
SELECT id, name FROM flow WHERE id IN (SELECT value FROM json_each(:flows));

-- name: quota_charge_old
-- What messages cost that are gone: they go in the order of their ids.
SELECT message FROM quota_charge
WHERE message < (SELECT coalesce(min(id), 0) FROM message) ORDER BY message LIMIT :count;

-- name: quota_back_old
SELECT delivery FROM quota_back
WHERE delivery < (SELECT coalesce(min(id), 0) FROM message) ORDER BY delivery LIMIT :count;

-- name: quota_refund_open
-- The proposal of the system itself for a flow that waits for a decision.
SELECT id FROM quota_refund
WHERE account = :account AND subject = :subject AND state = 'proposed' AND proposed_by = 'system';

-- name: quota_flows_named
-- Campaigns and streams of accounts by name or id.
SELECT id FROM flow
WHERE account IN (SELECT value FROM json_each(:accounts)) AND (name = :name OR id = :name)
ORDER BY id;

-- name: quota_charged_deliveries
-- Of some deliveries, a JSON array of ids: those that cost something which was not given back.
SELECT d.id, m.account, d.flow
FROM json_each(:deliveries) AS v
JOIN delivery AS d ON d.id = v.value
JOIN message AS m ON m.id = d.message
JOIN quota_charge AS c ON c.message = d.message
WHERE NOT EXISTS (SELECT 1 FROM quota_back AS b WHERE b.delivery = d.id);

-- name: quota_resend_messages
-- What it takes to hand in messages again, a JSON array of ids.
SELECT m.id, m.account, m.sender, m.segment, m."offset", m.length, m.checksum, m.flags, m.subject,
       m.tags, m.metadata, f.name, f.kind, f.class
FROM json_each(:messages) AS v JOIN message AS m ON m.id = v.value JOIN flow AS f ON f.id = m.flow;

-- name: quota_resend_recipients
-- Their recipients among some deliveries, a JSON array of ids.
SELECT d.message, d.address, coalesce(d.merge, ''), d.contact
FROM json_each(:deliveries) AS v JOIN delivery AS d ON d.id = v.value ORDER BY d.id;
