-- The message log. A page looks at `scanned` deliveries at most: its last row (id NULL) tells how far
-- it came, NULL at the end of the list.

-- name: maillog_page
-- Deliveries of an account's messages, newest first, by the index (account, id) of messages.
WITH seen AS MATERIALIZED (
    SELECT d.id, d.message, d.address, d.state, d.class, d.attempts, d.last_reply, d.changed_ms,
           m.sender, m.subject, m.tags, m.credential
    FROM message AS m CROSS JOIN delivery AS d ON d.message = m.id
    WHERE m.account = :account AND m.id < :before AND m.id < :until AND m.id >= :since
      AND d.id < :before
    ORDER BY m.id DESC, d.id DESC LIMIT :scanned),
found AS (
    SELECT * FROM seen
    WHERE (:state < 0 OR state = :state) AND (:class < 0 OR class = :class)
      AND (:credential = 0 OR credential = :credential)
      AND (:sender = '' OR instr(lower(sender), :sender) > 0)
      AND (:subject = '' OR instr(lower(subject), :subject) > 0)
      AND (:tag = '' OR (tags <> '' AND EXISTS (SELECT 1 FROM json_each(tags) WHERE value = :tag)))
    ORDER BY id DESC LIMIT :count)
SELECT * FROM found
UNION ALL
SELECT NULL, CASE WHEN count(*) >= :scanned THEN min(id) END,
       NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM seen;

-- name: maillog_to
-- The same for deliveries to some addresses (a JSON array), by the index on addresses.
WITH seen AS MATERIALIZED (
    SELECT d.id, d.message, d.address, d.state, d.class, d.attempts, d.last_reply, d.changed_ms,
           m.sender, m.subject, m.tags, m.credential, m.account
    FROM delivery AS d CROSS JOIN message AS m ON m.id = d.message
    WHERE d.address IN (SELECT value FROM json_each(:addresses))
      AND d.id < :before AND d.id < :until AND d.id >= :since
    ORDER BY d.id DESC LIMIT :scanned),
found AS (
    SELECT id, message, address, state, class, attempts, last_reply, changed_ms, sender, subject,
           tags, credential
    FROM seen
    WHERE account = :account
      AND (:state < 0 OR state = :state) AND (:class < 0 OR class = :class)
      AND (:credential = 0 OR credential = :credential)
      AND (:sender = '' OR instr(lower(sender), :sender) > 0)
      AND (:subject = '' OR instr(lower(subject), :subject) > 0)
      AND (:tag = '' OR (tags <> '' AND EXISTS (SELECT 1 FROM json_each(tags) WHERE value = :tag)))
    ORDER BY id DESC LIMIT :count)
SELECT * FROM found
UNION ALL
SELECT NULL, CASE WHEN count(*) >= :scanned THEN min(id) END,
       NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM seen;

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
