-- What operators ask of the queue and do to it, and what is set up at start.

-- name: flow_ensure
-- order: 3
-- A flow that this process made, unless it is there; one whose name is taken gets its id added.
-- rows: id, account, name, kind, class, created_ms
INSERT INTO flow (id, account, name, kind, class, created_ms)
SELECT v.id, v.account,
       CASE WHEN EXISTS (SELECT 1 FROM flow AS f WHERE f.account = v.account AND f.class = v.class
                         AND f.name = v.name AND f.id <> v.id)
            THEN v.name || ' ' || v.id ELSE v.name END,
       v.kind, v.class, v.created_ms
FROM (SELECT DISTINCT value->>0 AS id, value->>1 AS account, value->>2 AS name, value->>3 AS kind,
             value->>4 AS class, value->>5 AS created_ms FROM json_each(:rows)) AS v
WHERE true
ON CONFLICT (id) DO NOTHING;

-- name: flows_of_kind
SELECT id, account, name, kind, class, gate, gate_reason, held_since_ms, held_ms, not_before_ms,
       end_ms, rate_per_hour
FROM flow WHERE kind = :kind ORDER BY id;

-- name: flows_picked
-- Flows by account and by name or id, with how many of their deliveries are not final.
SELECT f.id, f.account, f.name, f.kind, f.class, f.gate, f.gate_reason, f.held_since_ms, f.held_ms,
       f.not_before_ms, f.end_ms, f.rate_per_hour,
       coalesce((SELECT sum(c.n) FROM flow_count AS c WHERE c.flow = f.id AND c.state < 10), 0)
FROM flow AS f
WHERE f.id > :after AND (:account = 0 OR f.account = :account)
  AND (:name = '' OR f.name = :name OR f.id = :id)
ORDER BY f.id LIMIT :count;

-- name: flows_holding
-- The same for flows that have deliveries in a state between two.
SELECT f.id, f.account, f.name, f.kind, f.class, f.gate, f.gate_reason, f.held_since_ms, f.held_ms,
       f.not_before_ms, f.end_ms, f.rate_per_hour,
       (SELECT sum(c.n) FROM flow_count AS c
        WHERE c.flow = f.id AND c.state >= :low AND c.state <= :high)
FROM flow AS f
WHERE f.id > :after AND (:account = 0 OR f.account = :account)
  AND (:name = '' OR f.name = :name OR f.id = :id)
  AND EXISTS (SELECT 1 FROM flow_count AS c
              WHERE c.flow = f.id AND c.state >= :low AND c.state <= :high AND c.n > 0)
ORDER BY f.id LIMIT :count;

-- name: flows_of_ids
-- Flows by id. `flows` is a JSON array.
SELECT id, account, name, kind, class, gate, gate_reason, held_since_ms, held_ms, not_before_ms,
       end_ms, rate_per_hour
FROM flow WHERE id IN (SELECT value FROM json_each(:flows));

-- name: flow_states
-- How many deliveries of a flow are in each state.
SELECT state, n FROM flow_count WHERE flow = :flow AND n <> 0 ORDER BY state;

-- name: open_span
-- The next piece of a flow's deliveries that are not final: its last id, and how many they are.
SELECT max(id), count(*)
FROM (SELECT id FROM delivery WHERE state < 10 AND flow = :flow AND id > :after
      ORDER BY id LIMIT :size);

-- name: open_rows
-- Deliveries of such a piece that fit. `sites` is a JSON array, `[]` for any; '' and -1 mean any.
SELECT d.id, d.message, d.n, d.flow, d.class, d.kind, d.site, d.domain, d.address, d.attempts,
       d.first_attempt_ms, d.expires_ms, d.flags, d.notify, d.original, d.source,
       m.account, m.sender, m.segment, m."offset", m.length, m.checksum, m.flags, m.ret,
       m.envelope_id, m.header_id, d.state,
       d.due_ms, d.changed_ms, d.last_reply, d.last_host, m.subject, m.source,
       coalesce(s.name, ''), coalesce(f.name, '')
FROM delivery AS d JOIN message AS m ON m.id = d.message
     LEFT JOIN site AS s ON s.id = d.site LEFT JOIN flow AS f ON f.id = d.flow
WHERE d.state < 10 AND d.flow = :flow AND d.id > :after AND d.id <= :upto
  AND (:state < 0 OR d.state = :state)
  AND (:sites = '[]' OR d.site IN (SELECT value FROM json_each(:sites)))
  AND (:domain = '' OR d.domain = :domain)
  AND (:source = '' OR m.source = :source)
ORDER BY d.id LIMIT :count;

-- name: final_span
-- The piece of the history before an id: its first id, and how many rows it has.
SELECT min(id), count(*)
FROM (SELECT id FROM delivery WHERE id < :before ORDER BY id DESC LIMIT :size);

-- name: final_rows
-- Deliveries of such a piece in one state, newest first. `flows` and `sites` as in `open_rows`.
SELECT d.id, d.message, d.n, d.flow, d.class, d.kind, d.site, d.domain, d.address, d.attempts,
       d.first_attempt_ms, d.expires_ms, d.flags, d.notify, d.original, d.source,
       m.account, m.sender, m.segment, m."offset", m.length, m.checksum, m.flags, m.ret,
       m.envelope_id, m.header_id, d.state,
       d.due_ms, d.changed_ms, d.last_reply, d.last_host, m.subject, m.source,
       coalesce(s.name, ''), coalesce(f.name, '')
FROM delivery AS d JOIN message AS m ON m.id = d.message
     LEFT JOIN site AS s ON s.id = d.site LEFT JOIN flow AS f ON f.id = d.flow
WHERE d.id >= :low AND d.id < :before AND d.state = :state
  AND (:flows = '[]' OR d.flow IN (SELECT value FROM json_each(:flows)))
  AND (:sites = '[]' OR d.site IN (SELECT value FROM json_each(:sites)))
  AND (:domain = '' OR d.domain = :domain)
  AND (:source = '' OR m.source = :source)
ORDER BY d.id DESC LIMIT :count;

-- name: row_of_id
-- A delivery by its id.
SELECT d.id, d.message, d.n, d.flow, d.class, d.kind, d.site, d.domain, d.address, d.attempts,
       d.first_attempt_ms, d.expires_ms, d.flags, d.notify, d.original, d.source,
       m.account, m.sender, m.segment, m."offset", m.length, m.checksum, m.flags, m.ret,
       m.envelope_id, m.header_id, d.state,
       d.due_ms, d.changed_ms, d.last_reply, d.last_host, m.subject, m.source,
       coalesce(s.name, ''), coalesce(f.name, '')
FROM delivery AS d JOIN message AS m ON m.id = d.message
     LEFT JOIN site AS s ON s.id = d.site LEFT JOIN flow AS f ON f.id = d.flow
WHERE d.id = :id;

-- name: rows_of_message
-- The deliveries of a message, in the order of the index.
SELECT d.id, d.message, d.n, d.flow, d.class, d.kind, d.site, d.domain, d.address, d.attempts,
       d.first_attempt_ms, d.expires_ms, d.flags, d.notify, d.original, d.source,
       m.account, m.sender, m.segment, m."offset", m.length, m.checksum, m.flags, m.ret,
       m.envelope_id, m.header_id, d.state,
       d.due_ms, d.changed_ms, d.last_reply, d.last_host, m.subject, m.source,
       coalesce(s.name, ''), coalesce(f.name, '')
FROM delivery AS d JOIN message AS m ON m.id = d.message
     LEFT JOIN site AS s ON s.id = d.site LEFT JOIN flow AS f ON f.id = d.flow
WHERE d.message = :message AND d.id > :after
ORDER BY d.id LIMIT :count;

-- name: rows_of_address
-- Deliveries to a person, newest first. `addresses` is a JSON array.
SELECT d.id, d.message, d.n, d.flow, d.class, d.kind, d.site, d.domain, d.address, d.attempts,
       d.first_attempt_ms, d.expires_ms, d.flags, d.notify, d.original, d.source,
       m.account, m.sender, m.segment, m."offset", m.length, m.checksum, m.flags, m.ret,
       m.envelope_id, m.header_id, d.state,
       d.due_ms, d.changed_ms, d.last_reply, d.last_host, m.subject, m.source,
       coalesce(s.name, ''), coalesce(f.name, '')
FROM delivery AS d JOIN message AS m ON m.id = d.message
     LEFT JOIN site AS s ON s.id = d.site LEFT JOIN flow AS f ON f.id = d.flow
WHERE d.address IN (SELECT value FROM json_each(:addresses)) AND d.id < :before
ORDER BY d.id DESC LIMIT :count;

-- name: message_shown
-- What there is to know of a message.
SELECT m.id, m.flow, coalesce(f.name, ''), m.account, m.credential, m.sender, m.length, m.flags,
       m.ret, m.envelope_id, m.header_id, m.subject, m.source, m.tags, m.metadata
FROM message AS m LEFT JOIN flow AS f ON f.id = m.flow WHERE m.id = :message;

-- name: events_of_message
-- What happened to a message, in order: to it as a whole and to the deliveries in question (a JSON
-- array, `[]` for all). Looks at no more than `most` of its events.
SELECT id, type, at_ms, account, flow, message, delivery, data
FROM (SELECT id, type, at_ms, account, flow, message, delivery, data FROM event
      WHERE message > 0 AND message = :message ORDER BY id LIMIT :most)
WHERE :deliveries = '[]' OR delivery = 0 OR delivery IN (SELECT value FROM json_each(:deliveries))
ORDER BY id LIMIT :count;

-- name: ready_before
-- How many ready deliveries of a site came before one; counts up to a bound.
SELECT count(*) FROM (SELECT id FROM delivery WHERE state = 1 AND site = :site LIMIT :most)
WHERE id < :id;

-- name: ready_by_site
-- Ready deliveries of some sites, each counted up to a bound. `sites` is a JSON array.
SELECT value, (SELECT count(*) FROM (SELECT 1 FROM delivery
                                     WHERE state = 1 AND site = value LIMIT :most))
FROM json_each(:sites);

-- name: scheduled_by_site
-- How many of the scheduled deliveries that are due first go to some sites, and the first of them:
-- count, due_ms, last_reply, last_host. `sites` is a JSON array; looks at no more than `most`.
SELECT count(*) OVER (), next.due_ms, next.last_reply, next.last_host
FROM (SELECT site, due_ms, last_reply, last_host FROM delivery
      WHERE state = 0 AND due_ms < :before ORDER BY due_ms LIMIT :most) AS next
WHERE next.site IN (SELECT value FROM json_each(:sites))
ORDER BY next.due_ms LIMIT 1;

-- name: site_holds
-- Sites that are or were on hold: site, value.
SELECT site, value FROM lane_state WHERE source = 'hold';

-- name: delivery_reschedule
-- order: 25
-- An operator holds or releases a delivery, if it still is as it was seen.
-- rows: id, state seen, changed_ms seen, due_ms, expires_ms, flags, changed_ms
UPDATE delivery
SET state = 0, due_ms = v.due, expires_ms = v.expires, flags = v.flags | (delivery.flags & 48),
    changed_ms = v.at
FROM (SELECT value->>0 AS id, value->>1 AS old, value->>2 AS seen, value->>3 AS due,
             value->>4 AS expires, value->>5 AS flags, value->>6 AS at
      FROM json_each(:rows)) AS v
WHERE delivery.id = v.id AND delivery.state = v.old AND delivery.changed_ms = v.seen;
