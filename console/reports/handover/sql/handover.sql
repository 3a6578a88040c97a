-- The hand-over: what people entered, and what is gathered from where it stands. Secrets are never
-- read here: not a hash, not a salt.

-- name: handover_last_id
SELECT max(coalesce((SELECT max(id) FROM handover_training), 0),
           coalesce((SELECT max(id) FROM handover_manual), 0));

-- name: handover_facts
SELECT name, value FROM handover_fact WHERE account = :account;

-- name: handover_trainings
SELECT id, account, held_on, place, teacher, topics, minutes, people, added_by, added_ms
FROM handover_training WHERE account = :account ORDER BY held_on, id;

-- name: handover_certificates
SELECT account, number, name, email, minutes, last_day, issued_by, issued_ms
FROM handover_certificate WHERE account = :account ORDER BY number;

-- name: handover_certificates_named
SELECT a.name, c.account, c.number, c.name, c.email, c.minutes, c.last_day, c.issued_by, c.issued_ms
FROM handover_certificate AS c JOIN account AS a ON a.id = c.account
ORDER BY c.account, c.number;

-- name: handover_manuals
-- Of an account and those below it.
WITH RECURSIVE below (id) AS (
    SELECT :account UNION SELECT a.id FROM below AS b JOIN account AS a ON a.parent = b.id)
SELECT id, account, kind, language, version, sha256, recipient, delivered_on, added_by, added_ms
FROM handover_manual WHERE account IN (SELECT id FROM below) ORDER BY delivered_on, id;

-- name: handover_accounts
-- An account and those below it, parents before children.
WITH RECURSIVE below (id, depth) AS (
    SELECT id, 0 FROM account WHERE id = :account
    UNION ALL SELECT a.id, b.depth + 1 FROM account AS a JOIN below AS b ON a.parent = b.id)
SELECT a.id, b.depth, a.name, a.kind, a.state, a.created_ms
FROM below AS b JOIN account AS a ON a.id = b.id ORDER BY b.depth, a.name;

-- name: handover_people
-- Who has a role in accounts (a JSON array).
SELECT u.email, coalesce(p.name, ''), m.role, a.name, u.state, m.created_ms,
       EXISTS (SELECT 1 FROM second_factor AS f WHERE f."user" = u.id AND f.state = 'active')
FROM membership AS m JOIN console_user AS u ON u.id = m."user" JOIN account AS a ON a.id = m.account
LEFT JOIN user_profile AS p ON p."user" = u.id
WHERE m.account IN (SELECT value FROM json_each(:accounts)) ORDER BY a.name, u.email;

-- name: handover_credentials
-- Keys of accounts (a JSON array): their names and public parts.
SELECT c.name, c.key_id, c.username, a.name, c.scopes, c.state, c.created_ms, c.expires_ms
FROM credential AS c JOIN account AS a ON a.id = c.account
WHERE c.account IN (SELECT value FROM json_each(:accounts)) ORDER BY a.name, c.name, c.id;

-- name: handover_domains
-- Sending domains of accounts (a JSON array).
SELECT d.domain, a.name, d.state, coalesce(s.verified_ms, 0)
FROM sending_domain AS d JOIN account AS a ON a.id = d.account
LEFT JOIN domain_status AS s ON s.domain = d.domain
WHERE d.account IN (SELECT value FROM json_each(:accounts)) ORDER BY d.domain;

-- name: handover_contract
-- The newest contract of an account, or of the one above it that has one.
WITH RECURSIVE above (id, depth) AS (
    SELECT :account, 0
    UNION ALL SELECT a.parent, b.depth + 1 FROM account AS a JOIN above AS b ON a.id = b.id
    WHERE a.parent > 0)
SELECT c.name, c.size, c.days, c.starts_on FROM above JOIN quota_contract AS c ON c.account = above.id
ORDER BY above.depth, c.id DESC LIMIT 1;

-- name: handover_fact_put
-- order: 64
-- rows: account, name, value
INSERT INTO handover_fact (account, name, value)
SELECT value->>0, value->>1, value->>2 FROM json_each(:rows) WHERE true
ON CONFLICT (account, name) DO UPDATE SET value = excluded.value;

-- name: handover_training_insert
-- order: 64
-- rows: id, account, held_on, place, teacher, topics, minutes, people, added_by, added_ms
INSERT INTO handover_training (id, account, held_on, place, teacher, topics, minutes, people,
                               added_by, added_ms)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7,
       value->>8, value->>9
FROM json_each(:rows);

-- name: handover_training_delete
-- order: 65
-- rows: id
DELETE FROM handover_training WHERE id IN (SELECT value->>0 FROM json_each(:rows));

-- name: handover_certificate_insert
-- order: 66
-- Numbers are given at the commit; who has one gets no second.
-- rows: account, name, email, minutes, last_day, issued_by, issued_ms
INSERT INTO handover_certificate (account, number, name, email, minutes, last_day, issued_by, issued_ms)
SELECT value->>0, (SELECT coalesce(max(number), 0) FROM handover_certificate
                   WHERE account = value->>0) + 1 + key,
       value->>1, value->>2, value->>3, value->>4, value->>5, value->>6
FROM json_each(:rows) WHERE true
ON CONFLICT DO NOTHING;

-- name: handover_manual_insert
-- order: 64
-- rows: id, account, kind, language, version, sha256, recipient, delivered_on, added_by, added_ms
INSERT INTO handover_manual (id, account, kind, language, version, sha256, recipient, delivered_on,
                             added_by, added_ms)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7,
       value->>8, value->>9
FROM json_each(:rows);

-- name: handover_manual_delete
-- order: 65
-- rows: id
DELETE FROM handover_manual WHERE id IN (SELECT value->>0 FROM json_each(:rows));
