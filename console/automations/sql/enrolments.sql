-- Who is on the way through an automation.

-- name: enrolments_due
-- The most overdue first.
SELECT id, automation, version, contact, occasion, step, state, due_ms, tries, facts, entered_ms
FROM enrolment INDEXED BY enrolment_due
WHERE state = 0 AND automation = :automation AND due_ms <= :now_ms
ORDER BY due_ms, id LIMIT :count;

-- name: enrolment_next_due
SELECT min(due_ms) FROM enrolment WHERE state = 0 AND automation = :automation;

-- name: enrolment_steps
-- How many wait at each step.
SELECT step, count(*) FROM enrolment INDEXED BY enrolment_due
WHERE state = 0 AND automation = :automation GROUP BY step;

-- name: enrolment_page
-- Of one automation, the newest first, before an id; in a state, or in any (-1).
SELECT id, automation, version, contact, occasion, step, state, due_ms, tries, facts, entered_ms,
       reason, changed_ms
FROM enrolment
WHERE automation = :automation AND id < :before AND (:state = -1 OR state = :state)
ORDER BY id DESC LIMIT :count;

-- name: enrolment_insert
-- order: 66
-- Whoever has been in by the same occasion stays out; not guarded for that reason.
-- rows: id, automation, version, contact, occasion, step, due_ms, facts, now_ms
INSERT INTO enrolment (id, automation, version, contact, occasion, step, state, due_ms, facts,
                       entered_ms, changed_ms)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, 0, value->>6, value->>7,
       value->>8, value->>8
FROM json_each(:rows) WHERE true
ON CONFLICT DO NOTHING;

-- name: enrolment_move
-- order: 67
-- Guarded by the step and its due time: nobody does a step twice.
-- rows: id, step before, due_ms before, step, state, due_ms, tries, facts, reason, now_ms
UPDATE enrolment
SET step = v.step, state = v.state, due_ms = v.due_ms, tries = v.tries, facts = v.facts,
    reason = v.reason, changed_ms = v.now_ms
FROM (SELECT value->>0 AS id, value->>1 AS was, value->>2 AS was_due, value->>3 AS step,
             value->>4 AS state, value->>5 AS due_ms, value->>6 AS tries, value->>7 AS facts,
             value->>8 AS reason, value->>9 AS now_ms FROM json_each(:rows)) AS v
WHERE enrolment.id = v.id AND enrolment.state = 0 AND enrolment.step = v.was
  AND enrolment.due_ms = v.was_due;

-- name: enrolment_leave_contact
-- order: 67
-- Whoever was erased or wants no more mail leaves everything. rows: contact, state, reason, now_ms
UPDATE enrolment SET state = v.state, reason = v.reason, changed_ms = v.now_ms
FROM (SELECT value->>0 AS contact, value->>1 AS state, value->>2 AS reason, value->>3 AS now_ms
      FROM json_each(:rows)) AS v
WHERE enrolment.contact = v.contact AND enrolment.state = 0;
