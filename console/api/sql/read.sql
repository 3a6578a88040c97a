-- What the API asks.

-- name: api_message_items
-- The recipients of a message in the order of their deliveries.
SELECT id, address, state FROM delivery WHERE message = :message ORDER BY id;

-- name: api_answer_get
SELECT request, digest, status, body, created_ms FROM api_answer WHERE account = :account AND key = :key;

-- name: api_answer_old
SELECT account, key FROM api_answer WHERE created_ms < :before_ms LIMIT :count;

-- name: api_messages
-- A page of an account's deliveries, newest first, of the `scanned` before a place: those that fit,
-- and in a last row (its id NULL) how far the search came, NULL at the end of the list.
WITH seen AS MATERIALIZED (
    SELECT d.id, d.message, d.address, d.state, d.class, m.sender, m.subject, m.tags, d.attempts,
           d.last_reply, d.last_host, d.changed_ms
    FROM message AS m CROSS JOIN delivery AS d ON d.message = m.id
    WHERE m.account = :account AND m.id < :before AND m.id >= :since AND d.id < :before
      AND (:credential = 0 OR m.credential = :credential)
    ORDER BY m.id DESC, d.id DESC LIMIT :scanned),
found AS (
    SELECT * FROM seen
    WHERE (:state < 0 OR state = :state) AND (:class < 0 OR class = :class)
      AND (:tag = '' OR (tags <> '' AND EXISTS (SELECT 1 FROM json_each(tags) WHERE value = :tag)))
    ORDER BY id DESC LIMIT :count)
SELECT * FROM found
UNION ALL
SELECT NULL, CASE WHEN count(*) >= :scanned THEN min(id) END,
       NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM seen;

-- name: api_messages_to
-- The same for deliveries to an address, in two spellings: each by its index, newest first.
WITH seen AS MATERIALIZED (
    SELECT * FROM (
        SELECT * FROM (
            SELECT d.id, d.message, d.address, d.state, d.class, d.attempts, d.last_reply,
                   d.last_host, d.changed_ms
            FROM delivery AS d
            WHERE d.address = :address AND d.id < :before AND d.id >= :since
            ORDER BY d.id DESC LIMIT :scanned)
        UNION ALL
        SELECT * FROM (
            SELECT d.id, d.message, d.address, d.state, d.class, d.attempts, d.last_reply,
                   d.last_host, d.changed_ms
            FROM delivery AS d
            WHERE d.address = :same AND :same <> :address AND d.id < :before AND d.id >= :since
            ORDER BY d.id DESC LIMIT :scanned))
    ORDER BY id DESC LIMIT :scanned),
found AS (
    SELECT d.id, d.message, d.address, d.state, d.class, m.sender, m.subject, m.tags, d.attempts,
           d.last_reply, d.last_host, d.changed_ms
    FROM seen AS d CROSS JOIN message AS m ON m.id = d.message
    WHERE m.account = :account AND (:credential = 0 OR m.credential = :credential)
      AND (:state < 0 OR d.state = :state) AND (:class < 0 OR d.class = :class)
      AND (:tag = ''
           OR (m.tags <> '' AND EXISTS (SELECT 1 FROM json_each(m.tags) WHERE value = :tag)))
    ORDER BY d.id DESC LIMIT :count)
SELECT * FROM found
UNION ALL
SELECT NULL, CASE WHEN count(*) >= :scanned THEN min(id) END,
       NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM seen;

-- name: api_messages_of_key
-- The same for the message of an idempotency key.
WITH found AS (
    SELECT d.id, d.message, d.address, d.state, d.class, m.sender, m.subject, m.tags, d.attempts,
           d.last_reply, d.last_host, d.changed_ms
    FROM idempotency AS i CROSS JOIN message AS m ON m.id = i.message
    CROSS JOIN delivery AS d ON d.message = m.id
    WHERE i.account = :account AND i.key = :key AND m.account = :account
      AND (:credential = 0 OR m.credential = :credential)
      AND d.id < :before AND d.id >= :since
      AND (:state < 0 OR d.state = :state) AND (:class < 0 OR d.class = :class)
      AND (:tag = ''
           OR (m.tags <> '' AND EXISTS (SELECT 1 FROM json_each(m.tags) WHERE value = :tag)))
    ORDER BY d.id DESC LIMIT min(:count, :scanned))
SELECT * FROM found
UNION ALL
SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL;
