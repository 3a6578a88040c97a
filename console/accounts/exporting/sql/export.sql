-- What is exported of an account: accounts, people, the bag, mail, suppressions, the audit trail. Paged by key; the keys come first.

-- name: export_account
-- The account and those below it.
SELECT a.id,
       a.id, a.parent, a.name, a.kind, a.state, a.language, a.timezone, a.needs_approval, a.created_ms
FROM account AS a
WHERE a.id > :after
  AND a.id IN (SELECT value FROM json_each(:accounts))
ORDER BY a.id LIMIT :count;

-- name: export_person
-- Who has a role there; never a password.
SELECT u.id,
       u.id, u.email, p.name, p.language, p.timezone, u.state,
       EXISTS (SELECT 1 FROM second_factor AS f WHERE f."user" = u.id AND f.state = 'active'),
       u.created_ms
FROM console_user AS u LEFT JOIN user_profile AS p ON p."user" = u.id
WHERE u.id > :after
  AND EXISTS (SELECT 1 FROM membership AS m WHERE m."user" = u.id
              AND m.account IN (SELECT value FROM json_each(:accounts)))
ORDER BY u.id LIMIT :count;

-- name: export_membership
SELECT m.rowid,
       m."user", m.account, m.role, m.created_ms
FROM membership AS m
WHERE m.rowid > :after
  AND +m.account IN (SELECT value FROM json_each(:accounts))
ORDER BY m.rowid LIMIT :count;

-- name: export_credential
-- Never a secret or what is made of one.
SELECT c.id,
       c.id, c.account, c.name, c.key_id, c.username, c.scopes, c.sender_domains, c.networks,
       c.default_class, c.rate_per_minute, c.per_hour, c.per_day, c.state, c.created_ms, c.expires_ms,
       c.last_used_ms, c.replaced_by
FROM credential AS c
WHERE c.id > :after
  AND +c.account IN (SELECT value FROM json_each(:accounts))
ORDER BY c.id LIMIT :count;

-- name: export_sending_domain
-- Never a DKIM key.
SELECT d.domain,
       d.domain, d.account, d.shared, d.state, s.selector, s.verified_ms, s.checked_ms, s.records,
       d.created_ms
FROM sending_domain AS d LEFT JOIN domain_status AS s ON s.domain = d.domain
WHERE d.domain > :after
  AND +d.account IN (SELECT value FROM json_each(:accounts))
ORDER BY d.domain LIMIT :count;

-- name: export_contract
-- Its own, and those that it has a share of.
SELECT c.id,
       c.id, c.account, c.name, c.size, c.days, c.starts_on, c.ended_ms, c.created_ms
FROM quota_contract AS c
WHERE c.id > :after
  AND (+c.account IN (SELECT value FROM json_each(:accounts))
     OR c.id IN (SELECT b.contract FROM quota_bag AS b
                 WHERE b.account IN (SELECT value FROM json_each(:accounts))))
ORDER BY c.id LIMIT :count;

-- name: export_share
SELECT b.id,
       b.id, b.contract, b.account, b.granted, b.available, b.reserved, b.consumed, b.refunded,
       b.expired, b.is_open
FROM quota_bag AS b
WHERE b.id > :after
  AND +b.account IN (SELECT value FROM json_each(:accounts))
ORDER BY b.id LIMIT :count;

-- name: export_share_use
SELECT u.bag, u.account,
       u.bag, u.account, u.cap, u.reserved, u.consumed, u.refunded
FROM quota_use AS u
WHERE (u.bag, u.account) > (:after, :after_2)
  AND +u.account IN (SELECT value FROM json_each(:accounts))
ORDER BY u.bag, u.account LIMIT :count;

-- name: export_ledger
SELECT e.id,
       e.id, e.at_ms, e.bag, e.account, e.kind, e.available, e.reserved, e.consumed, e.flow,
       e.reference, e.reason, e.actor_kind, e.actor_id, e.actor_name, e.seq, e.hash
FROM quota_entry AS e
WHERE e.id > :after
  AND +e.account IN (SELECT value FROM json_each(:accounts))
ORDER BY e.id LIMIT :count;

-- name: export_reservation
SELECT r.id,
       r.id, r.bag, r.account, r.reference, r.flow, r.size, r.rest, r.created_ms
FROM quota_reservation AS r
WHERE r.id > :after
  AND +r.account IN (SELECT value FROM json_each(:accounts))
ORDER BY r.id LIMIT :count;

-- name: export_refund
SELECT r.id,
       r.id, r.account, r.subject, r.scope, r.resend, r.reason, r.evidence, r.state, r.n, r.given,
       r.sent_again, r.proposed_by, r.decided_by, r.decision, r.created_ms, r.decided_ms, r.done_ms
FROM quota_refund AS r
WHERE r.id > :after
  AND +r.account IN (SELECT value FROM json_each(:accounts))
ORDER BY r.id LIMIT :count;

-- name: export_refund_delivery
SELECT i.refund, i.delivery,
       i.refund, i.delivery, i.message, i.flow, i.account, i.address, i.state
FROM quota_refund_item AS i
WHERE (i.refund, i.delivery) > (:after, :after_2)
  AND +i.account IN (SELECT value FROM json_each(:accounts))
ORDER BY i.refund, i.delivery LIMIT :count;

-- name: export_training_recipient
SELECT t.account, t.address,
       t.account, t.address, t.created_ms
FROM training_recipient AS t
WHERE (t.account, t.address) > (:after, :after_2)
  AND +t.account IN (SELECT value FROM json_each(:accounts))
ORDER BY t.account, t.address LIMIT :count;

-- name: export_approval
SELECT a.id,
       a.id, a.kind, a.account, a.object, a.data, a.state, a.asked_by_kind, a.asked_by_name,
       a.created_ms, a.expires_ms, a.decided_by_kind, a.decided_by_name, a.decided_ms, a.reason
FROM approval AS a
WHERE a.id > :after
  AND +a.account IN (SELECT value FROM json_each(:accounts))
ORDER BY a.id LIMIT :count;

-- name: export_audit
SELECT a.id,
       a.id, a.at_ms, a.actor_kind, a.actor_id, a.actor_name, a.address, a.agent, a.action, a.account,
       a.object, a.before, a.after, a.result, a.seq, a.hash
FROM audit_entry AS a
WHERE a.id > :after
  AND +a.account IN (SELECT value FROM json_each(:accounts))
ORDER BY a.id LIMIT :count;

-- name: export_incident
SELECT i.id,
       i.id, i.number, i.account, i.category, i.subject, i.text, i.contact, i.state, i.reference,
       i.opened_by_name, i.created_ms, i.changed_ms, i.closed_ms
FROM incident AS i
WHERE i.id > :after
  AND +i.account IN (SELECT value FROM json_each(:accounts))
ORDER BY i.id LIMIT :count;

-- name: export_incident_note
SELECT n.id,
       n.id, i.number, n.author_kind, n.author_name, n.text, n.state, n.at_ms
FROM incident_note AS n CROSS JOIN incident AS i ON i.id = n.incident
WHERE n.id > :after
  AND +i.account IN (SELECT value FROM json_each(:accounts))
ORDER BY n.id LIMIT :count;

-- name: export_door_usage
SELECT u.day || ' ' || u.account || ' ' || u.credential || ' ' || u.door,
       u.day, u.account, u.credential, u.door, u.requests, u.accepted, u.rejected, u.errors,
       u.recipients, u.refused
FROM door_usage AS u
WHERE u.day || ' ' || u.account || ' ' || u.credential || ' ' || u.door > :after
  AND +u.account IN (SELECT value FROM json_each(:accounts))
ORDER BY u.day || ' ' || u.account || ' ' || u.credential || ' ' || u.door LIMIT :count;

-- name: export_suppression
SELECT s.id,
       s.id, s.account, s.address, s.reason, s.scope, s.note, s.message, s.delivery, s.created_by,
       s.created_ms, s.expires_ms
FROM suppression AS s
WHERE s.id > :after
  AND +s.account IN (SELECT value FROM json_each(:accounts))
ORDER BY s.id LIMIT :count;

-- name: export_suppression_held
SELECT h.id,
       h.id, h.account, h.address, h.message, h.delivery, h.reply, h.at_ms
FROM suppression_held AS h
WHERE h.id > :after
  AND +h.account IN (SELECT value FROM json_each(:accounts))
ORDER BY h.id LIMIT :count;

-- name: export_flow
-- Campaigns and streams.
SELECT f.id,
       f.id, f.account, f.name, f.kind, f.class, f.created_ms
FROM flow AS f
WHERE f.id > :after
  AND +f.account IN (SELECT value FROM json_each(:accounts))
ORDER BY f.id LIMIT :count;

-- name: export_message
-- Not their contents, which are gone a day after the last recipient is final.
SELECT m.id,
       m.id, m.id / 1000000, m.flow, m.account, m.credential, m.sender, m.header_id, m.subject,
       m.source, m.tags, m.metadata, m.length
FROM message AS m
WHERE m.id > :after
  AND +m.account IN (SELECT value FROM json_each(:accounts))
ORDER BY m.id LIMIT :count;

-- name: export_delivery
SELECT d.id,
       d.id, d.message, d.flow, d.address, d.state, d.class, d.attempts, d.last_reply, d.last_host,
       d.merge, d.contact, d.changed_ms
FROM delivery AS d CROSS JOIN message AS m ON m.id = d.message
WHERE d.id > :after
  AND +m.account IN (SELECT value FROM json_each(:accounts))
ORDER BY d.id LIMIT :count;

-- name: export_event
SELECT e.id,
       e.id, e.at_ms, e.type, e.account, e.flow, e.message, e.delivery, e.data
FROM event AS e
WHERE e.id > :after
  AND +e.account IN (SELECT value FROM json_each(:accounts))
ORDER BY e.id LIMIT :count;

-- name: export_accounts
-- An account and all below it.
WITH RECURSIVE below (id) AS (
    SELECT id FROM account WHERE id = :account
    UNION ALL SELECT a.id FROM account AS a JOIN below AS b ON a.parent = b.id)
SELECT id FROM below ORDER BY id;
