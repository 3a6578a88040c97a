-- Opens and clicks: links, hits, and what they come to.

-- name: campaign_link_insert
-- order: 80
-- Where the links of a message lead, in the transaction of the message. rows: message, n, url
INSERT INTO campaign_link (message, n, flow, url)
SELECT v.value->>0, v.value->>1, m.flow, v.value->>2
FROM json_each(:rows) AS v JOIN message AS m ON m.id = v.value->>0;

-- name: campaign_links
-- The links of a message, by number.
SELECT n, url FROM campaign_link WHERE message = :message ORDER BY n;

-- name: tracked_deliveries
-- What a hit needs to know of its delivery; :deliveries is a JSON array of ids.
SELECT d.id, m.account, d.state, d.changed_ms,
       d.message, d.flow, coalesce(s.provider, ''), coalesce(f.kind = 'campaign', 0)
FROM json_each(:deliveries) AS j
JOIN delivery AS d ON d.id = j.value JOIN message AS m ON m.id = d.message
LEFT JOIN site AS s ON s.id = d.site LEFT JOIN flow AS f ON f.id = d.flow;

-- name: tracked_messages
-- The same of messages whose hits name nobody; :messages is a JSON array of ids.
SELECT m.id, m.flow, coalesce(f.kind = 'campaign', 0)
FROM json_each(:messages) AS j
JOIN message AS m ON m.id = j.value LEFT JOIN flow AS f ON f.id = m.flow;

-- name: tracked_hits
-- All hits of deliveries, a JSON array of ids.
SELECT h.delivery, h.id, h.kind, h.link, h.at_ms, h.class, h.due_ms
FROM json_each(:deliveries) AS j JOIN hit AS h ON h.delivery = j.value
ORDER BY h.delivery, h.id;

-- name: tracked_due
-- Deliveries with hits whose class is to be settled by now.
SELECT e.delivery, e.message, e.flow, coalesce(s.provider, ''), coalesce(f.kind = 'campaign', 0)
FROM engagement AS e JOIN delivery AS d ON d.id = e.delivery
LEFT JOIN site AS s ON s.id = d.site LEFT JOIN flow AS f ON f.id = e.flow
WHERE e.delivery IN
    (SELECT delivery FROM hit WHERE due_ms > 0 AND due_ms <= :now_ms ORDER BY due_ms LIMIT :count);

-- name: hit_put
-- order: 81
-- rows: delivery, id, kind, link, at_ms, class, due_ms
INSERT INTO hit (delivery, id, kind, link, at_ms, class, due_ms)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6
FROM json_each(:rows) WHERE true
ON CONFLICT (delivery, id) DO UPDATE SET class = excluded.class, due_ms = excluded.due_ms;

-- name: engagement_put
-- order: 82
-- rows: delivery, message, flow, the figures, hits
INSERT INTO engagement (delivery, message, flow, opened_ms, is_inferred, last_opened_ms,
    reopened_ms, opens, auto_opened_ms, auto_opens, clicked_ms, last_clicked_ms, clicks, first_link,
    auto_clicked_ms, auto_clicks, hits)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7,
       value->>8, value->>9, value->>10, value->>11, value->>12, value->>13, value->>14,
       value->>15, value->>16
FROM json_each(:rows) WHERE true
ON CONFLICT (delivery) DO UPDATE SET
    opened_ms = excluded.opened_ms, is_inferred = excluded.is_inferred,
    last_opened_ms = excluded.last_opened_ms, reopened_ms = excluded.reopened_ms,
    opens = excluded.opens, auto_opened_ms = excluded.auto_opened_ms,
    auto_opens = excluded.auto_opens, clicked_ms = excluded.clicked_ms,
    last_clicked_ms = excluded.last_clicked_ms, clicks = excluded.clicks,
    first_link = excluded.first_link, auto_clicked_ms = excluded.auto_clicked_ms,
    auto_clicks = excluded.auto_clicks, hits = excluded.hits;

-- name: engagement_hour_add
-- order: 83
-- Differences. rows: flow, hour, kind, class, provider, n, firsts, firsts_any, again
INSERT INTO engagement_hour (flow, hour, kind, class, provider, n, firsts, firsts_any, again)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, sum(value->>5), sum(value->>6),
       sum(value->>7), sum(value->>8)
FROM json_each(:rows) WHERE true GROUP BY 1, 2, 3, 4, 5
ON CONFLICT (flow, hour, kind, class, provider) DO UPDATE SET
    n = engagement_hour.n + excluded.n, firsts = engagement_hour.firsts + excluded.firsts,
    firsts_any = engagement_hour.firsts_any + excluded.firsts_any,
    again = engagement_hour.again + excluded.again;

-- name: engagement_day_add
-- order: 83
-- The same differences by UTC day. rows: flow, day, kind, class, provider, n, firsts, firsts_any,
-- again
INSERT INTO engagement_day (flow, day, kind, class, provider, n, firsts, firsts_any, again)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, sum(value->>5), sum(value->>6),
       sum(value->>7), sum(value->>8)
FROM json_each(:rows) WHERE true GROUP BY 1, 2, 3, 4, 5
ON CONFLICT (flow, day, kind, class, provider) DO UPDATE SET
    n = engagement_day.n + excluded.n, firsts = engagement_day.firsts + excluded.firsts,
    firsts_any = engagement_day.firsts_any + excluded.firsts_any,
    again = engagement_day.again + excluded.again;

-- name: engagement_link_add
-- order: 84
-- Differences. rows: message, link, is_auto, n, firsts
INSERT INTO engagement_link (message, link, is_auto, n, firsts)
SELECT value->>0, value->>1, value->>2, sum(value->>3), sum(value->>4)
FROM json_each(:rows) WHERE true GROUP BY 1, 2, 3
ON CONFLICT (message, link, is_auto) DO UPDATE SET
    n = engagement_link.n + excluded.n, firsts = engagement_link.firsts + excluded.firsts;

-- name: engagement_link_hour_add
-- order: 84
-- Differences. rows: message, link, hour, is_auto, n, firsts
INSERT INTO engagement_link_hour (message, link, hour, is_auto, n, firsts)
SELECT value->>0, value->>1, value->>2, value->>3, sum(value->>4), sum(value->>5)
FROM json_each(:rows) WHERE true GROUP BY 1, 2, 3, 4
ON CONFLICT (message, link, hour, is_auto) DO UPDATE SET
    n = engagement_link_hour.n + excluded.n, firsts = engagement_link_hour.firsts + excluded.firsts;

-- name: tracked_merge
-- The values that a delivery is rendered with.
SELECT address, merge FROM delivery WHERE id = :delivery;

-- name: engagement_hours_all
-- Every roll-up there is: what a check recomputes.
SELECT flow, hour, kind, class, sum(n), sum(firsts), sum(firsts_any), sum(again)
FROM engagement_hour GROUP BY flow, hour, kind, class;

-- name: tracking_accounts
SELECT account, mode, domain, is_verified, checked_ms, failing_ms, problem FROM tracking_account;

-- name: tracking_account_put
-- order: 85
-- rows: account, mode, domain, is_verified, checked_ms, failing_ms, problem
INSERT INTO tracking_account (account, mode, domain, is_verified, checked_ms, failing_ms, problem)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6
FROM json_each(:rows) WHERE true
ON CONFLICT (account) DO UPDATE SET
    mode = excluded.mode, domain = excluded.domain, is_verified = excluded.is_verified,
    checked_ms = excluded.checked_ms, failing_ms = excluded.failing_ms,
    problem = excluded.problem;

-- name: tracked_view
-- A recipient's copy: what it is made of.
SELECT d.id, d.address, d.merge, m.id, m.segment, m."offset", m.length, m.checksum, m.flags
FROM delivery AS d JOIN message AS m ON m.id = d.message WHERE d.id = :delivery;

-- name: campaign_links_old
-- Links of messages made before :before (an id), which are not followed any more.
SELECT message, n FROM campaign_link WHERE message < :before ORDER BY message LIMIT :count;

-- name: campaign_link_delete
-- order: 86
-- rows: message, n
DELETE FROM campaign_link WHERE (message, n) IN (SELECT value->>0, value->>1 FROM json_each(:rows));

-- name: tracking_parents
-- Below which a tracking domain of an account may lie.
SELECT domain FROM sending_domain WHERE account = :account AND state = 'active';
