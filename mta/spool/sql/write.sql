-- Everything that changes the queue. Each statement takes `:rows`, a JSON array of arrays.

-- name: site_insert
-- order: 2
-- rows: id, name, provider. A name that is known keeps its id.
INSERT INTO site (id, name, provider)
SELECT value->>0, value->>1, value->>2 FROM json_each(:rows) WHERE true
ON CONFLICT (name) DO NOTHING;

-- name: flow_insert
-- order: 3
-- rows: id, account, name, kind, class, created_ms
INSERT INTO flow (id, account, name, kind, class, created_ms)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5 FROM json_each(:rows);

-- name: flow_gate
-- order: 4
-- Hold, open or cancel a flow. rows: id, gate, reason, held_since_ms, held_ms
UPDATE flow
SET gate = v.gate, gate_reason = v.reason, held_since_ms = v.since, held_ms = v.held
FROM (SELECT value->>0 AS id, value->>1 AS gate, value->>2 AS reason,
             value->>3 AS since, value->>4 AS held FROM json_each(:rows)) AS v
WHERE flow.id = v.id;

-- name: flow_clock_step
-- order: 4
-- The wall clock was set: what was skipped or repeated counts as time on hold, and whose hour had
-- come does not wait for it again. rows: milliseconds, now_ms before
UPDATE flow
SET held_ms = held_ms + v.step,
    held_since_ms = CASE WHEN held_since_ms > 0 THEN held_since_ms + v.step ELSE 0 END,
    not_before_ms = CASE WHEN not_before_ms <= v.at THEN min(not_before_ms, v.at + v.step)
                         ELSE not_before_ms END
FROM (SELECT value->>0 AS step, value->>1 AS at FROM json_each(:rows) LIMIT 1) AS v;

-- name: flow_plan
-- order: 4
-- When a flow begins, its rate and its end. rows: id, not_before_ms, rate_per_hour, end_ms
UPDATE flow
SET not_before_ms = v.begin, rate_per_hour = v.rate, end_ms = v.finish
FROM (SELECT value->>0 AS id, value->>1 AS begin, value->>2 AS rate, value->>3 AS finish
      FROM json_each(:rows)) AS v
WHERE flow.id = v.id;

-- name: idempotency_insert
-- order: 5
-- Claim a key; a key that exists makes the job fail its guard. rows: account, key, message, digest, created_ms
INSERT INTO idempotency (account, key, message, digest, created_ms)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4 FROM json_each(:rows) WHERE true
ON CONFLICT (account, key) DO NOTHING;

-- name: message_insert
-- order: 10
-- rows: id, flow, account, credential, sender, segment, offset, length, checksum, flags, ret,
-- envelope_id, header_id, subject, source, tags, metadata
INSERT INTO message (id, flow, account, credential, sender, segment, "offset", length, checksum,
                     flags, ret, envelope_id, header_id, subject, source, tags, metadata)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7,
       value->>8, value->>9, value->>10, value->>11, value->>12, value->>13, value->>14,
       value->>15, value->>16
FROM json_each(:rows);

-- name: delivery_insert
-- order: 11
-- rows: id, message, n, flow, class, kind, site, domain, address, state, due_ms, expires_ms,
-- changed_ms, notify, original
INSERT INTO delivery (id, message, n, flow, class, kind, site, domain, address, state, due_ms,
                      expires_ms, changed_ms, notify, original)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7,
       value->>8, value->>9, value->>10, value->>11, value->>12, value->>13, value->>14
FROM json_each(:rows);

-- name: delivery_insert_merged
-- order: 12
-- Deliveries of a template message. rows: as for `delivery_insert`, then merge, contact
INSERT INTO delivery (id, message, n, flow, class, kind, site, domain, address, state, due_ms,
                      expires_ms, changed_ms, notify, original, merge, contact)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7,
       value->>8, value->>9, value->>10, value->>11, value->>12, value->>13, value->>14,
       value->>15, value->>16
FROM json_each(:rows);

-- name: expansion_begin
-- order: 13
-- A template message without deliveries yet. rows: message, flow, class, kind
INSERT INTO expansion (message, flow, class, kind, place, n)
SELECT value->>0, value->>1, value->>2, value->>3, '', 0 FROM json_each(:rows);

-- name: expansion_advance
-- order: 14
-- Some of its deliveries are made. Guarded: from the place where they were thought to begin.
-- rows: message, old place, old n, new place, new n
UPDATE expansion SET place = v.place, n = v.n
FROM (SELECT value->>0 AS message, value->>1 AS old_place, value->>2 AS old_n,
             value->>3 AS place, value->>4 AS n FROM json_each(:rows)) AS v
WHERE expansion.message = v.message AND expansion.place = v.old_place AND expansion.n = v.old_n;

-- name: expansion_end
-- order: 14
-- It has all of its deliveries. Guarded as above. rows: message, old place, old n
DELETE FROM expansion
WHERE (message, place, n) IN (SELECT value->>0, value->>1, value->>2 FROM json_each(:rows));

-- name: delivery_site
-- order: 20
-- A domain was resolved, or a claim found another MX set: ready rows change lane. rows: id, site
UPDATE delivery SET site = v.site
FROM (SELECT value->>0 AS id, value->>1 AS site FROM json_each(:rows)) AS v
WHERE delivery.id = v.id AND delivery.state = 1;

-- name: delivery_promote
-- order: 21
-- Their time has come: scheduled rows become ready. rows: id, changed_ms
UPDATE delivery SET state = 1, changed_ms = v.at
FROM (SELECT value->>0 AS id, value->>1 AS at FROM json_each(:rows)) AS v
WHERE delivery.id = v.id AND delivery.state = 0;

-- name: delivery_claim
-- order: 22
-- Taken for sending; whatever is found in this state after a crash is uncertain. rows: id, changed_ms
UPDATE delivery SET state = 2, changed_ms = v.at
FROM (SELECT value->>0 AS id, value->>1 AS at FROM json_each(:rows)) AS v
WHERE delivery.id = v.id AND delivery.state = 1;

-- name: delivery_settle
-- order: 23
-- The end of an attempt, or of a delivery without one. rows: id, old state, new state, due_ms,
-- attempts, first_attempt_ms, expires_ms, changed_ms, flags, source, last_reply, last_host (null:
-- as it is). What the recipient said meanwhile (flags 16 and 32, mta.feedback) stays.
UPDATE delivery
SET state = v.state, due_ms = v.due, attempts = v.attempts, first_attempt_ms = v.first,
    expires_ms = v.expires, changed_ms = v.at, flags = v.flags | (delivery.flags & 48), source = v.source,
    last_reply = coalesce(v.reply, last_reply), last_host = coalesce(v.host, last_host)
FROM (SELECT value->>0 AS id, value->>1 AS old, value->>2 AS state, value->>3 AS due,
             value->>4 AS attempts, value->>5 AS first, value->>6 AS expires, value->>7 AS at,
             value->>8 AS flags, value->>9 AS source, value->>10 AS reply, value->>11 AS host
      FROM json_each(:rows)) AS v
WHERE delivery.id = v.id AND delivery.state = v.old;

-- name: delivery_due
-- order: 24
-- An operator's "try now": scheduled rows become due. rows: id, due_ms
UPDATE delivery SET due_ms = v.due
FROM (SELECT value->>0 AS id, value->>1 AS due FROM json_each(:rows)) AS v
WHERE delivery.id = v.id AND delivery.state = 0;

-- name: delivery_due_moved
-- order: 26
-- The wall clock was set back: retries come as far off as they were. rows: id, due_ms seen, due_ms
UPDATE delivery SET due_ms = v.due
FROM (SELECT value->>0 AS id, value->>1 AS seen, value->>2 AS due FROM json_each(:rows)) AS v
WHERE delivery.id = v.id AND delivery.state = 0 AND delivery.due_ms = v.seen;

-- name: message_content
-- order: 30
-- A survivor was copied to another segment. rows: id, segment, offset, old segment
UPDATE message SET segment = v.segment, "offset" = v.place
FROM (SELECT value->>0 AS id, value->>1 AS segment, value->>2 AS place, value->>3 AS old
      FROM json_each(:rows)) AS v
WHERE message.id = v.id AND message.segment = v.old;

-- name: flow_count_add
-- order: 40
-- rows: flow, state, difference
INSERT INTO flow_count (flow, state, n)
SELECT value->>0, value->>1, sum(value->>2) FROM json_each(:rows) WHERE true GROUP BY 1, 2
ON CONFLICT (flow, state) DO UPDATE SET n = n + excluded.n;

-- name: lane_state_put
-- order: 41
-- rows: site, source, value, changed_ms
INSERT INTO lane_state (site, source, value, changed_ms)
SELECT value->>0, value->>1, value->>2, value->>3 FROM json_each(:rows) WHERE true
ON CONFLICT (site, source) DO UPDATE SET value = excluded.value, changed_ms = excluded.changed_ms;

-- name: event_insert
-- order: 50
-- rows: type, at_ms, account, flow, message, delivery, data
INSERT INTO event (type, at_ms, account, flow, message, delivery, data)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6
FROM json_each(:rows);

-- name: history_delete
-- order: 60
-- Retention: final messages, when nothing is left of them. rows: id
DELETE FROM message WHERE id IN (SELECT value->>0 FROM json_each(:rows));

-- name: history_delete_deliveries
-- order: 61
-- rows: id
DELETE FROM delivery WHERE id IN (SELECT value->>0 FROM json_each(:rows));

-- name: history_delete_events
-- order: 62
-- rows: id
DELETE FROM event WHERE id IN (SELECT value->>0 FROM json_each(:rows));

-- name: idempotency_delete
-- order: 63
-- rows: account, key
DELETE FROM idempotency
WHERE (account, key) IN (SELECT value->>0, value->>1 FROM json_each(:rows));
