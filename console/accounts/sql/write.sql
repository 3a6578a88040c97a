-- Everything that changes accounts. Each statement takes `:rows`, a JSON array of arrays. Inserts
-- leave what exists alone, so that the guard of the job (`expect`) tells a name that is taken.

-- name: account_insert
-- order: 40
-- rows: id, parent, name, kind, state, created_ms
INSERT INTO account (id, parent, name, kind, state, created_ms)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5
FROM json_each(:rows) WHERE true
ON CONFLICT DO NOTHING;

-- name: account_state
-- order: 41
-- rows: id, state
UPDATE account SET state = v.state
FROM (SELECT value->>0 AS id, value->>1 AS state FROM json_each(:rows)) AS v
WHERE account.id = v.id;

-- name: account_name
-- order: 41
-- rows: id, name
UPDATE account SET name = v.name
FROM (SELECT value->>0 AS id, value->>1 AS name FROM json_each(:rows)) AS v
WHERE account.id = v.id;

-- name: account_settings
-- order: 41
-- rows: id, language, timezone, needs_approval
UPDATE account SET language = v.language, timezone = v.timezone, needs_approval = v.needs_approval
FROM (SELECT value->>0 AS id, value->>1 AS language, value->>2 AS timezone,
             value->>3 AS needs_approval FROM json_each(:rows)) AS v
WHERE account.id = v.id;

-- name: user_insert
-- order: 42
-- rows: id, email, password, state, created_ms
INSERT INTO console_user (id, email, password, state, created_ms)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4
FROM json_each(:rows) WHERE true
ON CONFLICT DO NOTHING;

-- name: user_state
-- order: 43
-- rows: id, state
UPDATE console_user SET state = v.state
FROM (SELECT value->>0 AS id, value->>1 AS state FROM json_each(:rows)) AS v
WHERE console_user.id = v.id;

-- name: user_unlock
-- order: 43
-- A person may sign in again at once: active, no failures, no lock. rows: id
UPDATE console_user SET state = 'active', failures = 0, locked_until_ms = 0
WHERE id IN (SELECT value->>0 FROM json_each(:rows));

-- name: user_password
-- order: 43
-- A new password also ends a lock. rows: id, password
UPDATE console_user SET password = v.password, failures = 0, locked_until_ms = 0
FROM (SELECT value->>0 AS id, value->>1 AS password FROM json_each(:rows)) AS v
WHERE console_user.id = v.id;

-- name: user_failed
-- order: 43
-- Failed sign-ins, several of one person added up; `most` in a row lock, and the count begins anew.
-- rows: id, most, locked_until_ms
UPDATE console_user
SET failures = CASE WHEN failures + v.times >= v.most THEN 0 ELSE failures + v.times END,
    locked_until_ms = CASE WHEN failures + v.times >= v.most THEN v.until ELSE locked_until_ms END
FROM (SELECT value->>0 AS id, count(*) AS times, max(value->>1) AS most, max(value->>2) AS until
      FROM json_each(:rows) GROUP BY value->>0) AS v
WHERE console_user.id = v.id;

-- name: user_signed_in
-- order: 43
-- rows: id
UPDATE console_user SET failures = 0 WHERE id IN (SELECT value->>0 FROM json_each(:rows));

-- name: membership_insert
-- order: 44
-- rows: user, account, role, created_ms
INSERT INTO membership ("user", account, role, created_ms)
SELECT value->>0, value->>1, value->>2, value->>3
FROM json_each(:rows) WHERE true
ON CONFLICT DO NOTHING;

-- name: membership_role
-- order: 44
-- rows: user, account, role, the role that it replaces
UPDATE membership SET role = v.role
FROM (SELECT value->>0 AS person, value->>1 AS account, value->>2 AS role, value->>3 AS before
      FROM json_each(:rows)) AS v
WHERE membership."user" = v.person AND membership.account = v.account AND membership.role = v.before;

-- name: membership_remove
-- order: 44
-- rows: user, account
DELETE FROM membership WHERE ("user", account) IN
    (SELECT value->>0, value->>1 FROM json_each(:rows));

-- name: credential_insert
-- order: 45
-- rows: id, account, name, key_id, username, secret_sha256, scram_salt, scram_iterations,
-- scram_stored_key, scram_server_key, scopes, sender_domains, networks, default_class,
-- rate_per_minute, state, created_ms, expires_ms, per_hour, per_day
INSERT INTO credential (id, account, name, key_id, username, secret_sha256, scram_salt,
                        scram_iterations, scram_stored_key, scram_server_key, scopes,
                        sender_domains, networks, default_class, rate_per_minute, state,
                        created_ms, expires_ms, per_hour, per_day)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7,
       value->>8, value->>9, value->>10, value->>11, value->>12, value->>13, value->>14,
       value->>15, value->>16, value->>17, value->>18, value->>19
FROM json_each(:rows) WHERE true
ON CONFLICT DO NOTHING;

-- name: credential_take
-- order: 9
-- key: 0
-- Recipients of a credential with a cap, where they fit; a later period begins anew. rows: key,
-- period, cap, recipients
INSERT INTO credential_use (key, period, cap, used)
SELECT value->>0, max(value->>1), max(value->>2), sum(value->>3)
FROM json_each(:rows) WHERE true GROUP BY 1 HAVING sum(value->>3) <= max(value->>2)
ON CONFLICT (key) DO UPDATE
SET used = excluded.used + CASE WHEN credential_use.period >= excluded.period
                                THEN credential_use.used ELSE 0 END,
    period = max(credential_use.period, excluded.period), cap = excluded.cap
WHERE excluded.used + CASE WHEN credential_use.period >= excluded.period
                           THEN credential_use.used ELSE 0 END <= excluded.cap;

-- name: credential_revoke
-- order: 46
-- rows: id
UPDATE credential SET state = 'revoked'
WHERE id IN (SELECT value->>0 FROM json_each(:rows));

-- name: credential_revoke_all
-- order: 46
-- Those of whole accounts, which are closed. rows: account
UPDATE credential SET state = 'revoked'
WHERE state = 'active' AND account IN (SELECT value->>0 FROM json_each(:rows));

-- name: credential_replace
-- order: 46
-- The old one of a rotation, once: it ends at `expires_ms`. rows: id, replaced_by, expires_ms
UPDATE credential SET replaced_by = v.replaced_by, expires_ms = v.expires_ms
FROM (SELECT value->>0 AS id, value->>1 AS replaced_by, value->>2 AS expires_ms
      FROM json_each(:rows)) AS v
WHERE credential.id = v.id AND credential.state = 'active' AND credential.replaced_by IS NULL;

-- name: credential_used
-- order: 47
-- rows: id, last_used_ms
UPDATE credential SET last_used_ms = v.last_used_ms
FROM (SELECT value->>0 AS id, value->>1 AS last_used_ms FROM json_each(:rows)) AS v
WHERE credential.id = v.id AND credential.last_used_ms < v.last_used_ms;

-- name: domain_insert
-- order: 48
-- rows: domain, account, shared, state, created_ms
INSERT INTO sending_domain (domain, account, shared, state, created_ms)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4
FROM json_each(:rows) WHERE true
ON CONFLICT DO NOTHING;
