-- What the figures of opens and clicks are read from.

-- name: engagement_of_flow
-- Sums by kind and class.
SELECT kind, class, sum(n), sum(firsts), sum(firsts_any), sum(again)
FROM engagement_day WHERE flow = :flow GROUP BY kind, class;

-- name: engagement_of_account
-- Sums of all flows of an account over whole days and the hours before and behind them (since 1970
-- UTC): from :first to before :head, the days, from :tail to :last.
SELECT kind, class, sum(n), sum(firsts), sum(firsts_any), sum(again) FROM (
    SELECT d.kind, d.class, d.n, d.firsts, d.firsts_any, d.again
    FROM flow AS f CROSS JOIN engagement_day AS d ON d.flow = f.id
    WHERE f.account = :account AND d.day BETWEEN :first_day AND :last_day
    UNION ALL
    SELECT h.kind, h.class, h.n, h.firsts, h.firsts_any, h.again
    FROM flow AS f CROSS JOIN engagement_hour AS h ON h.flow = f.id
    WHERE f.account = :account AND h.hour >= :first AND h.hour < :head
    UNION ALL
    SELECT h.kind, h.class, h.n, h.firsts, h.firsts_any, h.again
    FROM flow AS f CROSS JOIN engagement_hour AS h ON h.flow = f.id
    WHERE f.account = :account AND h.hour >= :tail AND h.hour <= :last
) GROUP BY kind, class;

-- name: engagement_hours
-- The same by hour (hours since 1970 UTC), from :first to :last.
SELECT hour, kind, class, sum(n), sum(firsts), sum(firsts_any)
FROM engagement_hour WHERE flow = :flow AND hour BETWEEN :first AND :last
GROUP BY hour, kind, class ORDER BY hour;

-- name: engagement_of_message
-- Sums over the deliveries of one message: opens counted, their recipients, of these inferred,
-- opened again, clicks counted, their recipients, then automatic opens, clicks, and recipients with
-- any open, with any click.
SELECT count(*), coalesce(sum(opens), 0), count(CASE WHEN opened_ms > 0 THEN 1 END),
       coalesce(sum(is_inferred), 0), count(CASE WHEN reopened_ms > 0 THEN 1 END),
       coalesce(sum(clicks), 0), count(CASE WHEN clicked_ms > 0 THEN 1 END),
       coalesce(sum(auto_opens), 0), coalesce(sum(auto_clicks), 0),
       count(CASE WHEN opened_ms > 0 OR auto_opened_ms > 0 THEN 1 END),
       count(CASE WHEN clicked_ms > 0 OR auto_clicked_ms > 0 THEN 1 END)
FROM engagement WHERE message = :message;

-- name: engagement_links
-- Every tracked link of a message with its clicks: counted, their recipients, automatic ones.
SELECT l.n, l.url, coalesce(c.n, 0), coalesce(c.firsts, 0), coalesce(a.n, 0), coalesce(a.firsts, 0)
FROM campaign_link AS l
LEFT JOIN engagement_link AS c ON c.message = l.message AND c.link = l.n AND c.is_auto = 0
LEFT JOIN engagement_link AS a ON a.message = l.message AND a.link = l.n AND a.is_auto = 1
WHERE l.message = :message ORDER BY l.n;

-- name: engagement_first_clicks
-- When each link of a message was followed first by what may have been a person.
SELECT h.link, min(h.at_ms) FROM engagement AS e JOIN hit AS h ON h.delivery = e.delivery
WHERE e.message = :message AND e.clicked_ms > 0 AND h.kind = 2 AND h.class < 10 GROUP BY h.link;

-- name: engagement_opened
-- Who opened: recipients of a message in the order of their deliveries, after one of them.
SELECT e.delivery, d.address, e.opened_ms, e.last_opened_ms, e.opens, e.is_inferred
FROM engagement AS e JOIN delivery AS d ON d.id = e.delivery
WHERE e.message = :message AND e.delivery > :after
  AND (e.opened_ms > 0 OR (:automatic AND e.auto_opened_ms > 0))
ORDER BY e.delivery LIMIT :count;

-- name: engagement_opened_again
-- Who opened once more at least ten minutes later, likewise.
SELECT e.delivery, d.address, e.opened_ms, e.last_opened_ms, e.opens, e.is_inferred
FROM engagement AS e JOIN delivery AS d ON d.id = e.delivery
WHERE e.message = :message AND e.delivery > :after AND e.reopened_ms > 0
ORDER BY e.delivery LIMIT :count;

-- name: engagement_clicked
-- Who clicked, likewise.
SELECT e.delivery, d.address, e.clicked_ms, e.last_clicked_ms, e.clicks, e.first_link
FROM engagement AS e JOIN delivery AS d ON d.id = e.delivery
WHERE e.message = :message AND e.delivery > :after
  AND (e.clicked_ms > 0 OR (:automatic AND e.auto_clicked_ms > 0))
ORDER BY e.delivery LIMIT :count;

-- name: engagement_clicked_link
-- Who followed one link, likewise.
SELECT e.delivery, d.address, min(h.at_ms), max(h.at_ms), count(*), h.link
FROM engagement AS e JOIN delivery AS d ON d.id = e.delivery
JOIN hit AS h ON h.delivery = e.delivery AND h.kind = 2 AND h.link = :link
     AND (h.class < 10 OR :automatic)
WHERE e.message = :message AND e.delivery > :after AND (e.clicked_ms > 0 OR e.auto_clicked_ms > 0)
GROUP BY e.delivery ORDER BY e.delivery LIMIT :count;

-- name: engagement_not_opened
-- To whom it was delivered and who did not open it, likewise.
SELECT d.id, d.address, 0, 0, 0, -1
FROM delivery AS d LEFT JOIN engagement AS e ON e.delivery = d.id
WHERE d.message = :message AND d.id > :after AND d.state = 10
  AND (e.delivery IS NULL OR (e.opened_ms = 0 AND NOT (:automatic AND e.auto_opened_ms > 0)))
ORDER BY d.id LIMIT :count;

-- name: engagement_of_delivery
-- What one recipient did, in order.
SELECT h.kind, h.link, h.at_ms, h.class, l.url
FROM hit AS h LEFT JOIN campaign_link AS l ON l.message = :message AND l.n = h.link
WHERE h.delivery = :delivery ORDER BY h.at_ms, h.id;
