-- What recipients choose on the page behind the unsubscribe link.

-- name: topics_of
-- The topics of an account on which an address is, or was until it left them.
SELECT l.id, l.name, c.id, m.status
FROM contact AS c JOIN list_member AS m ON m.contact = c.id JOIN contact_list AS l ON l.id = m.list
WHERE c.account = :account AND c.key = :key AND l.kind = 'topic' AND l.state = 'active'
ORDER BY l.name LIMIT 50;

-- name: topic_consent
-- order: 79
-- What a person has said of a topic. rows: id, account, contact, list, what, text_version, address,
-- agent, at_ms
INSERT INTO consent (id, account, contact, list, what, text_version, address, agent, at_ms)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7,
       value->>8
FROM json_each(:rows);
