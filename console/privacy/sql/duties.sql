-- What the pages about duties and the processor's report tell.

-- name: duties_mail_between
-- How much mail of accounts was accepted between two ids, up to a number.
SELECT count(*) FROM (
    SELECT 1 FROM message WHERE id >= :first AND id < :until
      AND account IN (SELECT value FROM json_each(:accounts)) LIMIT :most);

-- name: duties_uploads_between
SELECT count(*) FROM upload WHERE changed_ms < :until
  AND account IN (SELECT value FROM json_each(:accounts));

-- name: duties_requests
-- What people asked for and was done, by action, in a time.
SELECT action, count(*) FROM audit_entry
WHERE account IN (SELECT value FROM json_each(:accounts)) AND at_ms >= :since AND at_ms < :until
  AND action IN ('person.exported', 'person.erased', 'account.exported', 'account.erased',
                 'suppression.added', 'suppression.removed')
GROUP BY action ORDER BY action;

-- name: duties_people
-- Who has a role, and how many of them have a second factor.
SELECT count(*), coalesce(sum(EXISTS (
    SELECT 1 FROM second_factor AS f WHERE f."user" = u.id AND f.state = 'active')), 0)
FROM console_user AS u
WHERE u.state = 'active' AND u.id IN (
    SELECT "user" FROM membership WHERE account IN (SELECT value FROM json_each(:accounts)));

-- name: duties_counts
-- How much personal data there is of accounts.
WITH a (id) AS (SELECT value FROM json_each(:accounts))
SELECT (SELECT count(*) FROM contact WHERE account IN a),
       (SELECT count(*) FROM consent WHERE account IN a),
       (SELECT count(*) FROM suppression WHERE account IN a),
       (SELECT coalesce(sum(c.n), 0) FROM flow AS f JOIN flow_count AS c ON c.flow = f.id
        WHERE f.account IN a),
       (SELECT count(*) FROM upload WHERE account IN a);
