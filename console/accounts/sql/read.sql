-- What authentication and the commands ask of accounts.

-- name: accounts_last_id
-- The greatest id in use, so that ids never go back.
SELECT max(coalesce((SELECT max(id) FROM account), 0),
           coalesce((SELECT max(id) FROM console_user), 0),
           coalesce((SELECT max(id) FROM credential), 0));

-- name: account_all
SELECT id, parent, name, kind, state, created_ms, language, timezone, needs_approval
FROM account ORDER BY id;

-- name: user_all
-- People with their memberships, one row for each; a person without one has NULLs.
SELECT u.id, u.email, u.state, u.locked_until_ms, u.created_ms, m.account, a.name, m.role
FROM console_user AS u
LEFT JOIN membership AS m ON m."user" = u.id
LEFT JOIN account AS a ON a.id = m.account
ORDER BY u.id, m.account;

-- name: user_by_email
SELECT id, state FROM console_user WHERE email = :email;

-- name: user_sign_in
-- What decides whether somebody may sign in.
SELECT id, password, state, failures, locked_until_ms FROM console_user WHERE email = :email;

-- name: membership_of
SELECT role FROM membership WHERE "user" = :user AND account = :account;

-- name: membership_roles
-- The roles of a person who may sign in.
SELECT u.email, m.account, m.role FROM console_user AS u
JOIN membership AS m ON m."user" = u.id
WHERE u.id = :user AND u.state = 'active';

-- name: credential_all
-- Everything about credentials, the newest last.
SELECT id, account, name, key_id, username, secret_sha256, scram_salt, scram_iterations,
       scram_stored_key, scram_server_key, scopes, sender_domains, networks, default_class,
       rate_per_minute, state, created_ms, expires_ms, last_used_ms, replaced_by, per_hour, per_day
FROM credential ORDER BY id;

-- name: credential_by_id
-- The same columns as `credential_all`, of one.
SELECT id, account, name, key_id, username, secret_sha256, scram_salt, scram_iterations,
       scram_stored_key, scram_server_key, scopes, sender_domains, networks, default_class,
       rate_per_minute, state, created_ms, expires_ms, last_used_ms, replaced_by, per_hour, per_day
FROM credential WHERE id = :id;

-- name: credential_find
-- By its username or the public part of its secret.
SELECT id FROM credential WHERE username = :name OR key_id = :name;

-- name: domain_all
SELECT domain, account, shared, state, created_ms FROM sending_domain ORDER BY domain;

-- name: account_senders
-- Whom to tell of an account's campaigns.
SELECT DISTINCT u.email, coalesce(nullif(p.language, ''), a.language)
FROM membership AS m JOIN console_user AS u ON u.id = m."user"
JOIN account AS a ON a.id = m.account
LEFT JOIN user_profile AS p ON p."user" = u.id
WHERE m.account = :account AND u.state = 'active'
  AND m.role IN ('owner', 'administrator', 'sender')
ORDER BY u.email LIMIT 20;

-- name: account_deciders
-- Whom to tell that something waits: who has one of the roles in the account or above, but one.
WITH RECURSIVE line (id) AS (
    SELECT :account
    UNION SELECT above.parent FROM line JOIN account AS above ON above.id = line.id
    WHERE above.parent IS NOT NULL
)
SELECT DISTINCT u.email, coalesce(nullif(p.language, ''), a.language)
FROM line JOIN membership AS m ON m.account = line.id
JOIN console_user AS u ON u.id = m."user"
JOIN account AS a ON a.id = m.account
LEFT JOIN user_profile AS p ON p."user" = u.id
WHERE u.state = 'active' AND u.id <> :besides
  AND m.role IN (SELECT value FROM json_each(:roles))
ORDER BY u.email LIMIT 20;

-- name: account_person_language
-- What a person chose; nothing for who is unknown, '' for who did not choose.
SELECT coalesce(p.language, '') FROM console_user AS u LEFT JOIN user_profile AS p ON p."user" = u.id
WHERE u.email = :email;

-- name: account_people_languages
-- The languages of an account's people; '' is the installation's.
SELECT DISTINCT u.email, coalesce(nullif(p.language, ''), a.language)
FROM membership AS m JOIN console_user AS u ON u.id = m."user"
JOIN account AS a ON a.id = m.account
LEFT JOIN user_profile AS p ON p."user" = u.id
WHERE m.account = :account;
