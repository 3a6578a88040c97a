-- The evidence of sends: read beside the server, page by page, each page a read of its own.
-- 2, 4 and 5 are the events delivered, bounced and expired; 10, 11 and 12 the states they lead to. A
-- mail that came back after it was delivered counts once, as bounced. Flags 4, 128 and 256 are
-- notices, mail of test keys and training: no sends of a contract.

-- name: evidence_next
-- Ended deliveries of an account's messages after one of them, in the order of messages and of events.
SELECT m.id, e.id, e.at_ms, d.id, d.address, d.state, d.attempts, d.last_reply, d.last_host, e.data,
       m.flow, m.sender, m.header_id, m.subject, m.flags,
       c.message IS NOT NULL AND b.delivery IS NULL
FROM message AS m INDEXED BY message_account
CROSS JOIN flow AS f ON f.id = m.flow AND f.kind IN ('application', 'campaign')
CROSS JOIN event AS e INDEXED BY event_message
     ON e.message = m.id AND e.message > 0 AND e.type IN (2, 4, 5)
CROSS JOIN delivery AS d ON d.id = e.delivery
LEFT JOIN quota_charge AS c ON c.message = m.id
LEFT JOIN quota_back AS b ON b.delivery = d.id
WHERE m.account = :account AND m.id > :message AND m.id < :until AND (m.flags & 388) = 0
  AND d.state = e.type + CASE e.type WHEN 2 THEN 8 ELSE 7 END
ORDER BY m.id, e.id LIMIT :count;

-- name: evidence_rest
-- The same of one message, after one of its events.
SELECT m.id, e.id, e.at_ms, d.id, d.address, d.state, d.attempts, d.last_reply, d.last_host, e.data,
       m.flow, m.sender, m.header_id, m.subject, m.flags,
       c.message IS NOT NULL AND b.delivery IS NULL
FROM event AS e INDEXED BY event_message
CROSS JOIN message AS m ON m.id = e.message
CROSS JOIN delivery AS d ON d.id = e.delivery
LEFT JOIN quota_charge AS c ON c.message = m.id
LEFT JOIN quota_back AS b ON b.delivery = d.id
WHERE e.message = :message AND e.message > 0 AND e.id > :event AND e.type IN (2, 4, 5)
  AND d.state = e.type + CASE e.type WHEN 2 THEN 8 ELSE 7 END
ORDER BY e.id LIMIT :count;

-- name: evidence_accounts
-- An account and those below it, without those for training, with names and the first one's zone.
WITH RECURSIVE below (id) AS (
    SELECT id FROM account WHERE id = :account
    UNION ALL SELECT a.id FROM account AS a JOIN below AS b ON a.parent = b.id)
SELECT a.id, a.name, a.timezone FROM below AS b JOIN account AS a ON a.id = b.id
WHERE a.kind <> 'training' ORDER BY a.id = :account DESC, a.name;

-- name: evidence_flows
-- Flows, with how many of their deliveries are in which state. flows: a JSON array
SELECT f.id, f.name, f.kind, c.state, c.n FROM flow AS f LEFT JOIN flow_count AS c ON c.flow = f.id
WHERE f.id IN (SELECT value FROM json_each(:flows)) ORDER BY f.id, c.state;

-- name: evidence_campaigns
-- A page of campaigns of accounts (a JSON array).
SELECT id, name, status, content, frozen, figures FROM campaign
WHERE account IN (SELECT value FROM json_each(:accounts)) AND id > :after ORDER BY id LIMIT :count;

-- name: evidence_ledger
-- A page of the entries about mail in an account's share, in their order.
SELECT id, at_ms, flow, kind, available, consumed, reference, seq, hash FROM quota_entry
WHERE account = :account AND id > :after ORDER BY id LIMIT :count;

-- name: evidence_expected
-- About how many rows there will be, from the sums of days; for the progress only.
SELECT coalesce(sum(d.n), 0)
FROM flow AS f CROSS JOIN figure_flow_day AS d ON d.flow = f.id
WHERE f.account IN (SELECT value FROM json_each(:accounts))
  AND d.day BETWEEN CAST(julianday(:first) - 2440587.5 AS INTEGER)
                AND CAST(julianday(:last) - 2440587.5 AS INTEGER)
  AND d.type IN (2, 4, 5);

-- name: evidence_domains
-- From where accounts (a JSON array) may send.
SELECT d.domain, d.account, d.state, coalesce(s.selector, ''), coalesce(s.verified_ms, 0),
       coalesce(s.checked_ms, 0), coalesce(s.records, '[]')
FROM sending_domain AS d LEFT JOIN domain_status AS s ON s.domain = d.domain
WHERE d.account IN (SELECT value FROM json_each(:accounts)) ORDER BY d.domain;

-- name: evidence_heads
-- The last link of each chain, and how much has no place in it yet.
SELECT h.chain, h.seq, h.hash,
       CASE h.chain WHEN 'audit' THEN (SELECT count(*) FROM audit_entry WHERE seq IS NULL)
                    ELSE (SELECT count(*) FROM quota_entry WHERE seq IS NULL) END
FROM chain_head AS h WHERE h.chain IN ('audit', 'quota') ORDER BY h.chain;

-- name: evidence_contract
-- The contract of the account's line that began last before a day.
WITH RECURSIVE above (id) AS (
    SELECT :account
    UNION ALL SELECT a.parent FROM account AS a JOIN above AS b ON a.id = b.id WHERE a.parent > 0)
SELECT c.id, c.name, c.size, c.days, c.starts_on FROM quota_contract AS c
WHERE c.account IN (SELECT id FROM above) AND c.starts_on <= :day
ORDER BY c.starts_on DESC, c.id DESC LIMIT 1;
