-- What there is of each clause of the contract, counted when somebody asks. `accounts` is a JSON array.

-- name: compliance_counts
-- One row: files read, their good rows, templates, automations at work, people on the way in them,
-- accounts below, training accounts, training recipients, people, of them with a second factor,
-- keys at work, domains, of them verified, incidents, of them open.
WITH a(id) AS (SELECT value FROM json_each(:accounts))
SELECT
    (SELECT count(*) FROM upload WHERE account IN (SELECT id FROM a) AND state = 'ready'),
    (SELECT coalesce(sum(counts->>'accepted'), 0) FROM upload
     WHERE account IN (SELECT id FROM a) AND state = 'ready'),
    (SELECT count(*) FROM template WHERE account IN (SELECT id FROM a) AND state = 'active'),
    (SELECT count(*) FROM automation WHERE account IN (SELECT id FROM a) AND state = 'active'),
    (SELECT count(*) FROM enrolment WHERE automation IN (
        SELECT id FROM automation WHERE account IN (SELECT id FROM a))),
    (SELECT count(*) FROM account WHERE parent IN (SELECT id FROM a) AND kind = 'normal'),
    (SELECT count(*) FROM account WHERE id IN (SELECT id FROM a) AND kind = 'training'),
    (SELECT count(*) FROM training_recipient WHERE account IN (SELECT id FROM a)),
    (SELECT count(DISTINCT "user") FROM membership WHERE account IN (SELECT id FROM a)),
    (SELECT count(DISTINCT m."user") FROM membership AS m
     JOIN second_factor AS f ON f."user" = m."user" WHERE m.account IN (SELECT id FROM a) AND f.state = 'active'),
    (SELECT count(*) FROM credential WHERE account IN (SELECT id FROM a) AND state = 'active'),
    (SELECT count(*) FROM sending_domain WHERE account IN (SELECT id FROM a)),
    (SELECT count(*) FROM sending_domain AS d JOIN domain_status AS s ON s.domain = d.domain
     WHERE d.account IN (SELECT id FROM a) AND s.verified_ms > 0),
    (SELECT count(*) FROM incident WHERE account IN (SELECT id FROM a)),
    (SELECT count(*) FROM incident WHERE account IN (SELECT id FROM a) AND closed_ms = 0);

-- name: compliance_roles
-- People by role.
SELECT role, count(DISTINCT "user") FROM membership
WHERE account IN (SELECT value FROM json_each(:accounts)) GROUP BY role;

-- name: compliance_campaigns
-- The last 200 campaigns: id, name, status, recipients, mails an hour, sending time, when it began,
-- when it is to begin, whether its mail has fields, whether it went to rows of a file.
SELECT id, name, status, coalesce(frozen->>'total', 0), coalesce(figures->>'per_hour', 0),
       coalesce(figures->>'sending_ms', 0), coalesce(figures->>'started_ms', 0),
       coalesce(plan->>'send_at_ms', 0), instr(content, '{{') > 0,
       coalesce(audience->>'audience', 0) > 0, coalesce(frozen->>'flow', 0)
FROM campaign WHERE account IN (SELECT value FROM json_each(:accounts))
ORDER BY id DESC LIMIT 200;

-- name: compliance_actions
-- What was done and noted in the trail: action, how often, when last.
SELECT action, count(*), max(at_ms) FROM audit_entry
WHERE account IN (SELECT value FROM json_each(:accounts)) GROUP BY action;

-- name: compliance_doors
-- Use of the doors: door, requests, recipients.
SELECT door, sum(requests), sum(recipients) FROM door_usage
WHERE account IN (SELECT value FROM json_each(:accounts)) GROUP BY door ORDER BY 2 DESC;

-- name: compliance_refunds
-- What was put back: state, how often, mails.
SELECT state, count(*), sum(given) FROM quota_refund
WHERE account IN (SELECT value FROM json_each(:accounts)) GROUP BY state;

-- name: compliance_shares
-- What of the bag is with which account: those with a balance of their own below the main one.
SELECT count(*), coalesce(sum(granted), 0), coalesce(sum(consumed - refunded), 0)
FROM quota_bag WHERE is_open = 1 AND account IN (SELECT value FROM json_each(:accounts))
  AND account IN (SELECT id FROM account WHERE parent IS NOT NULL);

-- name: compliance_kinds
-- Recipients accepted by the kind of what sent to them, suppressed and cancelled ones left out.
SELECT f.kind, sum(c.n) FROM flow AS f JOIN flow_count AS c ON c.flow = f.id
WHERE f.account IN (SELECT value FROM json_each(:accounts)) AND c.state NOT IN (13, 14)
GROUP BY f.kind;

-- name: compliance_papers
-- One row: guides mailed, of them delivered, when the last was mailed; reports of consumption made,
-- when the last; trainings held, certificates, manuals handed over; certificates of exercises.
WITH a(id) AS (SELECT value FROM json_each(:accounts))
SELECT
    (SELECT count(*) FROM guide_sent WHERE account IN (SELECT id FROM a)),
    (SELECT count(*) FROM guide_sent AS g LEFT JOIN delivery AS d ON d.id = g.message + 1
     WHERE g.account IN (SELECT id FROM a) AND (g.state = 10 OR (g.state = 0 AND d.state = 10))),
    (SELECT coalesce(max(sent_ms), 0) FROM guide_sent WHERE account IN (SELECT id FROM a)),
    (SELECT count(*) FROM usage_report WHERE account IN (SELECT id FROM a) AND state = 'done'),
    (SELECT coalesce(max(done_ms), 0) FROM usage_report
     WHERE account IN (SELECT id FROM a) AND state = 'done'),
    (SELECT count(*) FROM handover_training WHERE account IN (SELECT id FROM a)),
    (SELECT count(*) FROM handover_certificate WHERE account IN (SELECT id FROM a)),
    (SELECT count(*) FROM handover_manual WHERE account IN (SELECT id FROM a)),
    (SELECT count(*) FROM training_certificate WHERE account IN (SELECT id FROM a));
