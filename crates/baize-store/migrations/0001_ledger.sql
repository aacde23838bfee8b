-- The ledger: what came in, what is to be done with it, and what was found.
--
-- Times are microseconds since 1970-01-01T00:00:00Z. A lane is its rank (0 routine, 1 urgent, 2 stat), so that
-- the most urgent lane is a maximum. Pixels never come here: spool_key says where the bytes are.

CREATE TABLE study (
    id          INTEGER PRIMARY KEY,
    uid         TEXT    NOT NULL UNIQUE,
    -- Unique, because the work list is read page by page, each page older than the last row of the one before:
    -- two studies of the same microsecond are told apart by moving the later one on by one.
    received_at INTEGER NOT NULL UNIQUE,
    updated_at  INTEGER NOT NULL,
    lane        INTEGER NOT NULL CHECK (lane BETWEEN 0 AND 2)
) STRICT;

CREATE TABLE series (
    id       INTEGER PRIMARY KEY,
    study_id INTEGER NOT NULL REFERENCES study (id),
    uid      TEXT    NOT NULL,
    UNIQUE (study_id, uid),
    UNIQUE (id, study_id)
) STRICT;

CREATE TABLE instance (
    id                   INTEGER PRIMARY KEY,
    study_id             INTEGER NOT NULL,
    series_id            INTEGER NOT NULL,
    sop                  TEXT    NOT NULL UNIQUE,
    sop_class            TEXT    NOT NULL,
    transfer_syntax      TEXT    NOT NULL,
    digest               BLOB    NOT NULL CHECK (length(digest) = 32),
    spool_key            TEXT    NOT NULL,
    size                 INTEGER NOT NULL,
    door                 TEXT    NOT NULL CHECK (door IN ('dimse', 'stow')),
    peer                 TEXT    NOT NULL,
    accepted_at          INTEGER NOT NULL,
    lane                 INTEGER NOT NULL CHECK (lane BETWEEN 0 AND 2),
    modality             TEXT,
    body_part            TEXT,
    view                 TEXT,
    frames               INTEGER NOT NULL,
    rows                 INTEGER NOT NULL,
    columns              INTEGER NOT NULL,
    age_years            REAL,
    sex                  TEXT    CHECK (sex IN ('F', 'M', 'O')),
    patient_id           TEXT,
    patient_name         TEXT,
    accession            TEXT,
    study_date           TEXT,
    study_description    TEXT,
    burned_in_annotation INTEGER NOT NULL CHECK (burned_in_annotation IN (0, 1)),
    FOREIGN KEY (series_id, study_id) REFERENCES series (id, study_id)
) STRICT;

CREATE INDEX instance_of_study ON instance (study_id);
CREATE INDEX instance_of_series ON instance (series_id, study_id);

-- Other data sets that arrived under a SOP Instance UID that was taken. Kept, never read by a model.
CREATE TABLE instance_copy (
    id              INTEGER PRIMARY KEY,
    instance_id     INTEGER NOT NULL REFERENCES instance (id),
    study_uid       TEXT    NOT NULL,
    series_uid      TEXT    NOT NULL,
    sop_class       TEXT    NOT NULL,
    transfer_syntax TEXT    NOT NULL,
    digest          BLOB    NOT NULL CHECK (length(digest) = 32),
    spool_key       TEXT    NOT NULL,
    size            INTEGER NOT NULL,
    door            TEXT    NOT NULL CHECK (door IN ('dimse', 'stow')),
    peer            TEXT    NOT NULL,
    accepted_at     INTEGER NOT NULL,
    UNIQUE (instance_id, study_uid, digest)
) STRICT;

CREATE TABLE job (
    id            INTEGER PRIMARY KEY,
    instance_id   INTEGER NOT NULL REFERENCES instance (id),
    model_id      TEXT    NOT NULL,
    model_version TEXT    NOT NULL,
    lane          INTEGER NOT NULL CHECK (lane BETWEEN 0 AND 2),
    deadline      INTEGER NOT NULL,
    state         TEXT    NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'begun', 'done')),
    attempts      INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    UNIQUE (instance_id, model_id, model_version)
) STRICT;

-- Only unfinished jobs are looked for, and they stay few while the done ones pile up.
-- STAT (rank 2) comes before all; below it the deadline decides.
CREATE INDEX job_next ON job ((lane = 2) DESC, deadline, lane DESC, id) WHERE state = 'open';
CREATE INDEX job_begun ON job (id) WHERE state = 'begun';
CREATE INDEX job_pending ON job (lane) WHERE state <> 'done';

CREATE TABLE report (
    id             INTEGER PRIMARY KEY,
    instance_id    INTEGER NOT NULL REFERENCES instance (id),
    -- Both NULL where no installed model reads this kind of object.
    model_id       TEXT,
    model_version  TEXT,
    outcome        TEXT    NOT NULL CHECK (outcome IN ('analysed', 'refused', 'failed')),
    finished_at    INTEGER NOT NULL,
    -- Why the patient is outside the validated population; NULL where inside.
    outside_zh     TEXT,
    outside_en     TEXT,
    fault_code     TEXT,
    fault_message  TEXT,
    retry_after_us INTEGER,
    CHECK ((model_id IS NULL) = (model_version IS NULL)),
    CHECK ((outside_zh IS NULL) = (outside_en IS NULL)),
    CHECK ((outcome = 'analysed') = (fault_code IS NULL)),
    CHECK ((fault_code IS NULL) = (fault_message IS NULL)),
    UNIQUE (instance_id, model_id, model_version)
) STRICT;

-- UNIQUE lets several NULLs pass; without a model there is one report too.
CREATE UNIQUE INDEX report_without_model ON report (instance_id) WHERE model_id IS NULL;

CREATE TABLE finding (
    report_id   INTEGER NOT NULL REFERENCES report (id),
    ordinal     INTEGER NOT NULL,
    scheme      TEXT    NOT NULL,
    code        TEXT    NOT NULL,
    meaning_zh  TEXT    NOT NULL,
    meaning_en  TEXT    NOT NULL,
    probability REAL    NOT NULL CHECK (probability BETWEEN 0 AND 1),
    threshold   REAL    NOT NULL,
    box_x       INTEGER,
    box_y       INTEGER,
    box_width   INTEGER,
    box_height  INTEGER,
    PRIMARY KEY (report_id, ordinal)
) STRICT, WITHOUT ROWID;

CREATE TABLE caveat (
    report_id INTEGER NOT NULL REFERENCES report (id),
    ordinal   INTEGER NOT NULL,
    zh        TEXT    NOT NULL,
    en        TEXT    NOT NULL,
    PRIMARY KEY (report_id, ordinal)
) STRICT, WITHOUT ROWID;
