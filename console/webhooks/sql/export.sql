-- What is exported of an account: webhooks. Paged by key; the keys come first.

-- name: export_webhook
-- Never a secret.
SELECT w.id,
       w.id, w.account, w.url, w.description, w.types, w.state, w.reason, w.created_ms
FROM webhook AS w
WHERE w.id > :after
  AND +w.account IN (SELECT value FROM json_each(:accounts))
ORDER BY w.id LIMIT :count;

-- name: export_webhook_delivery
SELECT d.id,
       d.id, d.webhook, d.kind, d.first, d.last, d.events, d.attempt, d.at_ms, d.took_ms, d.status,
       d.answer
FROM webhook_delivery AS d CROSS JOIN webhook AS w ON w.id = d.webhook
WHERE d.id > :after
  AND +w.account IN (SELECT value FROM json_each(:accounts))
ORDER BY d.id LIMIT :count;
