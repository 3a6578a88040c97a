-- What webhook steps are signed with can be changed; the secret before signs too for a while.

ALTER TABLE automation ADD COLUMN generation INTEGER NOT NULL DEFAULT 1;
ALTER TABLE automation ADD COLUMN previous_until_ms INTEGER NOT NULL DEFAULT 0;
