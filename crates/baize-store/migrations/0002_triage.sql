-- The record of the triage desk: one row per step of a visit, never changed and never removed.
--
-- sent, known and assessment are JSON; the columns beside them repeat what is looked for.

CREATE TABLE triage_entry (
    visit         TEXT    NOT NULL CHECK (length(visit) = 36),
    sequence      INTEGER NOT NULL CHECK (sequence >= 1),
    step          TEXT    NOT NULL CHECK (step IN ('assessed', 'vitals', 'level')),
    at            INTEGER NOT NULL,
    actor         TEXT    NOT NULL,
    sent          TEXT    NOT NULL,
    known         TEXT    NOT NULL,
    assessment    TEXT    NOT NULL,
    level_cn      INTEGER NOT NULL CHECK (level_cn BETWEEN 1 AND 4),
    acuity        INTEGER NOT NULL CHECK (acuity BETWEEN 1 AND 5),
    encounter     TEXT,
    -- Both NULL where no model was installed.
    model_id      TEXT,
    model_version TEXT,
    CHECK ((model_id IS NULL) = (model_version IS NULL)),
    CHECK ((sequence = 1) = (step = 'assessed')),
    -- The only key: with a row id of its own, REPLACE could put another row in a row's place.
    PRIMARY KEY (visit, sequence)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER triage_entry_is_never_changed BEFORE UPDATE ON triage_entry
BEGIN
    SELECT RAISE(ABORT, 'the triage record is append-only');
END;

CREATE TRIGGER triage_entry_is_never_removed BEFORE DELETE ON triage_entry
BEGIN
    SELECT RAISE(ABORT, 'the triage record is append-only');
END;

-- Also keeps REPLACE from taking an entry's place, for which the trigger above is not run.
CREATE TRIGGER triage_entry_comes_next BEFORE INSERT ON triage_entry
WHEN NEW.sequence <> 1 + (SELECT COALESCE(MAX(sequence), 0) FROM triage_entry WHERE visit = NEW.visit)
BEGIN
    SELECT RAISE(ABORT, 'a triage entry must follow the last one of its visit');
END;
