-- Personal data in other areas; `accounts`, a JSON array, NULL: of all.

-- name: privacy_refunds
SELECT id FROM quota_refund ORDER BY id;

-- name: privacy_refund_items
-- Of one list: in every writing of upper and lower case.
SELECT refund, delivery, address FROM quota_refund_item
WHERE refund = :refund AND lower(substr(address, -length(:suffix))) = lower(:suffix)
  AND lower(address) = lower(:key)
  AND (:accounts IS NULL OR account IN (SELECT value FROM json_each(:accounts)));

-- name: privacy_forget_refund
-- order: 79
-- rows: refund, delivery, address
UPDATE quota_refund_item SET address = v.address
FROM (SELECT value->>0 AS refund, value->>1 AS delivery, value->>2 AS address
      FROM json_each(:rows)) AS v
WHERE quota_refund_item.refund = v.refund AND quota_refund_item.delivery = v.delivery;

-- name: privacy_contacts
SELECT id, account, email, attrs, status, language, source, created_ms FROM contact
WHERE key = :key AND (:accounts IS NULL OR account IN (SELECT value FROM json_each(:accounts)));

-- name: privacy_lists
SELECT l.name, m.status, m.changed_ms
FROM list_member AS m JOIN contact_list AS l ON l.id = m.list
WHERE m.contact = :contact;

-- name: privacy_consents
SELECT what, text_version, address, at_ms FROM consent WHERE contact = :contact ORDER BY id;

-- name: privacy_audience_rows
SELECT r.audience, r.n FROM audience AS a JOIN audience_row AS r ON r.audience = a.id
WHERE r.key = :key AND (:accounts IS NULL OR a.account IN (SELECT value FROM json_each(:accounts)));

-- name: privacy_upload_rows
SELECT r.audience, r.n, a.source->>'upload', a.name, a.created_ms, r.merge
FROM audience AS a JOIN audience_row AS r ON r.audience = a.id
WHERE r.key = :key AND (:accounts IS NULL OR a.account IN (SELECT value FROM json_each(:accounts)));

-- name: privacy_upload_rejects
-- Cells that hold the address, whatever else is in them.
SELECT j.upload, j.row, j.value, j.reason, u.name, u.created_ms
FROM upload AS u JOIN upload_reject AS j ON j.upload = u.id
WHERE instr(lower(j.value), :address)
  AND (:accounts IS NULL OR u.account IN (SELECT value FROM json_each(:accounts)));

-- name: privacy_forget_reject
-- order: 82
-- rows: upload, row, what stands in the cell from now on
UPDATE upload_reject SET value = v.value, hint = ''
FROM (SELECT value->>0 AS upload, value->>1 AS row, value->>2 AS value
      FROM json_each(:rows)) AS v
WHERE upload_reject.upload = v.upload AND upload_reject.row = v.row;

-- name: privacy_forget_contact
-- order: 79
-- rows: contact, address
UPDATE contact SET email = v.address, key = v.address, attrs = '{}', status = 'blocked',
                   language = '', source = ''
FROM (SELECT value->>0 AS id, value->>1 AS address FROM json_each(:rows)) AS v
WHERE contact.id = v.id;

-- name: privacy_forget_consent
-- order: 80
-- What was agreed to stays, without where from. rows: contact
UPDATE consent SET address = '', agent = ''
WHERE contact IN (SELECT value->>0 FROM json_each(:rows));

-- name: privacy_forget_audience
-- order: 81
-- rows: audience, n, address
UPDATE audience_row SET address = v.address, key = v.address, merge = '{}'
FROM (SELECT value->>0 AS audience, value->>1 AS n, value->>2 AS address
      FROM json_each(:rows)) AS v
WHERE audience_row.audience = v.audience AND audience_row.n = v.n;

-- name: privacy_erasures
-- When a person was forgotten, the newest first: what the audit trail has.
SELECT id, at_ms, actor_name, after, coalesce(hash, '') FROM audit_entry
WHERE action = 'person.erased' AND object = :object
  AND (:accounts IS NULL OR account IN (SELECT value FROM json_each(:accounts)))
ORDER BY id DESC LIMIT 20;
