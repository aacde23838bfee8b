-- What is asked of other systems about a study: earlier studies of the patient, the urgency of the order.

-- Both tell patients apart who have the same Patient ID.
ALTER TABLE instance ADD COLUMN patient_id_issuer TEXT;
ALTER TABLE instance ADD COLUMN birth_date TEXT;

-- It is here only because we asked an archive for it, to compare with: nobody waits for its results.
ALTER TABLE study ADD COLUMN is_prior INTEGER NOT NULL DEFAULT 0 CHECK (is_prior IN (0, 1));
-- A prior of which nothing is missing: it need not be asked for again.
ALTER TABLE study ADD COLUMN prior_is_whole INTEGER NOT NULL DEFAULT 0 CHECK (prior_is_whole IN (0, 1));
-- How urgent its order is, for the images that come later, and within which time of its arrival such an image is due.
ALTER TABLE study ADD COLUMN ordered_lane INTEGER NOT NULL DEFAULT 0 CHECK (ordered_lane BETWEEN 0 AND 2);
ALTER TABLE study ADD COLUMN ordered_due INTEGER;

-- Whether it also gets the results of priors.
ALTER TABLE recipient ADD COLUMN priors INTEGER NOT NULL DEFAULT 0 CHECK (priors IN (0, 1));

-- What is asked about new studies; as configured at the last start.
CREATE TABLE wanted_inquiry (
    kind TEXT NOT NULL PRIMARY KEY CHECK (kind IN ('priors', 'order'))
) STRICT, WITHOUT ROWID;

-- Inserted in the transaction of its study.
CREATE TABLE inquiry (
    study_id INTEGER NOT NULL REFERENCES study (id),
    kind     TEXT    NOT NULL CHECK (kind IN ('priors', 'order')),
    state    TEXT    NOT NULL DEFAULT 'due' CHECK (state IN ('due', 'settled')),
    attempts INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    due_at   INTEGER NOT NULL,
    -- How it ended, or why it did not yet, for a person.
    outcome  TEXT,
    PRIMARY KEY (study_id, kind)
) STRICT, WITHOUT ROWID;

CREATE INDEX inquiry_next ON inquiry (kind, due_at) WHERE state = 'due';

-- Studies that an archive is sending because we asked: what arrives of them now is a prior.
CREATE TABLE expected_prior (
    study_uid TEXT    NOT NULL PRIMARY KEY,
    asked_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
