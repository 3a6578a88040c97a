-- Contacts, lists and who is on them.

-- name: contact_by_id
SELECT id, account, email, attrs, status, language, source, created_ms, changed_ms
FROM contact WHERE id = :contact;

-- name: contact_by_key
SELECT id, account, email, attrs, status, language, source, created_ms, changed_ms
FROM contact WHERE account = :account AND key = :key;

-- name: contacts_of
-- Those of an account among the ids in a JSON array.
SELECT id, account, email, attrs, status, language, source, created_ms, changed_ms
FROM contact WHERE account = :account AND id IN (SELECT value FROM json_each(:contacts));

-- name: contact_page
-- The newest first, before an id; `like` is a pattern of the address, '' for all.
SELECT id, account, email, attrs, status, language, source, created_ms, changed_ms
FROM contact
WHERE account = :account AND id < :before AND (:like = '' OR key LIKE :like ESCAPE '\')
ORDER BY id DESC LIMIT :count;

-- name: contact_page_up
-- By id from behind `after`: for automations and audiences.
SELECT id, account, email, attrs, status, language, source, created_ms, changed_ms
FROM contact WHERE account = :account AND id > :after ORDER BY id LIMIT :count;

-- name: contact_lists_of
SELECT l.id, l.name, m.status, m.changed_ms FROM list_member AS m
JOIN contact_list AS l ON l.id = m.list WHERE m.contact = :contact ORDER BY l.name;

-- name: contact_put
-- order: 64
-- A new contact, or new values for a known one. rows: id, account, email, key, attrs, source, now_ms
INSERT INTO contact (id, account, email, key, attrs, source, created_ms, changed_ms)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>6
FROM json_each(:rows) WHERE true
ON CONFLICT (account, key) DO UPDATE
SET attrs = json_patch(contact.attrs, excluded.attrs), changed_ms = excluded.changed_ms,
    status = CASE contact.status WHEN 'pending' THEN 'active' ELSE contact.status END;

-- name: contact_change
-- order: 65
-- rows: id, email, key, attrs, status, now_ms
UPDATE contact SET email = v.email, key = v.key, attrs = v.attrs, status = v.status,
                   changed_ms = v.now_ms
FROM (SELECT value->>0 AS id, value->>1 AS email, value->>2 AS key, value->>3 AS attrs,
             value->>4 AS status, value->>5 AS now_ms FROM json_each(:rows)) AS v
WHERE contact.id = v.id;

-- name: contact_remove
-- order: 69
-- rows: id
DELETE FROM contact WHERE id IN (SELECT value->>0 FROM json_each(:rows));

-- name: contact_leave_all
-- order: 68
-- rows: contact
DELETE FROM list_member WHERE contact IN (SELECT value->>0 FROM json_each(:rows));

-- name: list_by_id
SELECT id, account, name, kind, optin, description, state, members, created_ms, changed_ms
FROM contact_list WHERE id = :list;

-- name: list_page
SELECT id, account, name, kind, optin, description, state, members, created_ms, changed_ms
FROM contact_list
WHERE (:accounts IS NULL OR account IN (SELECT value FROM json_each(:accounts)))
  AND state = 'active'
ORDER BY name LIMIT 1000;

-- name: list_insert
-- order: 64
-- rows: id, account, name, kind, optin, description, now_ms
INSERT INTO contact_list (id, account, name, kind, optin, description, created_ms, changed_ms)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>6
FROM json_each(:rows) WHERE true
ON CONFLICT DO NOTHING;

-- name: list_change
-- order: 65
-- rows: id, name, description, state, now_ms
UPDATE contact_list SET name = v.name, description = v.description, state = v.state,
                        changed_ms = v.now_ms
FROM (SELECT value->>0 AS id, value->>1 AS name, value->>2 AS description, value->>3 AS state,
             value->>4 AS now_ms FROM json_each(:rows)) AS v
WHERE contact_list.id = v.id;

-- name: list_members
-- By contact from behind `after`; a status, or '' for all.
SELECT c.id, c.account, c.email, c.attrs, c.status, c.language, c.source, c.created_ms,
       c.changed_ms, m.status
FROM list_member AS m JOIN contact AS c ON c.id = m.contact
WHERE m.list = :list AND m.contact > :after AND (:status = '' OR m.status = :status)
ORDER BY m.contact LIMIT :count;

-- name: list_member_put
-- order: 67
-- Whoever unsubscribed stays so: only the person comes back. A list that asks confirms nobody here.
-- rows: list, contact, status, now_ms
INSERT INTO list_member (list, contact, status, changed_ms)
SELECT v.value->>0, v.value->>1,
       CASE WHEN l.optin = 'double' THEN 'unconfirmed' ELSE v.value->>2 END, v.value->>3
FROM json_each(:rows) AS v LEFT JOIN contact_list AS l ON l.id = v.value->>0 WHERE true
ON CONFLICT (list, contact) DO UPDATE SET status = excluded.status, changed_ms = excluded.changed_ms
WHERE list_member.status = 'unconfirmed' AND excluded.status = 'confirmed';

-- name: list_member_put_by_key
-- order: 67
-- The same for contacts known by their address. rows: list, account, key, status, now_ms
INSERT INTO list_member (list, contact, status, changed_ms)
SELECT v.value->>0, c.id, v.value->>3, v.value->>4
FROM json_each(:rows) AS v JOIN contact AS c ON c.account = v.value->>1 AND c.key = v.value->>2
WHERE true
ON CONFLICT (list, contact) DO UPDATE SET status = excluded.status, changed_ms = excluded.changed_ms
WHERE list_member.status = 'unconfirmed' AND excluded.status = 'confirmed';

-- name: list_member_status
-- order: 67
-- rows: list, contact, status, now_ms
UPDATE list_member SET status = v.status, changed_ms = v.now_ms
FROM (SELECT value->>0 AS list, value->>1 AS contact, value->>2 AS status, value->>3 AS now_ms
      FROM json_each(:rows)) AS v
WHERE list_member.list = v.list AND list_member.contact = v.contact;

-- name: list_member_remove
-- order: 67
-- rows: list, contact
DELETE FROM list_member
WHERE (list, contact) IN (SELECT value->>0, value->>1 FROM json_each(:rows));

-- name: member_events
SELECT e.id, e.list, e.contact, e.confirmed, e.at_ms, l.account FROM member_event AS e
JOIN contact_list AS l ON l.id = e.list WHERE e.id > :after ORDER BY e.id LIMIT :count;

-- name: audience_members
-- Confirmed members of some lists and of none of others, not blocked, by contact.
SELECT c.id, c.email, c.key, c.attrs FROM contact AS c
WHERE c.account = :account AND c.id > :after AND c.status = 'active'
  AND EXISTS (SELECT 1 FROM json_each(:include) AS i JOIN list_member AS m
              ON m.list = i.value AND m.contact = c.id AND m.status = 'confirmed')
  AND NOT EXISTS (SELECT 1 FROM json_each(:exclude) AS e JOIN list_member AS m
                  ON m.list = e.value AND m.contact = c.id)
ORDER BY c.id LIMIT :count;
