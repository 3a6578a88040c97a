-- Personal data: finding it, forgetting it, shortening what is old.

-- name: privacy_scan
-- Deliveries to a domain ('@' and its name) among the next ones; the last row tells how far it came:
-- NULL, the last id (NULL at the end), ''.
WITH span AS MATERIALIZED (
    SELECT id, address FROM delivery WHERE id > :after ORDER BY id LIMIT :count)
SELECT s.id, d.message, s.address, m.account
FROM span AS s JOIN delivery AS d ON d.id = s.id JOIN message AS m ON m.id = d.message
WHERE substr(s.address, -length(:suffix)) = :suffix
UNION ALL
SELECT NULL, (SELECT max(id) FROM span), '', 0;

-- name: privacy_deliveries
-- Deliveries by a JSON array of ids, with what stands on their messages.
SELECT d.id, d.message, d.state, d.class, d.attempts, d.changed_ms, d.address, d.last_reply,
       d.last_host, d.merge, m.account, m.sender, m.subject, m.header_id, m.tags, m.metadata,
       m.length, f.name
FROM delivery AS d JOIN message AS m ON m.id = d.message LEFT JOIN flow AS f ON f.id = d.flow
WHERE d.id IN (SELECT value FROM json_each(:deliveries)) ORDER BY d.id;

-- name: privacy_events
-- What is told of deliveries, JSON arrays of ids, by the index on messages.
SELECT e.id, e.type, e.at_ms, e.account, e.flow, e.message, e.delivery, e.data FROM event AS e
WHERE e.message > 0 AND e.message IN (SELECT value FROM json_each(:messages))
  AND e.delivery IN (SELECT value FROM json_each(:deliveries))
ORDER BY e.id;

-- name: privacy_alone
-- Messages (a JSON array of ids) that went to nobody but those deliveries, and where they lie.
SELECT m.id, m.segment, m."offset", m.length, m.checksum FROM message AS m
WHERE m.id IN (SELECT value FROM json_each(:messages))
  AND NOT EXISTS (SELECT 1 FROM delivery AS d WHERE d.message = m.id
                  AND d.id NOT IN (SELECT value FROM json_each(:deliveries)))
  AND NOT EXISTS (SELECT 1 FROM expansion AS x WHERE x.message = m.id);

-- name: privacy_forget_delivery
-- order: 70
-- Whom it went to is a pseudonym now; only what is final. rows: id, address, reply
UPDATE delivery
SET address = v.address, domain = 'erased.invalid', original = '', merge = NULL, contact = NULL,
    last_reply = v.reply
FROM (SELECT value->>0 AS id, value->>1 AS address, value->>2 AS reply
      FROM json_each(:rows)) AS v
WHERE delivery.id = v.id AND delivery.state >= 10;

-- name: privacy_forget_event
-- order: 71
-- rows: id, data
UPDATE event SET data = v.data
FROM (SELECT value->>0 AS id, value->>1 AS data FROM json_each(:rows)) AS v
WHERE event.id = v.id;

-- name: privacy_forget_message
-- order: 72
-- A content of length 0 is whole for everybody who looks. rows: id
UPDATE message SET subject = '', header_id = '', metadata = '', source = '', length = 0, checksum = 0
WHERE id IN (SELECT value->>0 FROM json_each(:rows));

-- name: privacy_erasing_insert
-- order: 73
-- rows: segment, offset, length, checksum
INSERT INTO privacy_erasing (segment, "offset", length, checksum)
SELECT value->>0, value->>1, value->>2, value->>3 FROM json_each(:rows) WHERE true
ON CONFLICT DO NOTHING;

-- name: privacy_erasing
-- What is still to be overwritten.
SELECT segment, "offset", length, checksum FROM privacy_erasing LIMIT :count;

-- name: privacy_erasing_delete
-- order: 74
-- rows: segment, offset
DELETE FROM privacy_erasing
WHERE (segment, "offset") IN (SELECT value->>0, value->>1 FROM json_each(:rows));

-- name: privacy_forget_suppression
-- order: 75
-- The person is forgotten, the decision is not. rows: account, digest
UPDATE suppression SET address = '', folded = '', note = ''
WHERE (account, digest) IN (SELECT value->>0, value->>1 FROM json_each(:rows));

-- name: privacy_held
-- Permanent failures that wait for a decision, of one address.
SELECT account, address, reply, at_ms FROM suppression_held WHERE digest = :digest;

-- name: privacy_place
SELECT position FROM privacy_place WHERE name = :name;

-- name: privacy_place_put
-- order: 76
-- rows: name, position
INSERT INTO privacy_place (name, position)
SELECT value->>0, value->>1 FROM json_each(:rows) WHERE true
ON CONFLICT (name) DO UPDATE SET position = excluded.position;

-- name: privacy_old_events
-- Events in their order, from a place on, with the client of the message they tell of.
SELECT e.id, e.type, e.at_ms, e.delivery, e.data, e.message, coalesce(m.source, '')
FROM event AS e LEFT JOIN message AS m ON m.id = e.message
WHERE e.id > :after ORDER BY e.id LIMIT :count;

-- name: privacy_shorten_delivery
-- order: 77
-- What the server said of final deliveries, without its words. rows: id
UPDATE delivery
SET last_host = '', last_reply = CASE
        WHEN substr(last_reply, 4, 1) = ' ' AND substr(last_reply, 6, 1) = '.'
        THEN rtrim(substr(last_reply, 1, 9)) ELSE substr(last_reply, 1, 3) END
WHERE id IN (SELECT value->>0 FROM json_each(:rows)) AND state >= 10;

-- name: privacy_shorten_source
-- order: 78
-- rows: message, source
UPDATE message SET source = v.source
FROM (SELECT value->>0 AS id, value->>1 AS source FROM json_each(:rows)) AS v
WHERE message.id = v.id;
