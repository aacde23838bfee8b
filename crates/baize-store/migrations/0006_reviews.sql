-- What physicians say of results: one row per review, never changed and never removed.

CREATE TABLE review (
    instance_id   INTEGER NOT NULL REFERENCES instance (id),
    model_id      TEXT    NOT NULL,
    model_version TEXT    NOT NULL,
    sequence      INTEGER NOT NULL CHECK (sequence >= 1),
    verdict       TEXT    NOT NULL CHECK (verdict IN ('confirmed', 'corrected', 'rejected')),
    -- How many rows of review_finding belong to it.
    findings      INTEGER NOT NULL CHECK (findings >= 0),
    comment       TEXT,
    signed        INTEGER NOT NULL CHECK (signed IN (0, 1)),
    reviewer      TEXT    NOT NULL,
    at            INTEGER NOT NULL,
    -- The only key: with a row id of its own, REPLACE could put another row in a row's place.
    PRIMARY KEY (instance_id, model_id, model_version, sequence),
    FOREIGN KEY (instance_id, model_id, model_version) REFERENCES report (instance_id, model_id, model_version)
) STRICT, WITHOUT ROWID;

CREATE INDEX review_at ON review (at);

CREATE TABLE review_finding (
    instance_id   INTEGER NOT NULL,
    model_id      TEXT    NOT NULL,
    model_version TEXT    NOT NULL,
    sequence      INTEGER NOT NULL,
    ordinal       INTEGER NOT NULL CHECK (ordinal >= 0),
    scheme        TEXT    NOT NULL,
    code          TEXT    NOT NULL,
    opinion       TEXT    NOT NULL CHECK (opinion IN ('agree', 'disagree', 'uncertain')),
    PRIMARY KEY (instance_id, model_id, model_version, sequence, ordinal),
    FOREIGN KEY (instance_id, model_id, model_version, sequence)
        REFERENCES review (instance_id, model_id, model_version, sequence)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER review_is_never_changed BEFORE UPDATE ON review
BEGIN
    SELECT RAISE(ABORT, 'reviews are append-only');
END;

CREATE TRIGGER review_is_never_removed BEFORE DELETE ON review
BEGIN
    SELECT RAISE(ABORT, 'reviews are append-only');
END;

-- Also keeps REPLACE from taking a review's place, for which the trigger above is not run.
CREATE TRIGGER review_comes_next BEFORE INSERT ON review
WHEN NEW.sequence <> 1 + (SELECT COALESCE(MAX(sequence), 0) FROM review
                           WHERE instance_id = NEW.instance_id AND model_id = NEW.model_id
                             AND model_version = NEW.model_version)
BEGIN
    SELECT RAISE(ABORT, 'a review must follow the last one of its result');
END;

CREATE TRIGGER review_finding_is_never_changed BEFORE UPDATE ON review_finding
BEGIN
    SELECT RAISE(ABORT, 'reviews are append-only');
END;

CREATE TRIGGER review_finding_is_never_removed BEFORE DELETE ON review_finding
BEGIN
    SELECT RAISE(ABORT, 'reviews are append-only');
END;

-- A review gets the opinions that it was written with, and none later.
CREATE TRIGGER review_finding_comes_next BEFORE INSERT ON review_finding
WHEN NEW.ordinal <> (SELECT COUNT(*) FROM review_finding
                      WHERE instance_id = NEW.instance_id AND model_id = NEW.model_id
                        AND model_version = NEW.model_version AND sequence = NEW.sequence)
  OR NEW.ordinal >= (SELECT COALESCE(MAX(findings), 0) FROM review
                      WHERE instance_id = NEW.instance_id AND model_id = NEW.model_id
                        AND model_version = NEW.model_version AND sequence = NEW.sequence)
BEGIN
    SELECT RAISE(ABORT, 'reviews are append-only');
END;
