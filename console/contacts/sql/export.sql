-- What is exported of an account: contacts, lists and consent. Paged by key; the keys come first.

-- name: export_contact
SELECT c.id,
       c.id, c.account, c.email, c.attrs, c.status, c.language, c.source, c.created_ms, c.changed_ms
FROM contact AS c
WHERE c.id > :after
  AND +c.account IN (SELECT value FROM json_each(:accounts))
ORDER BY c.id LIMIT :count;

-- name: export_contact_list
SELECT l.id,
       l.id, l.account, l.name, l.kind, l.optin, l.description, l.state, l.members, l.created_ms,
       l.changed_ms
FROM contact_list AS l
WHERE l.id > :after
  AND +l.account IN (SELECT value FROM json_each(:accounts))
ORDER BY l.id LIMIT :count;

-- name: export_list_member
SELECT m.list, m.contact,
       m.list, m.contact, m.status, m.changed_ms
FROM list_member AS m CROSS JOIN contact_list AS l ON l.id = m.list
WHERE (m.list, m.contact) > (:after, :after_2)
  AND +l.account IN (SELECT value FROM json_each(:accounts))
ORDER BY m.list, m.contact LIMIT :count;

-- name: export_consent
SELECT c.id,
       c.id, c.account, c.contact, c.list, c.what, c.text_version, c.address, c.agent, c.at_ms
FROM consent AS c
WHERE c.id > :after
  AND +c.account IN (SELECT value FROM json_each(:accounts))
ORDER BY c.id LIMIT :count;
