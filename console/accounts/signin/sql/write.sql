-- Everything that changes how people get in. Each statement takes `:rows`, a JSON array of arrays.

-- name: session_insert
-- order: 60
-- rows: digest, user, account, started_ms, used_ms, address, agent, has_factor
INSERT INTO console_session (digest, "user", account, started_ms, used_ms, address, agent,
                             has_factor)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7
FROM json_each(:rows) WHERE true
ON CONFLICT DO NOTHING;

-- name: session_used
-- order: 61
-- rows: digest, used_ms
UPDATE console_session SET used_ms = v.used_ms
FROM (SELECT value->>0 AS digest, max(value->>1) AS used_ms
      FROM json_each(:rows) GROUP BY value->>0) AS v
WHERE console_session.digest = v.digest AND console_session.used_ms < v.used_ms;

-- name: session_account
-- order: 61
-- rows: digest, account
UPDATE console_session SET account = v.account
FROM (SELECT value->>0 AS digest, value->>1 AS account FROM json_each(:rows)) AS v
WHERE console_session.digest = v.digest;

-- name: session_delete
-- order: 62
-- rows: digest
DELETE FROM console_session WHERE digest IN (SELECT value->>0 FROM json_each(:rows));

-- name: session_delete_others
-- order: 62
-- All of a person but one ('': all). rows: user, digest
DELETE FROM console_session WHERE EXISTS (
    SELECT 1 FROM json_each(:rows) AS v
    WHERE v.value->>0 = console_session."user" AND v.value->>1 <> console_session.digest);

-- name: session_sweep
-- order: 62
-- What has ended by itself. rows: used before, started before
DELETE FROM console_session WHERE EXISTS (
    SELECT 1 FROM json_each(:rows) AS v
    WHERE console_session.used_ms <= v.value->>0 OR console_session.started_ms <= v.value->>1);

-- name: factor_replace
-- order: 63
-- A new seed, not confirmed yet. rows: user, secret, created_ms
INSERT INTO second_factor ("user", secret, state, last_step, created_ms)
SELECT value->>0, value->>1, 'pending', 0, value->>2 FROM json_each(:rows) WHERE true
ON CONFLICT ("user") DO UPDATE
SET secret = excluded.secret, state = 'pending', last_step = 0, created_ms = excluded.created_ms
WHERE second_factor.state = 'pending';

-- name: factor_step
-- order: 64
-- A code was shown; the guard fails for one that was taken before. rows: user, step
UPDATE second_factor SET last_step = v.step, state = 'active'
FROM (SELECT value->>0 AS "user", value->>1 AS step FROM json_each(:rows)) AS v
WHERE second_factor."user" = v."user" AND second_factor.last_step < v.step;

-- name: factor_delete
-- order: 64
-- rows: user
DELETE FROM second_factor WHERE "user" IN (SELECT value->>0 FROM json_each(:rows));

-- name: recovery_clear
-- order: 65
-- rows: user
DELETE FROM recovery_code WHERE "user" IN (SELECT value->>0 FROM json_each(:rows));

-- name: recovery_insert
-- order: 66
-- rows: user, digest
INSERT INTO recovery_code ("user", digest)
SELECT value->>0, value->>1 FROM json_each(:rows) WHERE true;

-- name: recovery_use
-- order: 67
-- Once: the guard fails for one that is gone. rows: user, digest
DELETE FROM recovery_code WHERE EXISTS (
    SELECT 1 FROM json_each(:rows) AS v
    WHERE v.value->>0 = recovery_code."user" AND v.value->>1 = recovery_code.digest);

-- name: link_insert
-- order: 68
-- Ends the link of the same kind before it. rows: user, kind, digest, created_ms, expires_ms
INSERT INTO one_time_link ("user", kind, digest, created_ms, expires_ms)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4 FROM json_each(:rows) WHERE true
ON CONFLICT ("user", kind) DO UPDATE
SET digest = excluded.digest, created_ms = excluded.created_ms, expires_ms = excluded.expires_ms,
    message = 0;

-- name: link_sent
-- order: 69
-- rows: digest, message
UPDATE one_time_link SET message = v.message
FROM (SELECT value->>0 AS digest, value->>1 AS message FROM json_each(:rows)) AS v
WHERE one_time_link.digest = v.digest;

-- name: link_use
-- order: 70
-- Once, and not after its time: else the guard fails. rows: digest, now_ms
DELETE FROM one_time_link WHERE EXISTS (
    SELECT 1 FROM json_each(:rows) AS v
    WHERE v.value->>0 = one_time_link.digest AND v.value->>1 < one_time_link.expires_ms);

-- name: link_clear
-- order: 71
-- All of a person. rows: user
DELETE FROM one_time_link WHERE "user" IN (SELECT value->>0 FROM json_each(:rows));

-- name: profile_put
-- order: 72
-- rows: user, name, language, timezone
INSERT INTO user_profile ("user", name, language, timezone)
SELECT value->>0, value->>1, value->>2, value->>3 FROM json_each(:rows) WHERE true
ON CONFLICT ("user") DO UPDATE
SET name = excluded.name, language = excluded.language, timezone = excluded.timezone;

-- name: factor_rule_put
-- order: 73
-- rows: account, changed_ms
INSERT INTO account_factor_rule (account, changed_ms)
SELECT value->>0, value->>1 FROM json_each(:rows) WHERE true
ON CONFLICT (account) DO NOTHING;

-- name: factor_rule_delete
-- order: 73
-- rows: account
DELETE FROM account_factor_rule WHERE account IN (SELECT value->>0 FROM json_each(:rows));
