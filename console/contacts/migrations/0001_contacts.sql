-- Who gets mail. Times are milliseconds since 1970 UTC; `key` is `Address.key`.

CREATE TABLE contact (
    id         INTEGER PRIMARY KEY,
    account    INTEGER NOT NULL,
    email      TEXT NOT NULL,
    key        TEXT NOT NULL,
    attrs      TEXT NOT NULL DEFAULT '{}',      -- JSON object of texts: first_name, …
    status     TEXT NOT NULL DEFAULT 'active',  -- active | blocked
    language   TEXT NOT NULL DEFAULT '',
    source     TEXT NOT NULL DEFAULT '',        -- where it came from
    created_ms INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL,
    UNIQUE (account, key)
);
CREATE INDEX contact_account ON contact (account, id);

CREATE TABLE contact_list (
    id          INTEGER PRIMARY KEY,
    account     INTEGER NOT NULL,
    name        TEXT NOT NULL,
    kind        TEXT NOT NULL,                  -- audience | topic
    optin       TEXT NOT NULL,                  -- single | double
    description TEXT NOT NULL DEFAULT '',
    state       TEXT NOT NULL DEFAULT 'active', -- active | archived
    members     INTEGER NOT NULL DEFAULT 0,     -- confirmed ones; kept by the triggers below
    created_ms  INTEGER NOT NULL,
    changed_ms  INTEGER NOT NULL,
    UNIQUE (account, name)
);

CREATE TABLE list_member (
    list       INTEGER NOT NULL,
    contact    INTEGER NOT NULL,
    status     TEXT NOT NULL,                   -- unconfirmed | confirmed | unsubscribed
    changed_ms INTEGER NOT NULL,
    PRIMARY KEY (list, contact)
) WITHOUT ROWID;
CREATE INDEX list_member_contact ON list_member (contact);

CREATE TRIGGER list_member_added AFTER INSERT ON list_member WHEN new.status = 'confirmed' BEGIN
    UPDATE contact_list SET members = members + 1 WHERE id = new.list;
END;
CREATE TRIGGER list_member_removed AFTER DELETE ON list_member WHEN old.status = 'confirmed' BEGIN
    UPDATE contact_list SET members = members - 1 WHERE id = old.list;
END;
CREATE TRIGGER list_member_changed AFTER UPDATE OF status ON list_member
WHEN old.status <> new.status BEGIN
    UPDATE contact_list SET members = members + (new.status = 'confirmed') - (old.status = 'confirmed')
    WHERE id = new.list;
END;

-- What happened to memberships, in the order of commits: automations follow it.
CREATE TABLE member_event (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    list      INTEGER NOT NULL,
    contact   INTEGER NOT NULL,
    confirmed INTEGER NOT NULL,                 -- 0: came onto the list; 1: confirmed it
    at_ms     INTEGER NOT NULL
);
CREATE TRIGGER list_member_told AFTER INSERT ON list_member WHEN new.status <> 'unsubscribed' BEGIN
    INSERT INTO member_event (list, contact, confirmed, at_ms)
    VALUES (new.list, new.contact, 0, new.changed_ms);
    INSERT INTO member_event (list, contact, confirmed, at_ms)
    SELECT new.list, new.contact, 1, new.changed_ms WHERE new.status = 'confirmed';
END;
CREATE TRIGGER list_member_confirmed AFTER UPDATE OF status ON list_member
WHEN old.status <> 'confirmed' AND new.status = 'confirmed' BEGIN
    INSERT INTO member_event (list, contact, confirmed, at_ms)
    VALUES (new.list, new.contact, 1, new.changed_ms);
END;

CREATE TABLE consent (
    id           INTEGER PRIMARY KEY,
    account      INTEGER NOT NULL,
    contact      INTEGER NOT NULL,
    list         INTEGER NOT NULL DEFAULT 0,
    what         TEXT NOT NULL,                 -- given | withdrawn
    text_version TEXT NOT NULL,
    address      TEXT NOT NULL,                 -- of the client
    agent        TEXT NOT NULL,
    at_ms        INTEGER NOT NULL
);
CREATE INDEX consent_contact ON consent (contact, id);

-- A file on its way to an audience.
CREATE TABLE upload (
    id         INTEGER PRIMARY KEY,
    account    INTEGER NOT NULL,
    name       TEXT NOT NULL,                   -- of the file, as its owner called it
    size       INTEGER NOT NULL,
    sha256     TEXT NOT NULL,
    state      TEXT NOT NULL,                   -- UploadState
    problem    TEXT NOT NULL DEFAULT '',        -- why it failed: a key of texts
    kind       TEXT NOT NULL,                   -- JSON: FileKind and sheets
    options    TEXT NOT NULL DEFAULT '{}',      -- JSON: Mapping
    counts     TEXT NOT NULL DEFAULT '{}',      -- JSON: by what became of the rows
    columns    TEXT NOT NULL DEFAULT '[]',      -- JSON: AudienceColumn
    audience   INTEGER NOT NULL DEFAULT 0,
    stored     INTEGER NOT NULL DEFAULT 0,      -- rows that are in the database
    place      INTEGER NOT NULL DEFAULT 0,      -- octets of the good rows' file that are done
    bad_place  INTEGER NOT NULL DEFAULT 0,      -- the same of the others
    created_by TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL
);
CREATE INDEX upload_account ON upload (account, id);
CREATE INDEX upload_open ON upload (id) WHERE state IN ('reading', 'storing');

CREATE TABLE upload_reject (
    upload INTEGER NOT NULL,
    row    INTEGER NOT NULL,
    col    INTEGER NOT NULL,
    value  TEXT NOT NULL,
    reason TEXT NOT NULL,
    hint   TEXT NOT NULL,
    PRIMARY KEY (upload, row)
) WITHOUT ROWID;

-- Rows that do not change any more: what one campaign is sent to.
CREATE TABLE audience (
    id         INTEGER PRIMARY KEY,
    account    INTEGER NOT NULL,
    name       TEXT NOT NULL,
    state      TEXT NOT NULL,                   -- building | ready | erased
    columns    TEXT NOT NULL DEFAULT '[]',
    counts     TEXT NOT NULL DEFAULT '{}',
    total      INTEGER NOT NULL DEFAULT 0,
    place      INTEGER NOT NULL DEFAULT 0,      -- of lists: the last contact that was looked at
    source     TEXT NOT NULL,                   -- JSON: upload, or lists
    created_ms INTEGER NOT NULL
);

CREATE TABLE audience_row (
    audience INTEGER NOT NULL,
    n        INTEGER NOT NULL,
    address  TEXT NOT NULL,
    key      TEXT NOT NULL,
    merge    TEXT NOT NULL,
    contact  INTEGER,
    PRIMARY KEY (audience, n)
) WITHOUT ROWID;
