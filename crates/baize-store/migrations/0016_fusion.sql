-- Findings of images and the triage desk meet: critical findings, the steps that they make, and what is still to be
-- brought together.

-- The cut of the model version from which on a finding is critical; NULL where the version has none.
ALTER TABLE finding ADD COLUMN critical REAL CHECK (critical > threshold AND critical <= 1);

-- Three more steps of a visit. Only a CHECK changes and no stored byte, so the table is not copied: what refers to it
-- stays as it is (https://www.sqlite.org/lang_altertable.html, section 7).
PRAGMA writable_schema = ON;
UPDATE sqlite_schema
   SET sql = replace(sql, '(''assessed'', ''vitals'', ''level'')',
                     '(''assessed'', ''vitals'', ''level'', ''imaging'', ''imaging_note'', ''acknowledged'')')
 WHERE type = 'table' AND name = 'triage_entry';
PRAGMA writable_schema = RESET;

-- The visits of an encounter.
CREATE INDEX triage_visit_of_encounter ON triage_entry (encounter) WHERE sequence = 1 AND encounter IS NOT NULL;

-- The visits to which imaging has told something that no nurse has acknowledged. Follows from the record.
CREATE TABLE triage_waiting (
    visit    TEXT    NOT NULL PRIMARY KEY,
    -- The newest step that imaging made.
    sequence INTEGER NOT NULL,
    -- When the oldest was made.
    since    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TRIGGER triage_waits AFTER INSERT ON triage_entry WHEN NEW.step = 'imaging'
BEGIN
    INSERT INTO triage_waiting (visit, sequence, since) VALUES (NEW.visit, NEW.sequence, NEW.at)
    ON CONFLICT DO UPDATE SET sequence = excluded.sequence;
END;

CREATE TRIGGER triage_waits_no_more AFTER INSERT ON triage_entry WHEN NEW.step = 'acknowledged'
BEGIN
    DELETE FROM triage_waiting WHERE visit = NEW.visit;
END;

-- Which visits a study told something. Follows from the record.
CREATE TABLE fusion_told (
    study_uid TEXT NOT NULL,
    visit     TEXT NOT NULL,
    PRIMARY KEY (study_uid, visit)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER triage_is_told AFTER INSERT ON triage_entry
WHEN NEW.step IN ('imaging', 'imaging_note') AND json_valid(NEW.sent)
BEGIN
    INSERT INTO fusion_told (study_uid, visit)
    SELECT DISTINCT told.study, NEW.visit
      FROM (SELECT CASE evidence.type WHEN 'object' THEN json_extract(evidence.value, '$.study') END AS study
              FROM json_each(NEW.sent) AS evidence) AS told
     WHERE typeof(told.study) = 'text'
    ON CONFLICT DO NOTHING;
END;

-- What is to be looked at again, because something that fusion looks at has changed. Entered in the transaction of the
-- change; removed when it was looked at, unless it has changed again since.
CREATE TABLE fusion_due (
    kind     TEXT    NOT NULL CHECK (kind IN ('study', 'encounter')),
    -- Study Instance UID, or the encounter's number.
    name     TEXT    NOT NULL,
    -- How often it has changed.
    changes  INTEGER NOT NULL DEFAULT 1 CHECK (changes >= 1),
    -- How often it was looked at in vain.
    attempts INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    due_at   INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX fusion_next ON fusion_due (due_at);

-- A study without an order belongs to no encounter; it is entered when an order is found.
CREATE TRIGGER report_is_fused AFTER INSERT ON report
BEGIN
    INSERT INTO fusion_due (kind, name)
    SELECT 'study', study.uid FROM instance JOIN study ON study.id = instance.study_id
     WHERE instance.id = NEW.instance_id
       AND EXISTS (SELECT 1 FROM order_match WHERE order_match.study_id = study.id)
    ON CONFLICT DO UPDATE SET changes = changes + 1, due_at = 0;
END;

CREATE TRIGGER match_is_fused AFTER INSERT ON order_match
BEGIN
    INSERT INTO fusion_due (kind, name) SELECT 'study', uid FROM study WHERE id = NEW.study_id
    ON CONFLICT DO UPDATE SET changes = changes + 1, due_at = 0;
END;

CREATE TRIGGER changed_match_is_fused AFTER UPDATE OF study_id ON order_match
BEGIN
    INSERT INTO fusion_due (kind, name) SELECT 'study', uid FROM study WHERE id = NEW.study_id
    ON CONFLICT DO UPDATE SET changes = changes + 1, due_at = 0;
END;

-- A person has undone it: what the study told may be of another patient.
CREATE TRIGGER undone_match_is_fused AFTER DELETE ON order_match
BEGIN
    INSERT INTO fusion_due (kind, name) SELECT 'study', uid FROM study WHERE id = OLD.study_id
    ON CONFLICT DO UPDATE SET changes = changes + 1, due_at = 0;
END;

-- The order has told its encounter, or another one, after its study was found.
CREATE TRIGGER order_is_fused AFTER UPDATE OF encounter ON his_order
WHEN NEW.encounter IS NOT NULL AND NEW.encounter IS NOT OLD.encounter
BEGIN
    INSERT INTO fusion_due (kind, name)
    SELECT 'study', study.uid FROM order_match JOIN study ON study.id = order_match.study_id
     WHERE order_match.order_id = NEW.id
    ON CONFLICT DO UPDATE SET changes = changes + 1, due_at = 0;
END;

-- An encounter is told of, opened again or merged after somebody came to the desk in it.
CREATE TRIGGER encounter_is_fused AFTER INSERT ON encounter
WHEN EXISTS (SELECT 1 FROM triage_entry WHERE encounter = NEW.number AND sequence = 1)
BEGIN
    INSERT INTO fusion_due (kind, name) VALUES ('encounter', NEW.number)
    ON CONFLICT DO UPDATE SET changes = changes + 1, due_at = 0;
END;

CREATE TRIGGER changed_encounter_is_fused AFTER UPDATE OF state, merged_into ON encounter
WHEN (NEW.state IS NOT OLD.state OR NEW.merged_into IS NOT OLD.merged_into)
 AND EXISTS (SELECT 1 FROM triage_entry WHERE encounter IN (NEW.number, NEW.merged_into) AND sequence = 1)
BEGIN
    INSERT INTO fusion_due (kind, name) VALUES ('encounter', NEW.number)
    ON CONFLICT DO UPDATE SET changes = changes + 1, due_at = 0;
END;

-- A visit that begins, other vital signs, a level: all that rules look at.
CREATE TRIGGER triage_is_fused AFTER INSERT ON triage_entry
WHEN NEW.encounter IS NOT NULL AND NEW.step IN ('assessed', 'vitals', 'level')
BEGIN
    INSERT INTO fusion_due (kind, name) VALUES ('encounter', NEW.encounter)
    ON CONFLICT DO UPDATE SET changes = changes + 1, due_at = 0;
END;
