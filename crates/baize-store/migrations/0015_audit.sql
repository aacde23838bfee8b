-- The audit trail: who saw or got which patients' results. Never changed and never removed; how long it is kept is the
-- hospital's matter.

CREATE TABLE audit_record (
    sequence   INTEGER PRIMARY KEY,
    at         INTEGER NOT NULL,
    action     TEXT    NOT NULL CHECK (action IN ('read', 'search', 'export')),
    who        TEXT    NOT NULL,
    request_id TEXT,
    what       TEXT    NOT NULL,
    query      TEXT
) STRICT;

CREATE INDEX audit_record_at ON audit_record (at);

CREATE TABLE audit_patient (
    -- The identifier's value, for searches, and its system; empty where it has none.
    value    TEXT    NOT NULL,
    sequence INTEGER NOT NULL REFERENCES audit_record (sequence),
    system   TEXT    NOT NULL,
    PRIMARY KEY (value, sequence, system)
) STRICT, WITHOUT ROWID;

CREATE INDEX audit_patient_of_record ON audit_patient (sequence);

-- What a peer has acknowledged has left the house. Our own archive is in it.
CREATE TRIGGER audit_of_delivery AFTER UPDATE OF state ON delivery
WHEN NEW.state = 'acknowledged' AND OLD.state <> 'acknowledged' AND NEW.destination <> '@archive'
BEGIN
    INSERT INTO audit_record (at, action, who, request_id, what)
    VALUES (NEW.changed_at, 'export', NEW.destination, COALESCE(NEW.message_id, NEW.sop_instance),
            CASE WHEN NEW.visit IS NULL
                 THEN 'DiagnosticReport/' || (SELECT uid FROM study WHERE id = NEW.study_id)
                 ELSE 'RiskAssessment/' || NEW.visit || '.' || NEW.sequence END);
    INSERT INTO audit_patient (value, sequence, system)
    SELECT patient_id, (SELECT MAX(sequence) FROM audit_record), ''
      FROM instance
     WHERE id = (SELECT MIN(id) FROM instance WHERE study_id = NEW.study_id) AND patient_id <> '';
END;

CREATE TRIGGER audit_record_is_never_changed BEFORE UPDATE ON audit_record
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;

CREATE TRIGGER audit_record_is_never_removed BEFORE DELETE ON audit_record
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;

-- Also keeps REPLACE from taking a record's place, for which the trigger above is not run.
CREATE TRIGGER audit_record_comes_next BEFORE INSERT ON audit_record
WHEN NEW.sequence IS NOT NULL AND NEW.sequence <> -1
 AND NEW.sequence <= (SELECT COALESCE(MAX(sequence), 0) FROM audit_record)
BEGIN
    SELECT RAISE(ABORT, 'an audit record must follow the last one');
END;

CREATE TRIGGER audit_patient_is_never_changed BEFORE UPDATE ON audit_patient
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;

CREATE TRIGGER audit_patient_is_never_removed BEFORE DELETE ON audit_patient
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;
