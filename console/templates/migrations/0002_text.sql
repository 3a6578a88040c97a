-- The text part that somebody wrote; '': it is made of the HTML.
ALTER TABLE template_version ADD COLUMN text TEXT NOT NULL DEFAULT '';
