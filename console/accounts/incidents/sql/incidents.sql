-- Incidents and what was said about them.

-- name: incident_last_id
SELECT max(coalesce((SELECT max(id) FROM incident), 0), coalesce((SELECT max(id) FROM incident_note), 0));

-- name: incident_by_number
SELECT id, number, account, category, subject, text, contact, state, reference, opened_by_kind,
       opened_by, opened_by_name, created_ms, changed_ms, closed_ms
FROM incident WHERE number = :number;

-- name: incident_page
-- The newest first, of the accounts in a JSON array (NULL: all), before a number; open ones only
-- where `is_open` is 1.
SELECT id, number, account, category, subject, text, contact, state, reference, opened_by_kind,
       opened_by, opened_by_name, created_ms, changed_ms, closed_ms
FROM incident
WHERE number < :before AND (:is_open = 0 OR state <> 'closed')
  AND (:accounts IS NULL OR account IN (SELECT value FROM json_each(:accounts)))
ORDER BY number DESC LIMIT :count;

-- name: incident_notes
SELECT id, author_kind, author_name, text, state, at_ms FROM incident_note
WHERE incident = :incident ORDER BY id;

-- name: incident_insert
-- order: 64
-- The number is given at the commit, so there is no gap and none twice.
-- rows: id, account, category, subject, text, contact, state, opened_by_kind, opened_by, opened_by_name, created_ms
INSERT INTO incident (id, number, account, category, subject, text, contact, state, opened_by_kind,
                      opened_by, opened_by_name, created_ms, changed_ms)
SELECT value->>0, (SELECT coalesce(max(number), 0) FROM incident) + 1 + key, value->>1, value->>2,
       value->>3, value->>4, value->>5, value->>6, value->>7, value->>8, value->>9, value->>10,
       value->>10
FROM json_each(:rows) WHERE true
ON CONFLICT DO NOTHING;

-- name: incident_change
-- order: 65
-- rows: id, state before, state, reference, changed_ms, closed_ms
UPDATE incident
SET state = v.state, reference = v.reference, changed_ms = v.changed_ms, closed_ms = v.closed_ms
FROM (SELECT value->>0 AS id, value->>1 AS was, value->>2 AS state, value->>3 AS reference,
             value->>4 AS changed_ms, value->>5 AS closed_ms FROM json_each(:rows)) AS v
WHERE incident.id = v.id AND incident.state = v.was;

-- name: incident_note_insert
-- order: 66
-- rows: id, incident, author_kind, author_name, text, state, at_ms
INSERT INTO incident_note (id, incident, author_kind, author_name, text, state, at_ms)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6
FROM json_each(:rows) WHERE true
ON CONFLICT DO NOTHING;
