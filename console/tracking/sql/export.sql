-- What is exported of an account: opens and clicks. Paged by key; the keys come first.

-- name: export_link
SELECT k.message, k.n,
       k.message, k.n, k.flow, k.url
FROM campaign_link AS k CROSS JOIN flow AS f ON f.id = k.flow
WHERE (k.message, k.n) > (:after, :after_2)
  AND +f.account IN (SELECT value FROM json_each(:accounts))
ORDER BY k.message, k.n LIMIT :count;

-- name: export_engagement
SELECT g.delivery,
       g.delivery, g.message, g.flow, g.opened_ms, g.is_inferred, g.last_opened_ms, g.opens,
       g.auto_opens, g.clicked_ms, g.last_clicked_ms, g.clicks, g.auto_clicks
FROM engagement AS g CROSS JOIN flow AS f ON f.id = g.flow
WHERE g.delivery > :after
  AND +f.account IN (SELECT value FROM json_each(:accounts))
ORDER BY g.delivery LIMIT :count;
