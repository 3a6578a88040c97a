-- What monitoring asks of the deliveries that come next.

-- name: oldest_due
-- Since when the longest waiting of some ready deliveries has been due; their ids as a JSON array.
SELECT min(due_ms) FROM delivery
WHERE state = 1 AND id IN (SELECT value FROM json_each(:ids));
