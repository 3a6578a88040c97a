-- What people did in a training account, and certificates.

-- name: training_account
SELECT name, kind FROM account WHERE id = :account;

-- name: training_done
-- Who did which exercise, and when first: from the audit trail and what the account holds.
SELECT e.actor_id, 'import', min(e.at_ms) FROM audit_entry AS e
WHERE e.account = :account AND e.actor_kind = 'user' AND e.action = 'upload.received'
  AND EXISTS (SELECT 1 FROM upload_reject AS r WHERE r.upload = CAST(e.object AS INTEGER))
GROUP BY e.actor_id
UNION ALL
SELECT e.actor_id,
       CASE e.action WHEN 'template.created' THEN 'template' WHEN 'template.saved' THEN 'template'
            WHEN 'campaign.created' THEN 'campaign' WHEN 'campaign.scheduled' THEN 'schedule'
            WHEN 'campaign.paused' THEN 'pause' END,
       min(e.at_ms)
FROM audit_entry AS e
WHERE e.account = :account AND e.actor_kind = 'user'
  AND e.action IN ('template.created', 'template.saved', 'campaign.created', 'campaign.scheduled',
                   'campaign.paused')
GROUP BY 1, 2
UNION ALL
SELECT h.actor, 'resume', min(h.at_ms) FROM campaign AS c
JOIN campaign_history AS h ON h.campaign = c.id
WHERE c.account = :account AND h.actor_kind = 'user' AND h.was = 'paused'
  AND h.became IN ('running', 'preparing', 'scheduled')
GROUP BY h.actor
UNION ALL
SELECT c.created_by, 'finish', min(c.changed_ms) FROM campaign AS c
WHERE c.account = :account AND c.created_by_kind = 'user' AND c.status = 'finished'
GROUP BY c.created_by
UNION ALL
SELECT e.actor_id, 'bounces', min(e.at_ms) FROM audit_entry AS e
WHERE e.account = :account AND e.actor_kind = 'user' AND e.action = 'recipients.exported'
  AND CASE WHEN json_valid(e.after) THEN e.after->>'$.who' END = 'bounced'
  -- An empty list teaches nothing: somebody has to have bounced.
  AND EXISTS (SELECT 1 FROM flow_count AS f
              WHERE f.flow = CAST(e.object AS INTEGER) AND f.state = 11 AND f.n > 0)
GROUP BY e.actor_id
UNION ALL
SELECT u.id, 'test', min(d.changed_ms) FROM console_user AS u
JOIN delivery AS d ON d.address = u.email AND d.state = 10
JOIN message AS m ON m.id = d.message AND m.account = :account
WHERE instr(m.tags, '"test"') > 0  -- a test, and one that the person sent
  AND EXISTS (SELECT 1 FROM audit_entry AS e
              WHERE e.account = :account AND e.actor_kind = 'user' AND e.actor_id = u.id
                AND e.action = 'campaign.tested')
GROUP BY u.id
UNION ALL
SELECT c.created_by, 'unsubscribe', min(s.created_ms) FROM campaign AS c
JOIN suppression AS s ON s.account = c.account AND s.reason = 'unsubscribe'
                     AND s.created_ms >= c.created_ms
WHERE c.account = :account AND c.created_by_kind = 'user'
GROUP BY c.created_by;

-- name: training_people
-- Who has a role in the account or above it.
WITH RECURSIVE path(id) AS (
    SELECT :account
    UNION ALL
    SELECT a.parent FROM account AS a JOIN path ON path.id = a.id WHERE a.parent IS NOT NULL)
SELECT DISTINCT u.id, u.email, coalesce(p.name, '') FROM path
JOIN membership AS m ON m.account = path.id
JOIN console_user AS u ON u.id = m."user" AND u.state = 'active'
LEFT JOIN user_profile AS p ON p."user" = u.id
ORDER BY u.email;

-- name: training_certificates
SELECT number, account, "user", person, email, institution, code, issued_ms
FROM training_certificate WHERE account = :account ORDER BY number;

-- name: training_certificate_by_code
SELECT number, account, "user", person, email, institution, code, issued_ms
FROM training_certificate WHERE code = :code;

-- name: training_certificate_insert
-- order: 147
-- Once for a person in an account; its number is given at the commit.
-- rows: account, user, person, email, institution, code, issued_ms
INSERT INTO training_certificate (number, account, "user", person, email, institution, code, issued_ms)
SELECT (SELECT coalesce(max(number), 0) FROM training_certificate) + 1 + key, value->>0, value->>1,
       value->>2, value->>3, value->>4, value->>5, value->>6
FROM json_each(:rows) WHERE true
ON CONFLICT DO NOTHING;
