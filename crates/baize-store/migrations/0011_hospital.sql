-- What the hospital's information system tells: patients, encounters, orders, vital signs.

-- Messages as they came, for the configured number of days. The key tells that a message came before.
CREATE TABLE his_message (
    id          INTEGER PRIMARY KEY,
    sender      TEXT    NOT NULL,
    control_id  TEXT    NOT NULL,
    digest      BLOB    NOT NULL CHECK (length(digest) = 32),
    kind        TEXT    NOT NULL,
    received_at INTEGER NOT NULL,
    raw         BLOB    NOT NULL,
    UNIQUE (sender, control_id, digest)
) STRICT;

CREATE INDEX his_message_age ON his_message (received_at);

-- One row per identifier. An identifier that was given up in a merge stays and leads to the one that is left;
-- merged_into never leads to a row that is given up itself.
CREATE TABLE his_patient (
    id          INTEGER PRIMARY KEY,
    pid         TEXT    NOT NULL CHECK (pid <> ''),
    issuer      TEXT,
    national_id TEXT,
    family_name TEXT,
    given_name  TEXT,
    sex         TEXT    CHECK (sex IN ('F', 'M', 'O')),
    birth_date  TEXT,
    merged_into INTEGER REFERENCES his_patient (id),
    CHECK (merged_into <> id)
) STRICT;

CREATE UNIQUE INDEX his_patient_identifier ON his_patient (pid, COALESCE(issuer, ''));
CREATE INDEX his_patient_merged ON his_patient (merged_into) WHERE merged_into IS NOT NULL;

-- What was merged, when, and on whose word. Never changed.
CREATE TABLE his_merge (
    id        INTEGER PRIMARY KEY,
    kind      TEXT    NOT NULL CHECK (kind IN ('patient', 'encounter')),
    prior     TEXT    NOT NULL,
    surviving TEXT    NOT NULL,
    at        INTEGER NOT NULL,
    sender    TEXT    NOT NULL
) STRICT;

CREATE TABLE encounter (
    number      TEXT    NOT NULL PRIMARY KEY CHECK (number <> ''),
    patient_id  INTEGER NOT NULL REFERENCES his_patient (id),
    class       TEXT,
    location    TEXT,
    reason      TEXT,
    admitted_at TEXT,
    state       TEXT    NOT NULL CHECK (state IN ('open', 'cancelled')),
    -- When what is known happened, as the HIS says it; and what opened or cancelled it.
    occurred_at TEXT,
    turned_at   TEXT,
    -- It was given up in a merge of encounters.
    merged_into TEXT    REFERENCES encounter (number),
    updated_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX encounter_of_patient ON encounter (patient_id);
CREATE INDEX encounter_merged ON encounter (merged_into) WHERE merged_into IS NOT NULL;

CREATE TABLE his_order (
    id             INTEGER PRIMARY KEY,
    placer_number  TEXT,
    filler_number  TEXT,
    accession      TEXT,
    study_uid      TEXT,
    patient_id     INTEGER NOT NULL REFERENCES his_patient (id),
    encounter      TEXT,
    modality       TEXT,
    procedure_code TEXT,
    procedure_text TEXT,
    reason         TEXT,
    scheduled_at   TEXT,
    lane           INTEGER NOT NULL CHECK (lane BETWEEN 0 AND 2),
    cancelled      INTEGER NOT NULL CHECK (cancelled IN (0, 1)),
    received_at    INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL,
    -- The time in which it shall be done: a day or a moment.
    planned_from   INTEGER NOT NULL,
    planned_to     INTEGER NOT NULL,
    -- From when on it is missed; NULL where it has a study, is cancelled or was listed already.
    overdue_at     INTEGER
) STRICT;

CREATE INDEX his_order_of_patient ON his_order (patient_id);
CREATE INDEX his_order_placer ON his_order (placer_number) WHERE placer_number IS NOT NULL;
CREATE INDEX his_order_accession ON his_order (accession) WHERE accession IS NOT NULL;
CREATE INDEX his_order_study ON his_order (study_uid) WHERE study_uid IS NOT NULL;
CREATE INDEX his_order_of_encounter ON his_order (encounter) WHERE encounter IS NOT NULL;
CREATE INDEX his_order_overdue ON his_order (overdue_at) WHERE overdue_at IS NOT NULL;

-- What monitors measured, for the triage desk.
CREATE TABLE vitals_reading (
    id          INTEGER PRIMARY KEY,
    patient_id  TEXT    NOT NULL,
    issuer      TEXT,
    encounter   TEXT,
    received_at INTEGER NOT NULL,
    state       TEXT    NOT NULL DEFAULT 'due' CHECK (state IN ('due', 'settled')),
    attempts    INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    due_at      INTEGER NOT NULL,
    -- How it ended, or why it did not yet, for a person.
    outcome     TEXT
) STRICT;

CREATE INDEX vitals_reading_next ON vitals_reading (due_at, id) WHERE state = 'due';
CREATE INDEX vitals_reading_settled ON vitals_reading (received_at) WHERE state = 'settled';

CREATE TABLE vitals_measurement (
    reading_id  INTEGER NOT NULL REFERENCES vitals_reading (id) ON DELETE CASCADE,
    ordinal     INTEGER NOT NULL,
    name        TEXT    NOT NULL,
    value       REAL    NOT NULL,
    measured_at TEXT,
    PRIMARY KEY (reading_id, ordinal)
) STRICT, WITHOUT ROWID;
