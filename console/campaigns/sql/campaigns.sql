-- Campaigns and what happened to them.

-- name: campaign_last_id
SELECT coalesce(max(id), 0) FROM campaign;

-- name: campaign_by_id
SELECT id, account, name, status, reason, note, etag, content, audience, plan, approval, parent,
       parent_kind, frozen, figures, is_settled, created_by_kind, created_by, created_by_name,
       created_ms, changed_ms, accepted
FROM campaign WHERE id = :id;

-- name: campaign_needs_audience
-- Whether one that is not over is sent to it.
SELECT 1 FROM campaign
WHERE account = :account AND is_settled = 0 AND audience->>'audience' = :audience LIMIT 1;

-- name: campaign_page
-- The newest first, before an id, of the accounts in a JSON array (NULL: all), in the statuses of a
-- JSON array (`[]`: any).
SELECT id, account, name, status, reason, note, etag, content, audience, plan, approval, parent,
       parent_kind, frozen, figures, is_settled, created_by_kind, created_by, created_by_name,
       created_ms, changed_ms, accepted
FROM campaign
WHERE id < :before
  AND (:accounts IS NULL OR account IN (SELECT value FROM json_each(:accounts)))
  AND (:statuses = '[]' OR status IN (SELECT value FROM json_each(:statuses)))
ORDER BY id DESC LIMIT :count;

-- name: campaign_calendar
-- Those of an account that have an hour in a span, in its order: of their start, else the planned
-- one, else of the last change. The expression is that of the index.
SELECT id, name, status, reason,
       coalesce(nullif(figures->>'started_ms', 0), nullif(plan->>'send_at_ms', 0), changed_ms)
FROM campaign
WHERE account = :account AND status NOT IN ('draft', 'in_review', 'approved')
  AND coalesce(nullif(figures->>'started_ms', 0), nullif(plan->>'send_at_ms', 0), changed_ms)
      >= :from_ms
  AND coalesce(nullif(figures->>'started_ms', 0), nullif(plan->>'send_at_ms', 0), changed_ms)
      < :to_ms
ORDER BY 5, id LIMIT :count;

-- name: campaign_unsettled
-- What the runner looks after, in the order in which it was made.
SELECT id, account, name, status, reason, note, etag, content, audience, plan, approval, parent,
       parent_kind, frozen, figures, is_settled, created_by_kind, created_by, created_by_name,
       created_ms, changed_ms, accepted
FROM campaign
WHERE is_settled = 0 AND status NOT IN ('draft', 'approved') AND id > :after
ORDER BY id LIMIT :count;

-- name: campaign_history_of
SELECT was, became, reason, note, actor_kind, actor, actor_name, at_ms
FROM campaign_history WHERE campaign = :campaign ORDER BY id;

-- name: campaign_insert
-- order: 120
-- rows: id, account, name, status, content, audience, plan, parent, parent_kind, created_by_kind,
-- created_by, created_by_name, created_ms
INSERT INTO campaign (id, account, name, status, etag, content, audience, plan, parent, parent_kind,
                      created_by_kind, created_by, created_by_name, created_ms, changed_ms)
SELECT value->>0, value->>1, value->>2, value->>3, 1, value->>4, value->>5, value->>6, value->>7,
       value->>8, value->>9, value->>10, value->>11, value->>12, value->>12
FROM json_each(:rows) WHERE true
ON CONFLICT DO NOTHING;

-- name: campaign_put
-- order: 121
-- What people change, and the status; guarded by the etag that was seen. rows: id, etag, name,
-- status, reason, note, content, audience, plan, approval, changed_ms, accepted
UPDATE campaign
SET etag = campaign.etag + 1, name = v.name, status = v.status, reason = v.reason, note = v.note,
    content = v.content, audience = v.audience, plan = v.plan, approval = v.approval,
    changed_ms = v.at, accepted = v.accepted
FROM (SELECT value->>0 AS id, value->>1 AS etag, value->>2 AS name, value->>3 AS status,
             value->>4 AS reason, value->>5 AS note, value->>6 AS content, value->>7 AS audience,
             value->>8 AS plan, value->>9 AS approval, value->>10 AS at,
             value->>11 AS accepted
      FROM json_each(:rows)) AS v
WHERE campaign.id = v.id AND campaign.etag = v.etag;

-- name: campaign_frozen_put
-- order: 122
-- rows: id, frozen
UPDATE campaign SET frozen = v.frozen
FROM (SELECT value->>0 AS id, value->>1 AS frozen FROM json_each(:rows)) AS v
WHERE campaign.id = v.id;

-- name: campaign_figures_put
-- order: 123
-- rows: id, figures
UPDATE campaign SET figures = v.figures
FROM (SELECT value->>0 AS id, value->>1 AS figures FROM json_each(:rows)) AS v
WHERE campaign.id = v.id;

-- name: campaign_settle
-- order: 124
-- rows: id
UPDATE campaign SET is_settled = 1 WHERE id IN (SELECT value->>0 FROM json_each(:rows));

-- name: campaign_history_insert
-- order: 125
-- rows: campaign, was, became, reason, note, actor_kind, actor, actor_name, at_ms
INSERT INTO campaign_history (campaign, was, became, reason, note, actor_kind, actor, actor_name,
                              at_ms)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7,
       value->>8
FROM json_each(:rows);

-- name: campaign_span
-- The next piece of the deliveries of some messages (a JSON array, in rising order): its last id,
-- and how many they are.
SELECT coalesce(max(id), 0), count(*)
FROM (SELECT id FROM delivery WHERE message IN (SELECT value FROM json_each(:messages))
      AND id > :after ORDER BY id LIMIT :size);

-- name: campaign_again
-- Deliveries of such a piece in some states: whom to write to again.
SELECT id, address, merge, contact FROM delivery
WHERE message IN (SELECT value FROM json_each(:messages)) AND id > :after AND id <= :upto
  AND state IN (SELECT value FROM json_each(:states))
ORDER BY id LIMIT :count;

-- name: campaign_again_unopened
-- The same without those who opened or clicked; an automatic open is none.
SELECT d.id, d.address, d.merge, d.contact FROM delivery AS d
     LEFT JOIN engagement AS e ON e.delivery = d.id
WHERE d.message IN (SELECT value FROM json_each(:messages)) AND d.id > :after AND d.id <= :upto
  AND d.state IN (SELECT value FROM json_each(:states))
  AND (e.delivery IS NULL OR e.opened_ms = 0)
ORDER BY d.id LIMIT :count;

-- name: campaign_again_count
SELECT count(*) FROM delivery
WHERE message IN (SELECT value FROM json_each(:messages))
  AND state IN (SELECT value FROM json_each(:states));

-- name: campaign_again_unopened_count
SELECT count(*) FROM delivery AS d LEFT JOIN engagement AS e ON e.delivery = d.id
WHERE d.message IN (SELECT value FROM json_each(:messages))
  AND d.state IN (SELECT value FROM json_each(:states))
  AND (e.delivery IS NULL OR e.opened_ms = 0);

-- name: campaign_sites
-- Deliveries of such a piece by site and state, with a reply of those that are put off.
SELECT site, state, count(*), max(CASE WHEN state = 0 THEN last_reply ELSE '' END)
FROM delivery
WHERE message IN (SELECT value FROM json_each(:messages)) AND id > :after AND id <= :upto
GROUP BY site, state;

-- name: campaign_recipients
-- Deliveries of such a piece in some states (`[]`: any), in the order in which they were made.
SELECT d.id, d.n, d.message, d.address, d.state, d.attempts, d.changed_ms, d.last_reply,
       d.last_host, d.contact
FROM delivery AS d
WHERE d.message IN (SELECT value FROM json_each(:messages)) AND d.id > :after AND d.id <= :upto
  AND (:states = '[]' OR d.state IN (SELECT value FROM json_each(:states)))
ORDER BY d.id LIMIT :count;

-- name: campaign_names
-- Names of an account's campaigns that begin with a text.
SELECT name FROM campaign WHERE account = :account AND substr(name, 1, length(:start)) = :start;
