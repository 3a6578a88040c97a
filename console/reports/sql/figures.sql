-- Figures: counted from events, read as sums.

-- name: figure_providers
-- Where deliveries went; `deliveries` is a JSON array of ids.
SELECT d.id, s.provider FROM delivery AS d JOIN site AS s ON s.id = d.site
WHERE d.id IN (SELECT value FROM json_each(:deliveries));

-- name: figure_known
-- Who is known to have done something; `people` is a JSON array of [flow, type, delivery].
SELECT p.flow, p.type, p.delivery FROM json_each(:people) AS j
JOIN figure_person AS p
  ON p.flow = j.value->>0 AND p.type = j.value->>1 AND p.delivery = j.value->>2;

-- name: figure_hour_add
-- order: 64
-- Counted once more. rows: flow, hour, type, class, provider, is_late, n
INSERT INTO figure_hour (flow, hour, type, class, provider, is_late, n)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6
FROM json_each(:rows) WHERE true
ON CONFLICT (flow, hour, type, class, provider, is_late)
DO UPDATE SET n = figure_hour.n + excluded.n;

-- name: figure_flow_day_add
-- order: 64
-- Counted once more. rows: flow, day, type, class, provider, is_late, n
INSERT INTO figure_flow_day (flow, day, type, class, provider, is_late, n)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6
FROM json_each(:rows) WHERE true
ON CONFLICT (flow, day, type, class, provider, is_late)
DO UPDATE SET n = figure_flow_day.n + excluded.n;

-- name: figure_person_put
-- order: 64
-- Whom it concerned; the first time stays. rows: flow, type, delivery, class, at_ms
INSERT INTO figure_person (flow, type, delivery, class, at_ms)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4 FROM json_each(:rows) WHERE true
ON CONFLICT (flow, type, delivery) DO NOTHING;

-- name: figure_person_drop
-- order: 65
-- Who took it back. rows: flow, type, delivery
DELETE FROM figure_person
WHERE (flow, type, delivery) IN (SELECT value->>0, value->>1, value->>2 FROM json_each(:rows));

-- name: figures_account_of
-- Whose a flow is.
SELECT account FROM flow WHERE id = :flow;

-- name: figures_states
-- Deliveries of flows (a JSON array) by state.
SELECT state, sum(n) FROM flow_count WHERE flow IN (SELECT value FROM json_each(:flows))
GROUP BY state;

-- name: figures_states_of
-- Deliveries of flows of an account (a JSON array) by flow and state.
SELECT c.flow, c.state, c.n FROM flow_count AS c JOIN flow AS f ON f.id = c.flow
WHERE c.flow IN (SELECT value FROM json_each(:flows)) AND c.n > 0 AND f.account = :account;

-- name: figures_flow
-- Outcomes of a flow by type, class and provider.
SELECT type, class, provider, is_late, sum(n) FROM figure_hour WHERE flow = :flow
GROUP BY type, class, provider, is_late;

-- name: figures_flow_hours
-- What of one type happened to a flow, by hour.
SELECT hour, sum(n) FROM figure_hour WHERE flow = :flow AND type = :type GROUP BY hour;

-- name: figures_flow_people
-- How many people of a flow did something (a complaint, an unsubscribe).
SELECT type, count(*) FROM figure_person WHERE flow = :flow AND type IN (22, 23) GROUP BY type;

-- name: figures_account
-- Outcomes of accounts (a JSON array) by type, class and provider over a period; see `period.sql`.
SELECT type, class, provider, is_late, sum(n) FROM (
    SELECT d.type, d.class, d.provider, d.is_late, d.n
    FROM flow AS f CROSS JOIN figure_flow_day AS d ON d.flow = f.id
    WHERE f.account IN (SELECT value FROM json_each(:accounts))
      AND d.day BETWEEN :first_day AND :last_day
    UNION ALL
    SELECT h.type, h.class, h.provider, h.is_late, h.n
    FROM flow AS f CROSS JOIN figure_hour AS h ON h.flow = f.id
    WHERE f.account IN (SELECT value FROM json_each(:accounts))
      AND h.hour >= :first_hour AND h.hour < :head
    UNION ALL
    SELECT h.type, h.class, h.provider, h.is_late, h.n
    FROM flow AS f CROSS JOIN figure_hour AS h ON h.flow = f.id
    WHERE f.account IN (SELECT value FROM json_each(:accounts))
      AND h.hour >= :tail AND h.hour <= :last_hour
) GROUP BY type, class, provider, is_late;

-- name: figures_people
-- Whom something concerned, in the order of deliveries; :class, :provider NULL: every one.
SELECT d.id, d.n, d.address, d.state, d.attempts, d.changed_ms, d.last_reply, d.last_host,
       p.class, p.at_ms
FROM figure_person AS p JOIN delivery AS d ON d.id = p.delivery
WHERE p.flow = :flow AND p.type = :type AND p.delivery > :after
  AND (:class IS NULL OR p.class = :class)
  AND (:provider IS NULL OR :provider = coalesce(
      (SELECT s.provider FROM site AS s WHERE s.id = d.site), ''))
ORDER BY p.delivery LIMIT :limit;

-- name: figures_recipients
-- Recipients of a flow's message in their order, of states in a JSON array; :provider NULL: of all.
SELECT d.id, d.n, d.address, d.state, d.attempts, d.changed_ms, d.last_reply, d.last_host,
       CASE WHEN d.state IN (11, 12) THEN coalesce((
           SELECT p.class FROM figure_person AS p
           WHERE p.flow = :flow AND p.type IN (4, 5) AND p.delivery = d.id LIMIT 1), '')
       ELSE '' END, 0
FROM delivery AS d INDEXED BY delivery_message
WHERE d.message = :message AND d.flow = :flow AND d.id > :after
  AND d.state IN (SELECT value FROM json_each(:states))
  AND (:provider IS NULL OR :provider = coalesce(
      (SELECT s.provider FROM site AS s WHERE s.id = d.site), ''))
ORDER BY d.id LIMIT :limit;

-- name: figures_recipient
-- Those of a flow's message with that address.
SELECT d.id, d.n, d.address, d.state, d.attempts, d.changed_ms, d.last_reply, d.last_host,
       CASE WHEN d.state IN (11, 12) THEN coalesce((
           SELECT p.class FROM figure_person AS p
           WHERE p.flow = :flow AND p.type IN (4, 5) AND p.delivery = d.id LIMIT 1), '')
       ELSE '' END, 0
FROM delivery AS d INDEXED BY delivery_address
WHERE d.address = :address AND d.message = :message AND d.flow = :flow AND d.id > :after
ORDER BY d.id LIMIT :limit;

-- name: figures_replies
-- What was said to those of a flow who bounced or expired, of the first 20,000, by class.
SELECT d.last_reply, p.class, count(*)
FROM (SELECT delivery, class FROM figure_person WHERE flow = :flow AND type IN (4, 5) LIMIT 20000) AS p
JOIN delivery AS d ON d.id = p.delivery
GROUP BY d.last_reply, p.class ORDER BY 3 DESC LIMIT 2000;

-- name: lanes_waiting
-- Deliveries of an account that are not over, of the first 50,000: site, state, how many, when the
-- first of them is due, and what was said to one that was put off.
SELECT d.site, d.state, count(*), min(d.due_ms), max(CASE WHEN d.state = 0 THEN d.last_reply ELSE '' END)
FROM (
    SELECT d.site, d.state, d.due_ms, d.last_reply
    FROM flow AS f CROSS JOIN delivery AS d INDEXED BY delivery_flow_open
    WHERE f.account = :account AND d.flow = f.id AND d.state < 10
    LIMIT 50000) AS d
GROUP BY d.site, d.state;
