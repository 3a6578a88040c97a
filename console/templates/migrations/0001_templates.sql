-- Saved templates, their versions, drafts, branding, images and files. Times are milliseconds since
-- 1970 UTC.
CREATE TABLE template (
    id         INTEGER PRIMARY KEY,
    account    INTEGER NOT NULL,
    name       TEXT NOT NULL,
    version    INTEGER NOT NULL,            -- the number of the newest
    state      TEXT NOT NULL,               -- active | archived
    created_ms INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL
);
CREATE INDEX template_account ON template (account, state, changed_ms DESC);

-- What a template was, and what somebody is writing: that has the number 0.
CREATE TABLE template_version (
    template  INTEGER NOT NULL REFERENCES template (id),
    number    INTEGER NOT NULL,
    kind      TEXT NOT NULL,                -- SourceKind
    design    TEXT NOT NULL,                -- the key of a design of the gallery, or ''
    subject   TEXT NOT NULL,
    source    TEXT NOT NULL,                -- '' where a design has it
    slots     TEXT NOT NULL,                -- JSON object
    files     TEXT NOT NULL,                -- JSON array of media
    note      TEXT NOT NULL,
    author    TEXT NOT NULL,
    at_ms     INTEGER NOT NULL,
    PRIMARY KEY (template, number)
) WITHOUT ROWID;

CREATE TABLE brand (
    account    INTEGER PRIMARY KEY,
    fields     TEXT NOT NULL,               -- JSON object: name, color, accent, logo, …
    changed_ms INTEGER NOT NULL
);

-- Images and files that mail links to; served to whoever has the token.
CREATE TABLE media (
    id         INTEGER PRIMARY KEY,
    account    INTEGER NOT NULL,
    token      TEXT NOT NULL UNIQUE,
    kind       TEXT NOT NULL,               -- image | file
    name       TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size       INTEGER NOT NULL,            -- octets
    width      INTEGER NOT NULL,            -- pixels; 0 for files
    height     INTEGER NOT NULL,
    parts      INTEGER NOT NULL,            -- how many rows of media_part it has
    state      TEXT NOT NULL,               -- active | removed
    author     TEXT NOT NULL,
    at_ms      INTEGER NOT NULL
);
CREATE INDEX media_account ON media (account, state, id DESC);

CREATE TABLE media_part (
    media  INTEGER NOT NULL,
    number INTEGER NOT NULL,
    data   TEXT NOT NULL,                   -- base64
    PRIMARY KEY (media, number)
) WITHOUT ROWID;
