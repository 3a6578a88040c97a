-- name: webhook_all
SELECT w.id, w.account, w.url, w.description, w.types, w.state, w.reason, w.generation,
       w.previous_until_ms, w.failing_since_ms, w.attempts, w.next_ms, w.upto, w.created_ms,
       coalesce(c.position, 0)
FROM webhook AS w LEFT JOIN event_cursor AS c ON c.name = 'webhook:' || w.id
ORDER BY w.id;

-- name: webhook_by_id
SELECT w.id, w.account, w.url, w.description, w.types, w.state, w.reason, w.generation,
       w.previous_until_ms, w.failing_since_ms, w.attempts, w.next_ms, w.upto, w.created_ms,
       coalesce(c.position, 0)
FROM webhook AS w LEFT JOIN event_cursor AS c ON c.name = 'webhook:' || w.id
WHERE w.id = :id;

-- name: webhook_news
-- Which accounts have which types of events in a span of the table.
SELECT DISTINCT account, type FROM event WHERE id > :after AND id <= :upto;

-- name: webhook_events
-- Events of an account in a span, with what receivers want to know of the mail. `types` is a JSON
-- array of codes, `[]` for all.
SELECT e.id, e.type, e.at_ms, e.account, e.flow, e.message, e.delivery, e.data,
       coalesce(d.address, ''), coalesce(m.tags, ''), coalesce(m.metadata, '')
FROM event AS e LEFT JOIN delivery AS d ON d.id = e.delivery
     LEFT JOIN message AS m ON m.id = e.message
WHERE e.id > :after AND e.id <= :upto AND e.account = :account
  AND (:types = '[]' OR e.type IN (SELECT value FROM json_each(:types)))
ORDER BY e.id LIMIT :count;

-- name: webhook_deliveries
-- The log of an endpoint, newest first.
SELECT id, webhook, kind, first, last, events, attempt, at_ms, took_ms, status, answer
FROM webhook_delivery WHERE webhook = :webhook AND id < :before ORDER BY id DESC LIMIT :count;

-- name: webhook_delivery_by_id
SELECT id, webhook, kind, first, last, events, attempt, at_ms, took_ms, status, answer
FROM webhook_delivery WHERE id = :id;

-- name: webhook_people
-- Whom to tell of an account's webhooks.
SELECT DISTINCT u.email, coalesce(nullif(p.language, ''), a.language)
FROM membership AS m JOIN console_user AS u ON u.id = m."user"
JOIN account AS a ON a.id = m.account
LEFT JOIN user_profile AS p ON p."user" = u.id
WHERE m.account = :account AND u.state = 'active'
  AND m.role IN ('owner', 'administrator', 'integrator')
ORDER BY u.email LIMIT 20;

-- name: webhook_insert
-- order: 70
-- rows: id, account, url, description, types, state, created_ms
INSERT INTO webhook (id, account, url, description, types, state, created_ms)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6
FROM json_each(:rows);

-- name: webhook_change
-- order: 71
-- What people set; the batch under way begins anew. rows: id, url, description, types
UPDATE webhook SET url = v.url, description = v.description, types = v.types,
                   attempts = 0, next_ms = 0, upto = 0
FROM (SELECT value->>0 AS id, value->>1 AS url, value->>2 AS description, value->>3 AS types
      FROM json_each(:rows)) AS v
WHERE webhook.id = v.id;

-- name: webhook_state
-- order: 72
-- rows: id, state, reason
UPDATE webhook SET state = v.state, reason = v.reason, failing_since_ms = 0, attempts = 0,
                   next_ms = 0, upto = 0
FROM (SELECT value->>0 AS id, value->>1 AS state, value->>2 AS reason FROM json_each(:rows)) AS v
WHERE webhook.id = v.id;

-- name: webhook_rotate
-- order: 73
-- rows: id, generation before, previous_until_ms
UPDATE webhook SET generation = webhook.generation + 1, previous_until_ms = v.until
FROM (SELECT value->>0 AS id, value->>1 AS generation, value->>2 AS until
      FROM json_each(:rows)) AS v
WHERE webhook.id = v.id AND webhook.generation = v.generation;

-- name: webhook_progress
-- order: 74
-- How the batch under way stands. rows: id, failing_since_ms, attempts, next_ms, upto
UPDATE webhook SET failing_since_ms = v.failing, attempts = v.attempts, next_ms = v.next,
                   upto = v.upto
FROM (SELECT value->>0 AS id, value->>1 AS failing, value->>2 AS attempts, value->>3 AS next,
             value->>4 AS upto FROM json_each(:rows)) AS v
WHERE webhook.id = v.id;

-- name: webhook_delete
-- order: 75
-- rows: id
DELETE FROM webhook WHERE id IN (SELECT value->>0 FROM json_each(:rows));

-- name: webhook_delivery_insert
-- order: 76
-- rows: webhook, kind, first, last, events, attempt, at_ms, took_ms, status, answer
INSERT INTO webhook_delivery (webhook, kind, first, last, events, attempt, at_ms, took_ms, status,
                              answer)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7,
       value->>8, value->>9
FROM json_each(:rows);

-- name: webhook_delivery_prune
-- order: 77
-- The log of an endpoint keeps its newest 5,000 lines. rows: webhook
DELETE FROM webhook_delivery WHERE id IN (
    SELECT d.id FROM (SELECT DISTINCT value->>0 AS webhook FROM json_each(:rows)) AS v
    JOIN webhook_delivery AS d ON d.webhook = v.webhook
    WHERE d.id <= (SELECT k.id FROM webhook_delivery AS k WHERE k.webhook = v.webhook
                   ORDER BY k.id DESC LIMIT 1 OFFSET 5000)
    LIMIT 1000);

-- name: webhook_delivery_delete
-- order: 78
-- The whole log of an endpoint that is no more. rows: webhook
DELETE FROM webhook_delivery WHERE webhook IN (SELECT value->>0 FROM json_each(:rows));
