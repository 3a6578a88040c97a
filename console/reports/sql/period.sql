-- Figures of a period: whole UTC days from one table, the hours before and behind them from another.
-- `accounts` is a JSON array. Hours and days are since 1970 UTC; the hours at the beginning end
-- before :head, those at the end begin at :tail. Classes of hits from :classes on are left out. What Relevo tells senders of bounces is no mail of theirs.

-- name: period_outcomes
-- Outcomes by flow, type, class and provider.
SELECT flow, type, class, provider, is_late, sum(n) FROM (
    SELECT d.flow, d.type, d.class, d.provider, d.is_late, d.n
    FROM flow AS f CROSS JOIN figure_flow_day AS d ON d.flow = f.id
    WHERE f.account IN (SELECT value FROM json_each(:accounts)) AND f.kind <> 'notices'
      AND d.day BETWEEN :first_day AND :last_day
    UNION ALL
    SELECT h.flow, h.type, h.class, h.provider, h.is_late, h.n
    FROM flow AS f CROSS JOIN figure_hour AS h ON h.flow = f.id
    WHERE f.account IN (SELECT value FROM json_each(:accounts)) AND f.kind <> 'notices'
      AND h.hour >= :first_hour AND h.hour < :head
    UNION ALL
    SELECT h.flow, h.type, h.class, h.provider, h.is_late, h.n
    FROM flow AS f CROSS JOIN figure_hour AS h ON h.flow = f.id
    WHERE f.account IN (SELECT value FROM json_each(:accounts)) AND f.kind <> 'notices'
      AND h.hour >= :tail AND h.hour <= :last_hour
) GROUP BY flow, type, class, provider, is_late;

-- name: period_engagement
-- Opens and clicks by flow, kind, class and provider.
SELECT flow, kind, class, provider, sum(n), sum(firsts), sum(firsts_any), sum(again) FROM (
    SELECT d.flow, d.kind, d.class, d.provider, d.n, d.firsts, d.firsts_any, d.again
    FROM flow AS f CROSS JOIN engagement_day AS d ON d.flow = f.id AND d.class < :classes
    WHERE f.account IN (SELECT value FROM json_each(:accounts))
      AND d.day BETWEEN :first_day AND :last_day
    UNION ALL
    SELECT h.flow, h.kind, h.class, h.provider, h.n, h.firsts, h.firsts_any, h.again
    FROM flow AS f CROSS JOIN engagement_hour AS h ON h.flow = f.id AND h.class < :classes
    WHERE f.account IN (SELECT value FROM json_each(:accounts))
      AND h.hour >= :first_hour AND h.hour < :head
    UNION ALL
    SELECT h.flow, h.kind, h.class, h.provider, h.n, h.firsts, h.firsts_any, h.again
    FROM flow AS f CROSS JOIN engagement_hour AS h ON h.flow = f.id AND h.class < :classes
    WHERE f.account IN (SELECT value FROM json_each(:accounts))
      AND h.hour >= :tail AND h.hour <= :last_hour
) GROUP BY flow, kind, class, provider;

-- name: period_day_outcomes
-- Outcomes by UTC day, of all flows together.
SELECT d.day, d.type, d.is_late, sum(d.n)
FROM flow AS f CROSS JOIN figure_flow_day AS d ON d.flow = f.id
WHERE f.account IN (SELECT value FROM json_each(:accounts)) AND f.kind <> 'notices'
  AND d.day BETWEEN :first_day AND :last_day
GROUP BY d.day, d.type, d.is_late;

-- name: period_edge_outcomes
-- The same by hour, of some hours of each UTC day.
SELECT h.hour, h.type, h.is_late, sum(h.n)
FROM flow AS f CROSS JOIN figure_hour AS h ON h.flow = f.id
WHERE f.account IN (SELECT value FROM json_each(:accounts)) AND f.kind <> 'notices'
  AND h.hour BETWEEN :first_hour AND :last_hour
  AND h.hour % 24 >= :from_hour AND h.hour % 24 < :until_hour
GROUP BY h.hour, h.type, h.is_late;

-- name: period_day_engagement
-- Opens and clicks by UTC day, of all flows together.
SELECT d.day, d.kind, d.class, sum(d.n), sum(d.firsts), sum(d.firsts_any), sum(d.again)
FROM flow AS f CROSS JOIN engagement_day AS d ON d.flow = f.id AND d.class < :classes
WHERE f.account IN (SELECT value FROM json_each(:accounts))
  AND d.day BETWEEN :first_day AND :last_day
GROUP BY d.day, d.kind, d.class;

-- name: period_edge_engagement
-- The same by hour, of some hours of each UTC day.
SELECT h.hour, h.kind, h.class, sum(h.n), sum(h.firsts), sum(h.firsts_any), sum(h.again)
FROM flow AS f CROSS JOIN engagement_hour AS h ON h.flow = f.id AND h.class < :classes
WHERE f.account IN (SELECT value FROM json_each(:accounts))
  AND h.hour BETWEEN :first_hour AND :last_hour
  AND h.hour % 24 >= :from_hour AND h.hour % 24 < :until_hour
GROUP BY h.hour, h.kind, h.class;

-- name: period_opening_hours
-- Opens of campaigns by flow and hour.
SELECT h.flow, h.hour, sum(h.n), sum(h.firsts), sum(h.firsts_any)
FROM flow AS f CROSS JOIN engagement_hour AS h ON h.flow = f.id AND h.class < :classes
WHERE f.account IN (SELECT value FROM json_each(:accounts)) AND f.kind = 'campaign'
  AND h.hour BETWEEN :first_hour AND :last_hour AND h.kind = 1
GROUP BY h.flow, h.hour;

-- name: period_links
-- Links of campaigns with their clicks.
SELECT l.flow, l.url, h.is_auto, sum(h.n), sum(h.firsts)
FROM flow AS f CROSS JOIN campaign_link AS l ON l.flow = f.id
CROSS JOIN engagement_link_hour AS h ON h.message = l.message AND h.link = l.n
     AND h.hour BETWEEN :first_hour AND :last_hour
WHERE f.account IN (SELECT value FROM json_each(:accounts)) AND f.kind = 'campaign'
GROUP BY l.flow, l.message, l.n, h.is_auto;

-- name: period_flows
-- Flows of accounts.
SELECT id, account, kind FROM flow WHERE account IN (SELECT value FROM json_each(:accounts));

-- name: period_campaigns
-- Campaigns of accounts that have a flow: id, account, name, status, flow, started, finished.
SELECT id, account, name, status, frozen->>'flow', coalesce(figures->>'started_ms', 0),
       coalesce(figures->>'finished_ms', 0)
FROM campaign
WHERE account IN (SELECT value FROM json_each(:accounts)) AND frozen->>'flow' > 0;
