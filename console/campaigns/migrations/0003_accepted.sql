-- Which warnings of the preflight were accepted, by whom: console.campaigns.values.Acceptance.
ALTER TABLE campaign ADD COLUMN accepted TEXT NOT NULL DEFAULT '{}';
