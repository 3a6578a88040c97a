-- What automations read of campaigns and tracking.

-- name: automation_campaigns
SELECT id, name FROM campaign WHERE account = :account ORDER BY id DESC LIMIT 200;

-- name: automation_opened
SELECT delivery FROM engagement
WHERE delivery IN (SELECT value FROM json_each(:deliveries)) AND (opened_ms > 0 OR clicked_ms > 0);

-- name: automation_clicked
SELECT delivery FROM engagement
WHERE delivery IN (SELECT value FROM json_each(:deliveries)) AND clicked_ms > 0;

-- name: automation_flows
-- The flows of campaigns that have one.
SELECT id, json_extract(frozen, '$.flow') FROM campaign
WHERE id IN (SELECT value FROM json_each(:campaigns)) AND json_extract(frozen, '$.flow') > 0;

-- name: automation_contacts
SELECT id, contact FROM delivery
WHERE id IN (SELECT value FROM json_each(:deliveries)) AND contact > 0;
