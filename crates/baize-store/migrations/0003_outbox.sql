-- The outbox: which results go where, and what became of each.

-- Who gets the results of reports to come; as configured at the last start.
CREATE TABLE recipient (
    name     TEXT    NOT NULL PRIMARY KEY,
    analysed INTEGER NOT NULL CHECK (analysed IN (0, 1)),
    refused  INTEGER NOT NULL CHECK (refused IN (0, 1)),
    failed   INTEGER NOT NULL CHECK (failed IN (0, 1))
) STRICT, WITHOUT ROWID;

-- Inserted in the transaction of its report. A report's first row (ordinal 0) has no object at first and stands for
-- all that are to be made; when they are made it becomes the first of them.
CREATE TABLE delivery (
    id              INTEGER PRIMARY KEY,
    destination     TEXT    NOT NULL,
    report_id       INTEGER NOT NULL REFERENCES report (id),
    ordinal         INTEGER NOT NULL CHECK (ordinal >= 0),
    -- Both repeat the image's, for the indexes.
    study_id        INTEGER NOT NULL REFERENCES study (id),
    lane            INTEGER NOT NULL CHECK (lane BETWEEN 0 AND 2),
    sop_class       TEXT,
    sop_instance    TEXT,
    state           TEXT    NOT NULL DEFAULT 'pending'
                    CHECK (state IN ('pending', 'sending', 'waiting', 'acknowledged', 'refused')),
    attempts        INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    created_at      INTEGER NOT NULL,
    changed_at      INTEGER NOT NULL,
    next_attempt_at INTEGER,
    status          INTEGER CHECK (status BETWEEN 0 AND 65535),
    comment         TEXT,
    CHECK ((state = 'waiting') = (next_attempt_at IS NOT NULL)),
    CHECK ((sop_class IS NULL) = (sop_instance IS NULL)),
    -- "Sent" is never said of an object that has no name, or about which the peer said nothing.
    CHECK (state <> 'acknowledged' OR (sop_instance IS NOT NULL AND status IS NOT NULL)),
    UNIQUE (destination, report_id, ordinal)
) STRICT;

-- Only unfinished deliveries are looked for, and they stay few while the others pile up.
CREATE INDEX delivery_next ON delivery (destination, (lane = 2) DESC, report_id, ordinal)
    WHERE state IN ('pending', 'sending', 'waiting');
CREATE INDEX delivery_of_study ON delivery (destination, study_id, report_id, ordinal)
    WHERE state IN ('pending', 'sending', 'waiting');
CREATE INDEX delivery_in_state ON delivery (state, id);
CREATE INDEX delivery_object ON delivery (sop_instance);

-- An acknowledgement is not taken back.
CREATE TRIGGER delivery_stays_acknowledged BEFORE UPDATE ON delivery WHEN OLD.state = 'acknowledged'
BEGIN
    SELECT RAISE(ABORT, 'the delivery is acknowledged');
END;
