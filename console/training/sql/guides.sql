-- Guides that were mailed, and what became of them.

-- name: guide_last
-- The newest of a person; the mail has one recipient, whose delivery has the next id.
SELECT g.message, g.account, g.role, g.language, g.sent_ms,
       CASE WHEN g.state > 0 THEN g.state ELSE coalesce(d.state, -1) END,
       CASE WHEN g.state > 0 THEN g.changed_ms ELSE coalesce(d.changed_ms, 0) END,
       CASE WHEN g.state > 0 THEN g.reply ELSE coalesce(d.last_reply, '') END
FROM guide_sent AS g LEFT JOIN delivery AS d ON d.id = g.message + 1
WHERE g."user" = :user ORDER BY g.sent_ms DESC, g.message DESC LIMIT 1;

-- name: guide_settled
-- Those that have come to an end and are not noted yet.
SELECT g.message, d.state, d.changed_ms, d.last_reply
FROM guide_sent AS g JOIN delivery AS d ON d.id = g.message + 1
WHERE g.state = 0 AND d.state >= 10;

-- name: guide_insert
-- order: 148
-- rows: message, user, account, role, language, sent_ms
INSERT INTO guide_sent (message, "user", account, role, language, sent_ms)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5
FROM json_each(:rows) WHERE true
ON CONFLICT DO NOTHING;

-- name: guide_settle
-- order: 149
-- rows: message, state, changed_ms, reply
UPDATE guide_sent SET state = v.state, changed_ms = v.changed_ms, reply = v.reply
FROM (SELECT value->>0 AS message, value->>1 AS state, value->>2 AS changed_ms, value->>3 AS reply
      FROM json_each(:rows)) AS v
WHERE guide_sent.message = v.message;
