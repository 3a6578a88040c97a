-- What decides whether somebody goes onto a suppression list.

-- name: suppressing_subjects
-- The deliveries that events tell of, a JSON array of ids.
SELECT d.id, d.address, d.site, m.flags, d.state
FROM delivery AS d JOIN message AS m ON m.id = d.message
WHERE d.id IN (SELECT value FROM json_each(:deliveries));

-- name: suppressing_taken
-- Whether a mailbox took mail of that account since a time.
SELECT EXISTS (SELECT 1 FROM delivery AS d JOIN message AS m ON m.id = d.message
               WHERE d.address = :address AND d.state = 10 AND d.changed_ms > :since_ms
                 AND m.account = :account);
