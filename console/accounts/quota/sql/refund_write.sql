-- What changes refunds. A delivery is put back at most once, by whichever refund or release is first.

-- name: quota_refund_insert
-- order: 77
-- rows: id, account, subject, scope, resend, reason, created_ms, proposed_by, evidence
INSERT INTO quota_refund (id, account, subject, scope, resend, reason, state, created_ms, proposed_by,
                          evidence)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, 'collecting', value->>6,
       value->>7, coalesce(value->>8, '')
FROM json_each(:rows);

-- name: quota_refund_asked
-- order: 79
-- It waits for a decision from now on; guarded: nobody has decided.
-- rows: id, open_until_ms, proposed_by
UPDATE quota_refund
SET state = 'proposed', open_until_ms = v.until, proposed_by = v.who,
    n = (SELECT count(*) FROM quota_refund_item AS i WHERE i.refund = v.id)
FROM (SELECT value->>0 AS id, value->>1 AS until, value->>2 AS who FROM json_each(:rows)) AS v
WHERE quota_refund.id = v.id AND quota_refund.state IN ('collecting', 'proposed');

-- name: quota_refund_decide
-- order: 79
-- Once. rows: id, state, who, at_ms, why
UPDATE quota_refund
SET state = v.state, decided_by = v.who, decided_ms = v.at, decision = v.why,
    confirmed_by = CASE WHEN v.state = 'confirmed' THEN v.who ELSE '' END
FROM (SELECT value->>0 AS id, value->>1 AS state, value->>2 AS who, value->>3 AS at,
             value->>4 AS why FROM json_each(:rows)) AS v
WHERE quota_refund.id = v.id AND quota_refund.state = 'proposed';

-- name: quota_refund_item_insert
-- order: 78
-- rows: refund, delivery, message, flow, bag, account, address, state
INSERT INTO quota_refund_item (refund, delivery, message, flow, bag, account, address, state)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7
FROM json_each(:rows) WHERE true
ON CONFLICT DO NOTHING;

-- name: quota_refund_state
-- order: 79
-- rows: id, state before, state, confirmed_by, done_ms
UPDATE quota_refund
SET state = v.state, confirmed_by = coalesce(v.who, confirmed_by), done_ms = v.at,
    n = (SELECT count(*) FROM quota_refund_item AS i WHERE i.refund = v.id)
FROM (SELECT value->>0 AS id, value->>1 AS was, value->>2 AS state, value->>3 AS who,
             value->>4 AS at FROM json_each(:rows)) AS v
WHERE quota_refund.id = v.id AND quota_refund.state = v.was;

-- name: quota_refund_advance
-- order: 80
-- A part of the list is put back: counted here, booked and marked by the next two. Guarded: from the
-- place where the part was thought to begin. rows: refund, place before, place
UPDATE quota_refund
SET place = v.upto,
    given = given + (
        SELECT count(*) FROM quota_refund_item AS i
        WHERE i.refund = v.refund AND i.delivery > v.after AND i.delivery <= v.upto
          AND NOT EXISTS (SELECT 1 FROM quota_back AS b WHERE b.delivery = i.delivery))
FROM (SELECT value->>0 AS refund, value->>1 AS after, value->>2 AS upto
      FROM json_each(:rows)) AS v
WHERE quota_refund.id = v.refund AND quota_refund.place = v.after
  AND quota_refund.state = 'confirmed';

-- name: quota_refund_give
-- order: 80
-- rows: refund, place before, place, at_ms, reason, actor_name
INSERT INTO quota_entry (at_ms, bag, account, kind, available, reserved, consumed, flow,
                         reference, reason, actor_kind, actor_id, actor_name)
SELECT v.at, i.bag, i.account, 'refund', count(*), 0, 0, i.flow, v.refund, v.reason,
       'system', 0, v.who
FROM (SELECT value->>0 AS refund, value->>1 AS after, value->>2 AS upto, value->>3 AS at,
             value->>4 AS reason, value->>5 AS who FROM json_each(:rows)) AS v
JOIN quota_refund_item AS i
  ON i.refund = v.refund AND i.delivery > v.after AND i.delivery <= v.upto
WHERE NOT EXISTS (SELECT 1 FROM quota_back AS b WHERE b.delivery = i.delivery)
GROUP BY v.refund, i.bag, i.account, i.flow;

-- name: quota_refund_mark
-- order: 81
-- rows: refund, place before, place
INSERT INTO quota_back (delivery, refund)
SELECT i.delivery, i.refund
FROM (SELECT value->>0 AS refund, value->>1 AS after, value->>2 AS upto
      FROM json_each(:rows)) AS v
JOIN quota_refund_item AS i
  ON i.refund = v.refund AND i.delivery > v.after AND i.delivery <= v.upto
WHERE true
ON CONFLICT (delivery) DO NOTHING;

-- name: quota_refund_sent
-- order: 82
-- rows: refund, messages
UPDATE quota_refund SET sent_again = sent_again + v.n
FROM (SELECT value->>0 AS refund, sum(value->>1) AS n FROM json_each(:rows) GROUP BY value->>0) AS v
WHERE quota_refund.id = v.refund;

-- name: quota_charge_drop
-- order: 83
-- Retention: what messages cost that nobody remembers any more. rows: message
DELETE FROM quota_charge WHERE message IN (SELECT value->>0 FROM json_each(:rows));

-- name: quota_back_drop
-- order: 83
-- rows: delivery
DELETE FROM quota_back WHERE delivery IN (SELECT value->>0 FROM json_each(:rows));

-- name: quota_fault_item
-- order: 78
-- Deliveries that failed by an error of Relevo itself join the system's own proposal.
-- rows: refund, delivery
INSERT INTO quota_refund_item (refund, delivery, message, flow, bag, account, address, state)
SELECT v.refund, d.id, d.message, d.flow, c.bag, c.account, d.address, d.state
FROM (SELECT value->>0 AS refund, value->>1 AS delivery FROM json_each(:rows)) AS v
JOIN delivery AS d ON d.id = v.delivery
JOIN quota_charge AS c ON c.message = d.message
WHERE true
ON CONFLICT DO NOTHING;

-- name: quota_refund_open_count
-- order: 79
-- Guarded: only while nobody has decided. rows: refund
UPDATE quota_refund
SET n = (SELECT count(*) FROM quota_refund_item AS i WHERE i.refund = quota_refund.id)
WHERE state = 'proposed' AND id IN (SELECT value->>0 FROM json_each(:rows));
