-- name: sending_domain_all
-- Domains with what the DNS said.
SELECT d.domain, d.account, d.shared, d.state, d.created_ms, coalesce(s.selector, ''),
       coalesce(s.checked_ms, 0), coalesce(s.verified_ms, 0), coalesce(s.failing_since_ms, 0),
       coalesce(s.told_ms, 0), coalesce(s.records, '[]')
FROM sending_domain AS d LEFT JOIN domain_status AS s ON s.domain = d.domain
ORDER BY d.domain;

-- name: sending_domain_one
SELECT d.domain, d.account, d.shared, d.state, d.created_ms, coalesce(s.selector, ''),
       coalesce(s.checked_ms, 0), coalesce(s.verified_ms, 0), coalesce(s.failing_since_ms, 0),
       coalesce(s.told_ms, 0), coalesce(s.records, '[]')
FROM sending_domain AS d LEFT JOIN domain_status AS s ON s.domain = d.domain
WHERE d.domain = :domain;

-- name: sending_domain_people
-- Whom to tell of an account's domains.
SELECT DISTINCT u.email, coalesce(nullif(p.language, ''), a.language)
FROM membership AS m JOIN console_user AS u ON u.id = m."user"
JOIN account AS a ON a.id = m.account
LEFT JOIN user_profile AS p ON p."user" = u.id
WHERE m.account = :account AND u.state = 'active' AND m.role IN ('owner', 'administrator')
ORDER BY u.email LIMIT 20;

-- name: sending_domain_drop_pending
-- order: 47
-- A claim that was never shown to be true gives way to another account's. rows: domain, account
DELETE FROM sending_domain WHERE (domain, state) IN (
    SELECT value->>0, 'pending' FROM json_each(:rows))
AND account NOT IN (SELECT value->>1 FROM json_each(:rows) WHERE value->>0 = sending_domain.domain);

-- name: sending_domain_state
-- order: 49
-- rows: domain, account, state
UPDATE sending_domain SET state = v.state
FROM (SELECT value->>0 AS domain, value->>1 AS account, value->>2 AS state
      FROM json_each(:rows)) AS v
WHERE sending_domain.domain = v.domain AND sending_domain.account = v.account;

-- name: sending_domain_delete
-- order: 49
-- rows: domain, account
DELETE FROM sending_domain
WHERE (domain, account) IN (SELECT value->>0, value->>1 FROM json_each(:rows));

-- name: domain_status_delete
-- order: 50
-- rows: domain
DELETE FROM domain_status WHERE domain IN (SELECT value->>0 FROM json_each(:rows));

-- name: domain_status_put
-- order: 51
-- rows: domain, selector, checked_ms, verified_ms, failing_since_ms, told_ms, records
INSERT INTO domain_status (domain, selector, checked_ms, verified_ms, failing_since_ms, told_ms,
                           records)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6
FROM json_each(:rows) WHERE true
ON CONFLICT (domain) DO UPDATE SET
    selector = excluded.selector, checked_ms = excluded.checked_ms,
    verified_ms = excluded.verified_ms, failing_since_ms = excluded.failing_since_ms,
    told_ms = excluded.told_ms, records = excluded.records;

-- name: sending_domain_neighbours
-- Other accounts that have shown that a domain above or below this one is theirs.
SELECT DISTINCT account FROM sending_domain
WHERE account <> :account AND state <> 'pending'
  AND (substr(domain, -length(:domain) - 1) = '.' || :domain
       OR substr(:domain, -length(domain) - 1) = '.' || domain);
