-- The register of incidents: the newest judgement of each, notices, refunds, deadlines.

-- name: register_last_id
SELECT max(coalesce((SELECT max(id) FROM incident_judgement), 0),
           coalesce((SELECT max(id) FROM incident_notice), 0));

-- name: register_page
-- The newest first, before a number, of the accounts in a JSON array (NULL: all). Empty filters take
-- everything; `closed`: '' | open | closed; `until`: deadlines before it that nobody kept, 0: all.
-- Who told the authority first is `told_ms`, NULL while nobody did.
SELECT i.id, i.number, i.account, i.category, i.subject, i.text, i.contact, i.state, i.reference,
       i.opened_by_kind, i.opened_by, i.opened_by_name, i.created_ms, i.changed_ms, i.closed_ms,
       j.kind, j.severity, j.began_ms, j.known_ms, j.needs_notice, j.happened, j.data, j.people,
       j.measures, j.author_name, j.at_ms,
       (SELECT min(n.told_ms) FROM incident_notice AS n
        WHERE n.incident = i.id AND n.whom = 'authority') AS told_ms
FROM incident AS i LEFT JOIN incident_judgement AS j ON j.id = (
    SELECT max(id) FROM incident_judgement WHERE incident = i.id)
WHERE i.number < :before
  AND (:number = 0 OR i.number = :number)
  AND (:accounts IS NULL OR i.account IN (SELECT value FROM json_each(:accounts)))
  AND (:closed = '' OR (i.state = 'closed') = (:closed = 'closed'))
  AND (:severity = '' OR coalesce(j.severity, 'medium') = :severity)
  AND (:kind = '' OR :kind = coalesce(j.kind, CASE
        WHEN i.category = 'security' THEN 'security'
        WHEN i.category IN ('failed_sends', 'delivery') THEN 'service' ELSE 'request' END))
  AND i.created_ms >= :since AND i.created_ms < :until
ORDER BY i.number DESC LIMIT :count;

-- name: register_due
-- Security incidents whose authority is to be told and was not, with the warnings that were sent.
SELECT i.number, coalesce(j.known_ms, i.created_ms),
       (SELECT coalesce(json_group_array(a.step), '[]') FROM incident_alert AS a
        WHERE a.incident = i.id)
FROM incident AS i LEFT JOIN incident_judgement AS j ON j.id = (
    SELECT max(id) FROM incident_judgement WHERE incident = i.id)
WHERE CASE WHEN j.id IS NULL THEN i.category = 'security'
           ELSE j.kind = 'security' AND j.needs_notice = 1 END
  AND NOT EXISTS (SELECT 1 FROM incident_notice AS n
                  WHERE n.incident = i.id AND n.whom = 'authority')
ORDER BY i.id;

-- name: register_judgements
SELECT id, kind, severity, began_ms, known_ms, needs_notice, happened, data, people, measures,
       author_name, at_ms
FROM incident_judgement WHERE incident = :incident ORDER BY id;

-- name: register_notices
SELECT id, whom, name, way, told_ms, text, author_name, at_ms FROM incident_notice
WHERE incident = :incident ORDER BY id;

-- name: register_refunds
SELECT r.refund, q.n, q.state, q.reason, r.author_name, r.at_ms
FROM incident_refund AS r JOIN quota_refund AS q ON q.id = r.refund
WHERE r.incident = :incident ORDER BY r.at_ms, r.refund;

-- name: register_of_refund
-- Incidents that led to a refund.
SELECT i.number, i.subject, i.account, i.state
FROM incident_refund AS r JOIN incident AS i ON i.id = r.incident
WHERE r.refund = :refund ORDER BY i.number;

-- name: register_refund_choices
-- The latest refunds of accounts (a JSON array; NULL: all), or one by its id.
SELECT id, account, n, state, reason, created_ms FROM quota_refund
WHERE (:accounts IS NULL OR account IN (SELECT value FROM json_each(:accounts)))
  AND (:refund = 0 OR id = :refund)
ORDER BY id DESC LIMIT 50;

-- name: register_judge
-- order: 67
-- rows: id, incident, kind, severity, began_ms, known_ms, needs_notice, happened, data, people, measures, author_kind, author_name, at_ms
INSERT INTO incident_judgement (id, incident, kind, severity, began_ms, known_ms, needs_notice,
                                happened, data, people, measures, author_kind, author_name, at_ms)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7,
       value->>8, value->>9, value->>10, value->>11, value->>12, value->>13
FROM json_each(:rows) WHERE true
ON CONFLICT DO NOTHING;

-- name: register_tell
-- order: 68
-- rows: id, incident, whom, name, way, told_ms, text, author_kind, author_name, at_ms
INSERT INTO incident_notice (id, incident, whom, name, way, told_ms, text, author_kind, author_name,
                             at_ms)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7,
       value->>8, value->>9
FROM json_each(:rows) WHERE true
ON CONFLICT DO NOTHING;

-- name: register_link
-- order: 69
-- rows: incident, refund, author_name, at_ms
INSERT INTO incident_refund (incident, refund, author_name, at_ms)
SELECT value->>0, value->>1, value->>2, value->>3 FROM json_each(:rows) WHERE true
ON CONFLICT DO NOTHING;

-- name: register_alert
-- order: 69
-- rows: incident number, step, at_ms
INSERT INTO incident_alert (incident, step, at_ms)
SELECT i.id, v.value->>1, v.value->>2
FROM json_each(:rows) AS v JOIN incident AS i ON i.number = v.value->>0
WHERE true
ON CONFLICT DO NOTHING;
