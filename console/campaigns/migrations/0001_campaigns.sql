-- Campaigns. Times are milliseconds since 1970 UTC; JSON columns are those of console.campaigns.values.
CREATE TABLE campaign (
    id              INTEGER PRIMARY KEY,
    account         INTEGER NOT NULL,
    name            TEXT NOT NULL,
    status          TEXT NOT NULL,              -- CampaignStatus
    reason          TEXT NOT NULL DEFAULT '',   -- Reason: why it is in that status
    note            TEXT NOT NULL DEFAULT '',   -- the same in words
    etag            INTEGER NOT NULL,           -- grows with each change by people or of the status
    content         TEXT NOT NULL,              -- Content
    audience        TEXT NOT NULL,              -- AudienceSpec
    plan            TEXT NOT NULL,              -- Plan
    approval        INTEGER NOT NULL DEFAULT 0, -- the request for it, if it was asked for
    parent          INTEGER NOT NULL DEFAULT 0, -- the campaign that it was made of
    parent_kind     TEXT NOT NULL DEFAULT '',   -- Origin
    frozen          TEXT NOT NULL DEFAULT '{}', -- Frozen: written by the runner alone
    figures         TEXT NOT NULL DEFAULT '{}', -- Figures: written by the runner alone
    is_settled      INTEGER NOT NULL DEFAULT 0, -- it is over and nothing is left to be done
    created_by_kind TEXT NOT NULL,              -- ActorKind
    created_by      INTEGER NOT NULL,
    created_by_name TEXT NOT NULL,
    created_ms      INTEGER NOT NULL,
    changed_ms      INTEGER NOT NULL
);
CREATE INDEX campaign_account ON campaign (account, id);
CREATE INDEX campaign_unsettled ON campaign (id) WHERE is_settled = 0 AND status NOT IN ('draft', 'approved');

-- Every change of a status: from what to what, why, by whom.
CREATE TABLE campaign_history (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    campaign   INTEGER NOT NULL,
    was        TEXT NOT NULL,                   -- '' for a new one
    became     TEXT NOT NULL,
    reason     TEXT NOT NULL,
    note       TEXT NOT NULL,
    actor_kind TEXT NOT NULL,
    actor      INTEGER NOT NULL,
    actor_name TEXT NOT NULL,
    at_ms      INTEGER NOT NULL
);
CREATE INDEX campaign_history_campaign ON campaign_history (campaign, id);
