-- Automations, their versions and figures.

-- name: automation_last_id
SELECT max(coalesce((SELECT max(id) FROM automation), 0), coalesce((SELECT max(id) FROM enrolment), 0));

-- name: automation_by_id
SELECT a.id, a.account, a.name, a.state, a.mode, a.version, v.definition, a.sender, a.sender_name,
       a.created_ms, a.changed_ms
FROM automation AS a JOIN automation_version AS v ON v.automation = a.id AND v.version = a.version
WHERE a.id = :automation;

-- name: automation_page
-- Of the accounts in a JSON array (NULL: all), the newest first, before an id.
SELECT a.id, a.account, a.name, a.state, a.mode, a.version, v.definition, a.sender, a.sender_name,
       a.created_ms, a.changed_ms
FROM automation AS a JOIN automation_version AS v ON v.automation = a.id AND v.version = a.version
WHERE a.id < :before AND (:archived = 1 OR a.state <> 'archived')
  AND (:accounts IS NULL OR a.account IN (SELECT value FROM json_each(:accounts)))
ORDER BY a.id DESC LIMIT :count;

-- name: automations_active
SELECT a.id, a.account, a.name, a.state, a.mode, a.version, v.definition, a.sender, a.sender_name,
       a.created_ms, a.changed_ms
FROM automation AS a JOIN automation_version AS v ON v.automation = a.id AND v.version = a.version
WHERE a.state = 'active';

-- name: automation_looks
-- When dates and calendars are looked at next, and how far a look has come.
SELECT id, next_ms, place FROM automation WHERE state = 'active' AND next_ms > 0;

-- name: automation_definition
SELECT definition FROM automation_version WHERE automation = :automation AND version = :version;

-- name: automation_versions
SELECT version, made_by, created_ms FROM automation_version WHERE automation = :automation
ORDER BY version DESC;

-- name: automation_counts
SELECT step, what, n FROM automation_count WHERE automation = :automation;

-- name: automation_insert
-- order: 64
-- rows: id, account, name, state, mode, version, sender, sender_name, now_ms
INSERT INTO automation (id, account, name, state, mode, version, sender, sender_name, created_ms,
                        changed_ms)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7,
       value->>8, value->>8
FROM json_each(:rows) WHERE true
ON CONFLICT DO NOTHING;

-- name: automation_change
-- order: 65
-- rows: id, changed_ms before, name, mode, version, sender, sender_name, changed_ms
UPDATE automation
SET name = v.name, mode = v.mode, version = v.version, sender = v.sender,
    sender_name = v.sender_name, changed_ms = v.changed_ms
FROM (SELECT value->>0 AS id, value->>1 AS was, value->>2 AS name, value->>3 AS mode,
             value->>4 AS version, value->>5 AS sender, value->>6 AS sender_name,
             value->>7 AS changed_ms FROM json_each(:rows)) AS v
WHERE automation.id = v.id AND automation.changed_ms = v.was;

-- name: automation_state
-- order: 65
-- rows: id, state before, state, next_ms, changed_ms
UPDATE automation
SET state = v.state, next_ms = v.next_ms, place = 0, changed_ms = v.changed_ms
FROM (SELECT value->>0 AS id, value->>1 AS was, value->>2 AS state, value->>3 AS next_ms,
             value->>4 AS changed_ms FROM json_each(:rows)) AS v
WHERE automation.id = v.id AND automation.state = v.was;

-- name: automation_look
-- order: 66
-- How far a look has come. rows: id, next_ms before, next_ms, place
UPDATE automation SET next_ms = v.next_ms, place = v.place
FROM (SELECT value->>0 AS id, value->>1 AS was, value->>2 AS next_ms, value->>3 AS place
      FROM json_each(:rows)) AS v
WHERE automation.id = v.id AND automation.next_ms = v.was AND automation.state = 'active';

-- name: automation_version_insert
-- order: 64
-- rows: automation, version, definition, made_by, now_ms
INSERT INTO automation_version (automation, version, definition, made_by, created_ms)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4
FROM json_each(:rows) WHERE true
ON CONFLICT DO NOTHING;

-- name: automation_count_add
-- order: 68
-- rows: automation, step, what, n
INSERT INTO automation_count (automation, step, what, n)
SELECT value->>0, value->>1, value->>2, sum(value->>3)
FROM json_each(:rows) WHERE true
GROUP BY 1, 2, 3
ON CONFLICT (automation, step, what) DO UPDATE SET n = n + excluded.n;

-- name: automation_cursor
SELECT place FROM automation_cursor WHERE name = :name;

-- name: automation_cursor_put
-- order: 69
-- rows: name, place
INSERT INTO automation_cursor (name, place)
SELECT value->>0, value->>1 FROM json_each(:rows) WHERE true
ON CONFLICT (name) DO UPDATE SET place = excluded.place WHERE excluded.place > automation_cursor.place;

-- name: automation_generation
SELECT generation, previous_until_ms FROM automation WHERE id = :automation;

-- name: automation_rotate
-- order: 65
-- rows: id, generation before, previous_until_ms
UPDATE automation SET generation = automation.generation + 1, previous_until_ms = v.until_ms
FROM (SELECT value->>0 AS id, value->>1 AS was, value->>2 AS until_ms FROM json_each(:rows)) AS v
WHERE automation.id = v.id AND automation.generation = v.was;
