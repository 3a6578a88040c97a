-- What is exported of an account: automations. Paged by key; the keys come first.

-- name: export_automation
SELECT a.id,
       a.id, a.account, a.name, a.state, a.mode, a.version, a.sender, a.sender_name, a.created_ms,
       a.changed_ms
FROM automation AS a
WHERE a.id > :after
  AND +a.account IN (SELECT value FROM json_each(:accounts))
ORDER BY a.id LIMIT :count;

-- name: export_automation_version
SELECT v.automation, v.version,
       v.automation, v.version, v.definition, v.made_by, v.created_ms
FROM automation_version AS v CROSS JOIN automation AS a ON a.id = v.automation
WHERE (v.automation, v.version) > (:after, :after_2)
  AND +a.account IN (SELECT value FROM json_each(:accounts))
ORDER BY v.automation, v.version LIMIT :count;

-- name: export_enrolment
SELECT e.id,
       e.id, e.automation, e.version, e.contact, e.occasion, e.step, e.state, e.due_ms, e.facts,
       e.reason, e.entered_ms, e.changed_ms
FROM enrolment AS e CROSS JOIN automation AS a ON a.id = e.automation
WHERE e.id > :after
  AND +a.account IN (SELECT value FROM json_each(:accounts))
ORDER BY e.id LIMIT :count;
