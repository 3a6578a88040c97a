-- The register: what an incident is judged to be, who was told of it and when, which refunds it led
-- to. Rows are added and never changed or removed; the newest judgement holds.
CREATE TABLE incident_judgement (
    id           INTEGER PRIMARY KEY,
    incident     INTEGER NOT NULL REFERENCES incident (id),
    kind         TEXT NOT NULL,                 -- Kind
    severity     TEXT NOT NULL,                 -- Severity
    began_ms     INTEGER NOT NULL,              -- when it happened; 0: unknown
    known_ms     INTEGER NOT NULL,              -- when it became known: the time for notices runs
    needs_notice INTEGER NOT NULL,              -- 1: the authority is to be told
    happened     TEXT NOT NULL,
    data         TEXT NOT NULL,                 -- which data are affected
    people       INTEGER,                       -- how many people; NULL: unknown
    measures     TEXT NOT NULL,
    author_kind  TEXT NOT NULL,
    author_name  TEXT NOT NULL,
    at_ms        INTEGER NOT NULL
);
CREATE INDEX incident_judgement_incident ON incident_judgement (incident, id);

CREATE TABLE incident_notice (
    id          INTEGER PRIMARY KEY,
    incident    INTEGER NOT NULL REFERENCES incident (id),
    whom        TEXT NOT NULL,                  -- Whom
    name        TEXT NOT NULL,                  -- of who was told
    way         TEXT NOT NULL,                  -- letter, form, mail, telephone, …
    told_ms     INTEGER NOT NULL,
    text        TEXT NOT NULL,
    author_kind TEXT NOT NULL,
    author_name TEXT NOT NULL,
    at_ms       INTEGER NOT NULL
);
CREATE INDEX incident_notice_incident ON incident_notice (incident, id);

CREATE TABLE incident_refund (
    incident    INTEGER NOT NULL REFERENCES incident (id),
    refund      INTEGER NOT NULL REFERENCES quota_refund (id),
    author_name TEXT NOT NULL,
    at_ms       INTEGER NOT NULL,
    PRIMARY KEY (incident, refund)
) WITHOUT ROWID;
CREATE INDEX incident_refund_refund ON incident_refund (refund);

-- Which warnings about a deadline were sent.
CREATE TABLE incident_alert (
    incident INTEGER NOT NULL REFERENCES incident (id),
    step     TEXT NOT NULL,
    at_ms    INTEGER NOT NULL,
    PRIMARY KEY (incident, step)
) WITHOUT ROWID;

CREATE TRIGGER incident_note_final BEFORE UPDATE ON incident_note BEGIN
    SELECT RAISE(ABORT, 'incident_note: what was said is never changed');
END;
CREATE TRIGGER incident_note_kept BEFORE DELETE ON incident_note BEGIN
    SELECT RAISE(ABORT, 'incident_note: what was said is never removed');
END;
CREATE TRIGGER incident_judgement_final BEFORE UPDATE ON incident_judgement BEGIN
    SELECT RAISE(ABORT, 'incident_judgement: rows are never changed');
END;
CREATE TRIGGER incident_judgement_kept BEFORE DELETE ON incident_judgement BEGIN
    SELECT RAISE(ABORT, 'incident_judgement: rows are never removed');
END;
CREATE TRIGGER incident_notice_final BEFORE UPDATE ON incident_notice BEGIN
    SELECT RAISE(ABORT, 'incident_notice: rows are never changed');
END;
CREATE TRIGGER incident_notice_kept BEFORE DELETE ON incident_notice BEGIN
    SELECT RAISE(ABORT, 'incident_notice: rows are never removed');
END;
CREATE TRIGGER incident_refund_kept BEFORE DELETE ON incident_refund BEGIN
    SELECT RAISE(ABORT, 'incident_refund: rows are never removed');
END;
