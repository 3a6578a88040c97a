-- What is exported of an account: campaigns. Paged by key; the keys come first.

-- name: export_campaign
SELECT c.id,
       c.id, c.account, c.name, c.status, c.reason, c.note, c.content, c.audience, c.plan, c.parent,
       c.frozen, c.figures, c.created_by_name, c.created_ms, c.changed_ms
FROM campaign AS c
WHERE c.id > :after
  AND +c.account IN (SELECT value FROM json_each(:accounts))
ORDER BY c.id LIMIT :count;

-- name: export_campaign_history
SELECT h.id,
       h.id, h.campaign, h.was, h.became, h.reason, h.note, h.actor_kind, h.actor_name, h.at_ms
FROM campaign_history AS h CROSS JOIN campaign AS c ON c.id = h.campaign
WHERE h.id > :after
  AND +c.account IN (SELECT value FROM json_each(:accounts))
ORDER BY h.id LIMIT :count;
