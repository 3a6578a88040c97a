-- What recipients and their servers tell about mail that was sent.

-- name: feedback_subject
-- The delivery that a token names.
SELECT d.id, d.message, d.flow, m.account, d.address, d.state, d.flags,
       coalesce(s.provider, ''), m.sender, coalesce(s.name, ''), d.source
FROM delivery AS d JOIN message AS m ON m.id = d.message LEFT JOIN site AS s ON s.id = d.site
WHERE d.id = :delivery;

-- name: delivery_reverse
-- order: 25
-- A late bounce: what was delivered is bounced. Guarded, so that a repeated notice changes nothing.
-- rows: id, changed_ms, last_reply, last_host
UPDATE delivery
SET state = 11, changed_ms = v.at, last_reply = v.reply, last_host = v.host
FROM (SELECT value->>0 AS id, value->>1 AS at, value->>2 AS reply, value->>3 AS host
      FROM json_each(:rows)) AS v
WHERE delivery.id = v.id AND delivery.state = 10;

-- name: delivery_mark
-- order: 27
-- The recipient said something. Guarded: once. rows: id, flag
UPDATE delivery SET flags = delivery.flags | v.flag
FROM (SELECT value->>0 AS id, value->>1 AS flag FROM json_each(:rows)) AS v
WHERE delivery.id = v.id AND delivery.flags & v.flag = 0;

-- name: delivery_unmark
-- order: 27
-- And takes it back. Guarded: once. rows: id, flag
UPDATE delivery SET flags = delivery.flags & ~v.flag
FROM (SELECT value->>0 AS id, value->>1 AS flag FROM json_each(:rows)) AS v
WHERE delivery.id = v.id AND delivery.flags & v.flag <> 0;
