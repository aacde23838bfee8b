-- When a study is here as a whole.

-- Both NULL while images are expected; an image that comes in takes them back.
ALTER TABLE study ADD COLUMN completed_at INTEGER;
ALTER TABLE study ADD COLUMN completed_by TEXT CHECK (completed_by IN ('quiet', 'stow', 'order'));
-- How often the study has been complete.
ALTER TABLE study ADD COLUMN revision INTEGER NOT NULL DEFAULT 0 CHECK (revision >= 0);
-- When a STOW request had stored all of its objects; the next image takes it back.
ALTER TABLE study ADD COLUMN stowed_at INTEGER;

CREATE INDEX study_receiving ON study (updated_at) WHERE completed_at IS NULL;

-- How many images were announced; often known before the first one comes in.
CREATE TABLE announced (
    study_uid TEXT    NOT NULL PRIMARY KEY,
    instances INTEGER NOT NULL CHECK (instances > 0)
) STRICT, WITHOUT ROWID;

-- The other studies of a patient.
CREATE INDEX instance_of_patient ON instance (patient_id) WHERE patient_id IS NOT NULL;

-- What came in before is not waited for.
UPDATE study SET completed_at = updated_at, completed_by = 'quiet', revision = 1;
