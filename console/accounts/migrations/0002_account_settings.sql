-- What an account may choose for itself; empty: as the installation.
ALTER TABLE account ADD COLUMN language TEXT NOT NULL DEFAULT '';           -- es | en
ALTER TABLE account ADD COLUMN timezone TEXT NOT NULL DEFAULT '';           -- IANA name
ALTER TABLE account ADD COLUMN needs_approval INTEGER NOT NULL DEFAULT 0;   -- 1: sending takes two
