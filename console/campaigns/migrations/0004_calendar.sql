-- What a calendar shows, by the moment at which it stands there; `campaign_calendar` reads by it.
CREATE INDEX campaign_calendar ON campaign (
    account,
    coalesce(nullif(figures->>'started_ms', 0), nullif(plan->>'send_at_ms', 0), changed_ms)
) WHERE status NOT IN ('draft', 'in_review', 'approved');
