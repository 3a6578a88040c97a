-- Following the events: what comes after a cursor, and moving it.

-- name: event_last
-- The newest event; 0 when there is none.
SELECT coalesce(max(id), 0) FROM event;

-- name: events_after
-- Events after a cursor of some types, oldest first, and in each row how far was looked: one row
-- without an event when there is none. Looks at no more than `span` events. `types` is a JSON array.
SELECT h.upto, h.newest, e.id, e.type, e.at_ms, e.account, e.flow, e.message, e.delivery, e.data
FROM (SELECT CASE WHEN newest - :after > :span THEN :after + :span ELSE newest END AS upto, newest
      FROM (SELECT coalesce(max(id), 0) AS newest FROM event)) AS h
     LEFT JOIN event AS e ON e.id > :after AND e.id <= h.upto
                         AND e.type IN (SELECT value FROM json_each(:types))
ORDER BY e.id LIMIT :count;

-- name: event_cursor
-- Where a follower stands.
SELECT position FROM event_cursor WHERE name = :name;

-- name: event_cursors
-- Where all followers stand and when they moved.
SELECT name, position, moved_ms FROM event_cursor ORDER BY name;

-- name: event_cursor_insert
-- order: 54
-- A new follower begins; one that is known stays where it is. rows: name, position, moved_ms
INSERT INTO event_cursor (name, position, moved_ms)
SELECT value->>0, value->>1, value->>2 FROM json_each(:rows)
WHERE true
ON CONFLICT (name) DO NOTHING;

-- name: event_cursor_move
-- order: 55
-- rows: name, position before, position after, moved_ms
UPDATE event_cursor SET position = v.later, moved_ms = v.moved_ms
FROM (SELECT value->>0 AS name, value->>1 AS before, value->>2 AS later, value->>3 AS moved_ms
      FROM json_each(:rows)) AS v
WHERE event_cursor.name = v.name AND event_cursor.position = v.before;

-- name: event_cursor_delete
-- order: 56
-- A follower that is no more: retention does not wait for it. rows: name
DELETE FROM event_cursor WHERE name IN (SELECT value->>0 FROM json_each(:rows));
