-- What the dispatcher asks of the queue.

-- name: last_id
-- The greatest id in use, so that ids never go back.
SELECT max(coalesce((SELECT max(id) FROM message), 0), coalesce((SELECT max(id) FROM delivery), 0),
           coalesce((SELECT max(id) FROM flow), 0));

-- name: sites
SELECT id, name, provider FROM site;

-- name: flows_open
-- Flows that have anything not yet final.
SELECT f.id, f.account, f.name, f.kind, f.class, f.gate, f.gate_reason, f.held_since_ms, f.held_ms,
       f.not_before_ms, f.end_ms, f.rate_per_hour
FROM flow AS f
WHERE EXISTS (SELECT 1 FROM flow_count AS c WHERE c.flow = f.id AND c.state < 10 AND c.n > 0);

-- name: flow_by_id
SELECT id, account, name, kind, class, gate, gate_reason, held_since_ms, held_ms, not_before_ms,
       end_ms, rate_per_hour
FROM flow WHERE id = :flow;

-- name: flow_by_name
SELECT id, account, name, kind, class, gate, gate_reason, held_since_ms, held_ms, not_before_ms,
       end_ms, rate_per_hour
FROM flow WHERE account = :account AND class = :class AND kind = :kind AND name = :name;

-- name: streams_ready
-- The streams (site, class, flow) that have ready rows: a loose scan, one seek for each.
WITH RECURSIVE s(site, class, flow) AS (
    SELECT site, class, flow FROM (
        SELECT site, class, flow FROM delivery WHERE state = 1
        ORDER BY site, class, flow LIMIT 1)
    UNION ALL
    -- Three seeks instead of one comparison of triples, which would use only its first column.
    SELECT n.site, n.class, n.flow FROM s JOIN delivery AS n ON n.id = coalesce(
        (SELECT d.id FROM delivery AS d
         WHERE d.state = 1 AND d.site = s.site AND d.class = s.class AND d.flow > s.flow
         ORDER BY d.flow LIMIT 1),
        (SELECT d.id FROM delivery AS d
         WHERE d.state = 1 AND d.site = s.site AND d.class > s.class
         ORDER BY d.class, d.flow LIMIT 1),
        (SELECT d.id FROM delivery AS d
         WHERE d.state = 1 AND d.site > s.site
         ORDER BY d.site, d.class, d.flow LIMIT 1))
)
SELECT site, class, flow FROM s;

-- name: window
-- The next ready rows of a stream with what sending them needs of their messages.
SELECT d.id, d.message, d.n, d.flow, d.class, d.kind, d.site, d.domain, d.address, d.attempts,
       d.first_attempt_ms, d.expires_ms, d.flags, d.notify, d.original, d.source,
       m.account, m.sender, m.segment, m."offset", m.length, m.checksum, m.flags, m.ret,
       m.envelope_id, m.header_id, d.state, d.merge
FROM delivery AS d JOIN message AS m ON m.id = d.message
WHERE d.state = 1 AND d.site = :site AND d.class = :class AND d.flow = :flow AND d.id > :after
ORDER BY d.id LIMIT :count;

-- name: due
-- Scheduled rows whose time has come, oldest first.
SELECT id, site, class, flow, due_ms, domain FROM delivery
WHERE state = 0 AND due_ms <= :now_ms ORDER BY due_ms LIMIT :count;

-- name: retries
-- Rows that wait for another attempt, by when they are due, from a place on: id, due_ms. What an
-- operator holds is due after any end.
SELECT id, due_ms FROM delivery
WHERE state = 0 AND due_ms >= :due_ms AND (due_ms, id) > (:due_ms, :after) AND due_ms <= :until_ms
  AND attempts > 0
ORDER BY due_ms, id LIMIT :count;

-- name: next_due
SELECT min(due_ms) FROM delivery WHERE state = 0;

-- name: claimed
-- Rows found claimed at start: the remote may have taken them.
SELECT d.id, d.message, d.n, d.flow, d.class, d.kind, d.site, d.domain, d.address, d.attempts,
       d.first_attempt_ms, d.expires_ms, d.flags, d.notify, d.original, d.source,
       m.account, m.sender, m.segment, m."offset", m.length, m.checksum, m.flags, m.ret,
       m.envelope_id, m.header_id
FROM delivery AS d JOIN message AS m ON m.id = d.message
WHERE d.state = 2 AND d.id > :after ORDER BY d.id LIMIT :count;

-- name: unresolved_rows
-- Ready rows of a domain at site 0.
SELECT d.id, d.message, d.n, d.flow, d.class, d.kind, d.site, d.domain, d.address, d.attempts,
       d.first_attempt_ms, d.expires_ms, d.flags, d.notify, d.original, d.source,
       m.account, m.sender, m.segment, m."offset", m.length, m.checksum, m.flags, m.ret,
       m.envelope_id, m.header_id
FROM delivery AS d JOIN message AS m ON m.id = d.message
WHERE d.site = 0 AND d.state = 1 AND d.domain = :domain AND d.id > :after
ORDER BY d.id LIMIT :count;

-- name: expired
-- Rows, scheduled or ready, past their deadline in their flow's own time, from a place on: flow,
-- deadline and id of the last row seen. Held mail is passed over in the index, not read.
SELECT d.id, d.message, d.n, d.flow, d.class, d.kind, d.site, d.domain, d.address, d.attempts,
       d.first_attempt_ms, d.expires_ms, d.flags, d.notify, d.original, d.source,
       m.account, m.sender, m.segment, m."offset", m.length, m.checksum, m.flags, m.ret,
       m.envelope_id, m.header_id, d.state
FROM flow AS f
CROSS JOIN delivery AS d ON d.flow = f.id AND d.state < 10 AND d.expires_ms > 0
       AND d.expires_ms <= :now_ms - f.held_ms
             - CASE WHEN f.held_since_ms > 0 THEN max(0, :now_ms - f.held_since_ms) ELSE 0 END
JOIN message AS m ON m.id = d.message
WHERE f.id >= :flow AND d.state <> 2
  AND (d.flow, d.expires_ms, d.id) > (:flow, :expires_ms, :after)
  AND EXISTS (SELECT 1 FROM flow_count AS c WHERE c.flow = f.id AND c.state < 10 AND c.n > 0)
ORDER BY f.id, d.expires_ms, d.id LIMIT :count;

-- name: flow_open_rows
-- Rows of a flow that are not final, by key: for cancelling and operators' selections.
SELECT d.id, d.message, d.n, d.flow, d.class, d.kind, d.site, d.domain, d.address, d.attempts,
       d.first_attempt_ms, d.expires_ms, d.flags, d.notify, d.original, d.source,
       m.account, m.sender, m.segment, m."offset", m.length, m.checksum, m.flags, m.ret,
       m.envelope_id, m.header_id, d.state
FROM delivery AS d JOIN message AS m ON m.id = d.message
WHERE d.state < 10 AND d.flow = :flow AND d.id > :after ORDER BY d.id LIMIT :count;

-- name: idempotency_get
SELECT message, digest FROM idempotency WHERE account = :account AND key = :key;

-- name: state_counts
-- Deliveries by class and state, from the flows' counters.
SELECT f.class, c.state, sum(c.n) FROM flow_count AS c JOIN flow AS f ON f.id = c.flow
WHERE c.n <> 0 GROUP BY f.class, c.state;

-- name: lane_states
SELECT site, source, value FROM lane_state;

-- name: past_deadline
-- Rows not final whose deadline, in their flow's own time, is past: by flow. What is on the wire
-- (claimed) may take `wire_ms` longer.
SELECT f.id, count(*), min(d.expires_ms)
FROM flow AS f
CROSS JOIN delivery AS d ON d.flow = f.id AND d.state < 10 AND d.expires_ms > 0
       AND d.expires_ms <= :now_ms - f.held_ms
             - CASE WHEN f.held_since_ms > 0 THEN max(0, :now_ms - f.held_since_ms) ELSE 0 END
WHERE (d.state <> 2 OR d.expires_ms <= :now_ms - :wire_ms - f.held_ms)
  AND EXISTS (SELECT 1 FROM flow_count AS c WHERE c.flow = f.id AND c.state < 10 AND c.n > 0)
GROUP BY f.id;

-- name: live_in_segment
-- Messages of a segment that still have deliveries not final, and get no more of them.
SELECT m.id, m.segment, m."offset", m.length, m.checksum,
       (SELECT count(*) FROM delivery AS d WHERE d.message = m.id AND d.state < 10) AS live
FROM message AS m
WHERE m.segment = :segment
  AND EXISTS (SELECT 1 FROM delivery AS d WHERE d.message = m.id AND d.state < 10)
  AND NOT EXISTS (SELECT 1 FROM expansion AS e WHERE e.message = m.id)
LIMIT :count;

-- name: flows_by_depth
-- The flows of a class that have most deliveries not final.
SELECT c.flow, sum(c.n) FROM flow_count AS c JOIN flow AS f ON f.id = c.flow
WHERE f.class = :class AND c.state < 10 AND c.n > 0
GROUP BY c.flow ORDER BY 2 DESC LIMIT :count;

-- name: id_at_rank
-- The delivery of a flow at a rank, from the oldest that is not final: steps in the index only.
SELECT id FROM delivery WHERE flow = :flow AND state < 10 ORDER BY id LIMIT 1 OFFSET :rank;

-- name: newest_id
-- The newest delivery of a flow that is not final.
SELECT id FROM delivery WHERE flow = :flow AND state < 10 ORDER BY id DESC LIMIT 1;

-- name: history_candidates
-- Messages older than the retention, by key, and how many deliveries they have, up to a number.
SELECT m.id, (SELECT count(*) FROM (SELECT 1 FROM delivery AS d WHERE d.message = m.id LIMIT :many))
FROM message AS m WHERE m.id < :before AND m.id > :after ORDER BY m.id LIMIT :count;

-- name: history_old
-- Which of some messages (a JSON array of ids) are done with: all of their deliveries are final and
-- old, they have them all, and everybody has seen all their events. `is_over`: their deliveries
-- were looked at already.
SELECT m.value FROM json_each(:messages) AS m
WHERE (:is_over OR NOT EXISTS (
          SELECT 1 FROM delivery AS d
          WHERE d.message = m.value AND (d.state < 10 OR d.changed_ms > :changed_ms)))
  AND NOT EXISTS (SELECT 1 FROM expansion AS e WHERE e.message = m.value)
  AND NOT EXISTS (SELECT 1 FROM event AS e
                  WHERE e.message > 0 AND e.message = m.value AND e.id > :followed);

-- name: history_part
-- A part of a message's deliveries, by key: how many, the last, and whether all are final and old.
SELECT count(*), max(id), max(state < 10 OR changed_ms > :changed_ms) = 0
FROM (SELECT id, state, changed_ms FROM delivery WHERE message = :message AND id > :after
      ORDER BY id LIMIT :count);

-- name: history_deliveries
-- Deliveries of messages, a JSON array of ids.
SELECT d.id FROM delivery AS d
WHERE d.message IN (SELECT value FROM json_each(:messages)) LIMIT :count;

-- name: history_events
-- What is told of messages, a JSON array of ids.
SELECT e.id FROM event AS e
WHERE e.message > 0 AND e.message IN (SELECT value FROM json_each(:messages)) LIMIT :count;

-- name: idempotency_old
SELECT account, key FROM idempotency WHERE created_ms < :before_ms LIMIT :count;

-- name: expansion_of
-- A template message that does not have all its deliveries yet, and where it stands.
SELECT e.message, e.flow, e.class, e.kind, e.place, e.n, m.account, m.segment
FROM expansion AS e JOIN message AS m ON m.id = e.message
WHERE e.message = :message;

-- name: expansions
-- All of these, oldest first.
SELECT message FROM expansion ORDER BY message;

-- name: alert_arrived
-- Whether every delivery of a message succeeded.
SELECT NOT EXISTS (SELECT 1 FROM delivery WHERE message = :message AND state <> 10);
