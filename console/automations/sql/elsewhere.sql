-- What automations read of campaigns and tracking.

-- name: automation_campaigns
SELECT id, name FROM campaign WHERE account = :account ORDER BY id DESC LIMIT 200;

-- name: automation_campaign
SELECT 1 FROM campaign WHERE id = :campaign AND account = :account;

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

-- name: automation_person
-- Who signs in with an address and has a role in the account or above it.
WITH RECURSIVE line (id) AS (
    SELECT :account
    UNION
    SELECT a.parent FROM account AS a JOIN line ON line.id = a.id WHERE a.parent IS NOT NULL
)
SELECT u.id FROM console_user AS u
WHERE u.email = :email AND u.state = 'active' AND EXISTS (
    SELECT 1 FROM membership AS m WHERE m."user" = u.id AND m.account IN (SELECT id FROM line)
);
