-- Double opt-in.

-- name: optin_of_list
SELECT l.id, l.account, l.name, l.optin, l.state, coalesce(o.is_open, 0), coalesce(o.wording, 0),
       coalesce(w.text, '')
FROM contact_list AS l LEFT JOIN optin_list AS o ON o.list = l.id
LEFT JOIN optin_wording AS w ON w.list = o.list AND w.n = o.wording
WHERE l.id = :list;

-- name: optin_asked
-- What is known of somebody who was asked.
SELECT m.status, coalesce(a.asked_ms, 0), c.email, c.language, c.status, c.account
FROM list_member AS m JOIN contact AS c ON c.id = m.contact
LEFT JOIN optin_ask AS a ON a.list = m.list AND a.contact = m.contact
WHERE m.list = :list AND m.contact = :contact;

-- name: optin_waiting
-- Unconfirmed members that nobody has asked yet.
SELECT m.contact FROM list_member AS m
WHERE m.list = :list AND m.status = 'unconfirmed'
  AND NOT EXISTS (SELECT 1 FROM optin_ask AS a WHERE a.list = m.list AND a.contact = m.contact)
ORDER BY m.contact LIMIT :count;

-- name: optin_asked_since
SELECT count(*) FROM optin_ask WHERE account = :account AND asked_ms > :since;

-- name: optin_stale
-- Who came by a form before a time, and was not asked since.
SELECT c.id FROM contact AS c
WHERE c.status = 'pending' AND c.created_ms < :before
  AND NOT EXISTS (SELECT 1 FROM list_member AS m
                  JOIN optin_ask AS a ON a.list = m.list AND a.contact = m.contact
                  WHERE m.contact = c.id AND a.asked_ms > :before)
ORDER BY c.created_ms LIMIT :count;

-- name: optin_forget_consent
-- order: 79
-- Without where from. rows: contact
UPDATE consent SET address = '', agent = ''
WHERE contact IN (SELECT value->>0 FROM json_each(:rows));

-- name: optin_list_put
-- order: 65
-- rows: list, is_open, wording
INSERT INTO optin_list (list, is_open, wording)
SELECT value->>0, value->>1, value->>2 FROM json_each(:rows) WHERE true
ON CONFLICT (list) DO UPDATE SET is_open = excluded.is_open, wording = excluded.wording;

-- name: optin_wording_insert
-- order: 65
-- rows: list, n, text, now_ms
INSERT INTO optin_wording (list, n, text, since_ms)
SELECT value->>0, value->>1, value->>2, value->>3 FROM json_each(:rows) WHERE true
ON CONFLICT DO NOTHING;

-- name: optin_list_kind
-- order: 65
-- rows: list, optin, now_ms
UPDATE contact_list SET optin = v.optin, changed_ms = v.now_ms
FROM (SELECT value->>0 AS id, value->>1 AS optin, value->>2 AS now_ms
      FROM json_each(:rows)) AS v
WHERE contact_list.id = v.id;

-- name: optin_contact
-- order: 64
-- Whoever came by a form is in no audience before the first confirmation.
-- rows: id, account, email, key, language, now_ms
INSERT INTO contact (id, account, email, key, status, language, source, created_ms, changed_ms)
SELECT value->>0, value->>1, value->>2, value->>3, 'pending', value->>4, 'form', value->>5,
       value->>5
FROM json_each(:rows) WHERE true
ON CONFLICT DO NOTHING;

-- name: optin_join
-- order: 67
-- Who is on the list in whatever way stays so. rows: list, contact, now_ms
INSERT INTO list_member (list, contact, status, changed_ms)
SELECT value->>0, value->>1, 'unconfirmed', value->>2 FROM json_each(:rows) WHERE true
ON CONFLICT DO NOTHING;

-- name: optin_ask_put
-- order: 68
-- Not again within 10 minutes, nor more than three times a day.
-- rows: list, contact, account, now_ms
INSERT INTO optin_ask (list, contact, account, asked_ms, asks, since_ms)
SELECT value->>0, value->>1, value->>2, value->>3, 1, value->>3 FROM json_each(:rows) WHERE true
ON CONFLICT (list, contact) DO UPDATE
SET asked_ms = excluded.asked_ms,
    asks = CASE WHEN optin_ask.since_ms <= excluded.asked_ms - 86400000 THEN 1
                ELSE optin_ask.asks + 1 END,
    since_ms = CASE WHEN optin_ask.since_ms <= excluded.asked_ms - 86400000 THEN excluded.asked_ms
                    ELSE optin_ask.since_ms END
WHERE optin_ask.asked_ms <= excluded.asked_ms - 600000
  AND (optin_ask.asks < 3 OR optin_ask.since_ms <= excluded.asked_ms - 86400000);

-- name: optin_ask_used
-- order: 68
-- Its token is good for nothing any more. rows: list, contact, asked_ms
UPDATE optin_ask SET asked_ms = 0
WHERE (list, contact, asked_ms) IN (
    SELECT value->>0, value->>1, value->>2 FROM json_each(:rows));

-- name: optin_confirm
-- order: 67
-- The person says so: also one who had left. rows: list, contact, now_ms
UPDATE list_member SET status = 'confirmed', changed_ms = v.now_ms
FROM (SELECT value->>0 AS list, value->>1 AS contact, value->>2 AS now_ms
      FROM json_each(:rows)) AS v
WHERE list_member.list = v.list AND list_member.contact = v.contact
  AND list_member.status <> 'confirmed';

-- name: optin_contact_active
-- order: 66
-- rows: contact
UPDATE contact SET status = 'active'
WHERE id IN (SELECT value->>0 FROM json_each(:rows)) AND status = 'pending';

-- name: consent_insert
-- order: 79
-- rows: id, account, contact, list, what, text_version, address, agent, at_ms
INSERT INTO consent (id, account, contact, list, what, text_version, address, agent, at_ms)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7,
       value->>8
FROM json_each(:rows);

-- name: consent_page
-- The newest first, before an id; of a list, or 0 for all; of one kind, or '' for all.
SELECT a.id, a.contact, coalesce(c.email, ''), a.list, coalesce(l.name, ''), a.what,
       a.text_version, a.address, a.agent, a.at_ms, coalesce(w.text, '')
FROM consent AS a LEFT JOIN contact AS c ON c.id = a.contact
LEFT JOIN contact_list AS l ON l.id = a.list
LEFT JOIN optin_wording AS w ON w.list = a.list AND a.text_version IN ('form-' || w.n, 'confirmation-' || w.n)
WHERE a.account = :account AND a.id < :before AND (:list = 0 OR a.list = :list)
  AND (:what = '' OR a.what = :what) AND (:key = '' OR c.key = :key)
ORDER BY a.id DESC LIMIT :count;
