-- Which order a study answers.

-- How they find each other, as configured at the last start; no row where no HIS is connected. Spans in microseconds.
CREATE TABLE matching_rules (
    id          INTEGER PRIMARY KEY CHECK (id = 1),
    window      INTEGER NOT NULL CHECK (window >= 0),
    -- What a time without a zone means.
    utc_offset  INTEGER NOT NULL,
    -- Within which time of its arrival an image is due.
    due_routine INTEGER NOT NULL,
    due_urgent  INTEGER NOT NULL,
    due_stat    INTEGER NOT NULL
) STRICT;

-- One order, one study; a study may answer several orders.
CREATE TABLE order_match (
    order_id INTEGER PRIMARY KEY REFERENCES his_order (id),
    study_id INTEGER NOT NULL REFERENCES study (id),
    how      TEXT    NOT NULL CHECK (how IN ('study_uid', 'accession', 'patient_and_time', 'person')),
    at       INTEGER NOT NULL
) STRICT;

CREATE INDEX order_match_of_study ON order_match (study_id);

-- What was matched, undone and dismissed, by whom and why.
CREATE TABLE match_record (
    id       INTEGER PRIMARY KEY,
    action   TEXT    NOT NULL CHECK (action IN ('matched', 'undone', 'dismissed')),
    order_id INTEGER REFERENCES his_order (id),
    study_id INTEGER REFERENCES study (id),
    how      TEXT,
    -- NULL: by the rules.
    actor    TEXT,
    reason   TEXT,
    at       INTEGER NOT NULL
) STRICT;

CREATE INDEX match_record_undone ON match_record (order_id, study_id) WHERE action = 'undone';

CREATE TRIGGER match_record_is_never_changed BEFORE UPDATE ON match_record
BEGIN
    SELECT RAISE(ABORT, 'the record of matches is append-only');
END;

CREATE TRIGGER match_record_is_never_removed BEFORE DELETE ON match_record
BEGIN
    SELECT RAISE(ABORT, 'the record of matches is append-only');
END;

-- What waits for a person, or did.
CREATE TABLE reconciliation (
    id       INTEGER PRIMARY KEY,
    study_id INTEGER UNIQUE REFERENCES study (id),
    order_id INTEGER UNIQUE REFERENCES his_order (id),
    reason   TEXT    NOT NULL,
    state    TEXT    NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'settled', 'dismissed')),
    since    INTEGER NOT NULL,
    CHECK ((study_id IS NULL) <> (order_id IS NULL))
) STRICT;

CREATE INDEX reconciliation_open ON reconciliation (id) WHERE state = 'open';

-- Studies that their order has raised here and that must be raised in memory, too.
CREATE TABLE raise_due (
    study_id INTEGER PRIMARY KEY REFERENCES study (id),
    lane     INTEGER NOT NULL CHECK (lane BETWEEN 0 AND 2)
) STRICT;

CREATE INDEX instance_accession ON instance (accession, study_id) WHERE accession IS NOT NULL;
