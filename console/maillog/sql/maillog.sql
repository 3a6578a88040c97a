-- The message log. A page looks at `scanned` deliveries at most: its last row (id NULL) tells how far
-- it came, NULL at the end of the list.

-- name: maillog_page
-- Deliveries of an account's messages, newest first, by the index (account, id) of messages.
WITH seen AS MATERIALIZED (
    SELECT d.id, d.message, d.address, d.state, d.class, d.attempts, d.last_reply, d.changed_ms,
           m.sender, m.subject, m.tags, m.credential, d.last_host, d.site
    FROM message AS m CROSS JOIN delivery AS d ON d.message = m.id
    WHERE m.account = :account AND m.id < :before AND m.id < :until AND m.id >= :since
      AND d.id < :before AND (:credential = 0 OR m.credential = :credential)
    ORDER BY m.id DESC, d.id DESC LIMIT :scanned),
found AS (
    SELECT * FROM seen
    WHERE (:provider = '' OR EXISTS (SELECT 1 FROM site WHERE site.id = seen.site AND site.provider = :provider))
      AND (:state < 0 OR state = :state) AND (:tried < 0 OR (attempts > 0) = :tried) AND (:class < 0 OR class = :class)
      AND (:sender = '' OR instr(lower(sender), :sender) > 0)
      AND (:subject = '' OR instr(lower(subject), :subject) > 0)
      AND (:tag = '' OR (tags <> '' AND EXISTS (SELECT 1 FROM json_each(tags) WHERE value = :tag)))
    ORDER BY id DESC LIMIT :count)
SELECT * FROM found
UNION ALL
SELECT NULL, CASE WHEN count(*) >= :scanned THEN min(id) END,
       NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM seen;

-- name: maillog_to
-- The same for deliveries to an address, in two spellings: each by its index, newest first.
WITH seen AS MATERIALIZED (
    SELECT * FROM (
        SELECT * FROM (
            SELECT d.id, d.message, d.address, d.state, d.class, d.attempts, d.last_reply, d.changed_ms,
                   d.last_host, d.site
            FROM delivery AS d
            WHERE d.address = :address AND d.id < :before AND d.id < :until AND d.id >= :since
            ORDER BY d.id DESC LIMIT :scanned)
        UNION ALL
        SELECT * FROM (
            SELECT d.id, d.message, d.address, d.state, d.class, d.attempts, d.last_reply, d.changed_ms,
                   d.last_host, d.site
            FROM delivery AS d
            WHERE d.address = :same AND :same <> :address
              AND d.id < :before AND d.id < :until AND d.id >= :since
            ORDER BY d.id DESC LIMIT :scanned))
    ORDER BY id DESC LIMIT :scanned),
found AS (
    SELECT s.id, s.message, s.address, s.state, s.class, s.attempts, s.last_reply, s.changed_ms,
           m.sender, m.subject, m.tags, m.credential, s.last_host, s.site
    FROM seen AS s CROSS JOIN message AS m ON m.id = s.message
    WHERE m.account = :account AND (:credential = 0 OR m.credential = :credential)
      AND (:provider = '' OR EXISTS (SELECT 1 FROM site WHERE site.id = s.site AND site.provider = :provider))
      AND (:state < 0 OR s.state = :state) AND (:tried < 0 OR (s.attempts > 0) = :tried) AND (:class < 0 OR s.class = :class)
      AND (:sender = '' OR instr(lower(m.sender), :sender) > 0)
      AND (:subject = '' OR instr(lower(m.subject), :subject) > 0)
      AND (:tag = '' OR (m.tags <> '' AND EXISTS (SELECT 1 FROM json_each(m.tags) WHERE value = :tag)))
    ORDER BY s.id DESC LIMIT :count)
SELECT * FROM found
UNION ALL
SELECT NULL, CASE WHEN count(*) >= :scanned THEN min(id) END,
       NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM seen;

-- name: maillog_of_key
-- The same for the message of an idempotency key.
WITH found AS (
    SELECT d.id, d.message, d.address, d.state, d.class, d.attempts, d.last_reply, d.changed_ms,
           m.sender, m.subject, m.tags, m.credential, d.last_host, d.site
    FROM idempotency AS i CROSS JOIN message AS m ON m.id = i.message
    CROSS JOIN delivery AS d ON d.message = m.id
    WHERE i.account = :account AND i.key = :key AND m.account = :account
      AND (:credential = 0 OR m.credential = :credential)
      AND d.id < :before AND d.id < :until AND d.id >= :since
      AND (:provider = '' OR EXISTS (SELECT 1 FROM site WHERE site.id = d.site AND site.provider = :provider))
      AND (:state < 0 OR d.state = :state) AND (:tried < 0 OR (d.attempts > 0) = :tried) AND (:class < 0 OR d.class = :class)
      AND (:sender = '' OR instr(lower(m.sender), :sender) > 0)
      AND (:subject = '' OR instr(lower(m.subject), :subject) > 0)
      AND (:tag = '' OR (m.tags <> '' AND EXISTS (SELECT 1 FROM json_each(m.tags) WHERE value = :tag)))
    ORDER BY d.id DESC LIMIT min(:count, :scanned))
SELECT * FROM found
UNION ALL
SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL;

-- name: maillog_merge
-- The values of one recipient of a template message.
SELECT coalesce(merge, '') FROM delivery WHERE id = :delivery;

-- name: maillog_owners
-- Whose messages or deliveries these are; 0: nobody's. ids: a JSON array
SELECT i.value, coalesce(m.account, n.account, 0), coalesce(m.credential, n.credential, 0)
FROM json_each(:ids) AS i
LEFT JOIN message AS m ON m.id = i.value
LEFT JOIN delivery AS d ON d.id = i.value
LEFT JOIN message AS n ON n.id = d.message;
