-- What `relevo verify`, `relevo backup` and `relevo restore` ask and do; never asked by a server, because
-- it walks through everything.

-- name: verify_sizes
-- How much there is: messages, deliveries, bytes of contents.
SELECT (SELECT count(*) FROM message), (SELECT count(*) FROM delivery),
       (SELECT coalesce(sum(length), 0) FROM message);

-- name: verify_contents
-- Where the contents of a segment's messages lie, by key.
SELECT id, "offset", length, checksum FROM message
WHERE segment = :segment AND id > :after ORDER BY id LIMIT :count;

-- name: verify_message
-- Whom a damaged content concerns: sender, subject, recipients, those of them not final yet; then
-- its place (segment, offset, length, checksum) and when that segment was given up (0: not).
SELECT m.sender, m.subject, count(d.id), coalesce(sum(d.state < 10), 0),
       m.segment, m."offset", m.length, m.checksum, coalesce(s.removed_ms, 0)
FROM message AS m LEFT JOIN delivery AS d ON d.message = m.id
     LEFT JOIN segment AS s ON s.id = m.segment
WHERE m.id = :message GROUP BY m.id;

-- name: verify_foreign_segments
-- Messages whose segment no row knows.
SELECT id, segment FROM message AS m
WHERE NOT EXISTS (SELECT 1 FROM segment AS s WHERE s.id = m.segment) LIMIT :count;

-- name: verify_removed_segments
-- Deliveries not final whose content was given up.
SELECT d.id, m.id, m.segment
FROM delivery AS d JOIN message AS m ON m.id = d.message JOIN segment AS s ON s.id = m.segment
WHERE d.state < 10 AND s.removed_ms > 0 LIMIT :count;

-- name: verify_counters
-- Counters that are not what is there. Those of final states also count what the retention has
-- dropped, so they may be greater: flow, state, counted, found.
SELECT flow, state, sum(counted), sum(found)
FROM (SELECT flow, state, n AS counted, 0 AS found FROM flow_count
      UNION ALL
      SELECT flow, state, 0, count(*) FROM delivery GROUP BY flow, state)
GROUP BY flow, state
HAVING sum(counted) < sum(found) OR (state < 10 AND sum(counted) <> sum(found));

-- name: verify_live
-- Segments whose count of deliveries not final, and of templates not expanded to their end, is not
-- what is there: id, counted, found.
SELECT s.id, s.live, coalesce(v.n, 0)
FROM segment AS s
LEFT JOIN (SELECT m.segment AS segment, sum(o.n) AS n
           FROM (SELECT message, count(*) AS n FROM delivery WHERE state < 10 GROUP BY message
                 UNION ALL
                 SELECT message, 1 FROM expansion) AS o
           JOIN message AS m ON m.id = o.message GROUP BY m.segment) AS v ON v.segment = s.id
WHERE s.live <> coalesce(v.n, 0);

-- name: verify_lone_deliveries
-- Deliveries without their message.
SELECT id, message FROM delivery AS d
WHERE NOT EXISTS (SELECT 1 FROM message AS m WHERE m.id = d.message) LIMIT :count;

-- name: verify_lone_messages
-- Messages without any delivery; a template may have none yet, or no recipients at all.
SELECT id FROM message AS m
WHERE (m.flags & :template) = 0
  AND NOT EXISTS (SELECT 1 FROM delivery AS d WHERE d.message = m.id) LIMIT :count;

-- name: verify_lone_flows
-- Deliveries without their flow.
SELECT DISTINCT flow FROM delivery AS d
WHERE NOT EXISTS (SELECT 1 FROM flow AS f WHERE f.id = d.flow) LIMIT :count;

-- name: open_deliveries
-- How many deliveries are not final, and how many flows are on hold.
SELECT (SELECT coalesce(sum(n), 0) FROM flow_count WHERE state < 10),
       (SELECT count(*) FROM flow WHERE gate = 1);

-- name: flow_hold_all
-- order: 4
-- After a restore: whatever may go out is held. rows: reason, since_ms
UPDATE flow SET gate = 1, gate_reason = v.reason, held_since_ms = v.since
FROM (SELECT value->>0 AS reason, value->>1 AS since FROM json_each(:rows)) AS v
WHERE flow.gate = 0;
