-- What the API asks.

-- name: api_message_items
-- The recipients of a message in the order of their deliveries.
SELECT id, address, state FROM delivery WHERE message = :message ORDER BY id;

-- name: api_answer_get
SELECT request, digest, status, body, created_ms FROM api_answer WHERE account = :account AND key = :key;

-- name: api_answer_old
SELECT account, key FROM api_answer WHERE created_ms < :before_ms LIMIT :count;
