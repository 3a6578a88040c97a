-- What signing in asks.

-- name: session_find
SELECT digest, "user", account, started_ms, used_ms, address, agent, has_factor
FROM console_session WHERE digest = :digest;

-- name: session_of_user
-- The newest first.
SELECT digest, "user", account, started_ms, used_ms, address, agent, has_factor
FROM console_session WHERE "user" = :user ORDER BY used_ms DESC;

-- name: factor_of_user
SELECT f.secret, f.state, f.last_step,
       (SELECT count(*) FROM recovery_code AS r WHERE r."user" = f."user")
FROM second_factor AS f WHERE f."user" = :user;

-- name: factor_users
-- Everybody with a second factor.
SELECT "user" FROM second_factor WHERE state = 'active';

-- name: factor_is_required
-- Whether an account of that person, or one above it, asks for a second factor.
WITH RECURSIVE line (id, parent) AS (
    SELECT a.id, a.parent FROM membership AS m JOIN account AS a ON a.id = m.account
    WHERE m."user" = :user
    UNION
    SELECT a.id, a.parent FROM account AS a JOIN line ON a.id = line.parent
)
SELECT EXISTS (SELECT 1 FROM line JOIN account_factor_rule AS r ON r.account = line.id);

-- name: factor_rules
SELECT account FROM account_factor_rule;

-- name: link_find
SELECT l."user", l.kind, l.expires_ms, u.email, u.state
FROM one_time_link AS l JOIN console_user AS u ON u.id = l."user" WHERE l.digest = :digest;

-- name: link_all
-- Without those that nobody can use any more.
SELECT "user", kind, created_ms, expires_ms, message FROM one_time_link;

-- name: profile_of
SELECT name, language, timezone FROM user_profile WHERE "user" = :user;

-- name: profile_all
SELECT "user", name, language, timezone FROM user_profile;

-- name: signin_person
-- What a session shows of its person.
SELECT u.id, u.email, u.state, coalesce(p.name, ''), coalesce(p.language, ''),
       coalesce(p.timezone, '')
FROM console_user AS u LEFT JOIN user_profile AS p ON p."user" = u.id WHERE u.id = :user;

-- name: signin_roles
SELECT account, role FROM membership WHERE "user" = :user ORDER BY account;

-- name: signin_mail_state
-- Of a mail with one recipient, whose delivery has the next id.
SELECT state FROM delivery WHERE id = :message + 1;

-- name: signin_account
-- Where a person with that address has a role, the uppermost: its auditors see the sign-ins.
SELECT coalesce(min(m.account), 0) FROM console_user AS u
JOIN membership AS m ON m."user" = u.id WHERE u.email = :email;
