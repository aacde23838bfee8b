-- Everything that can be found and handed out, one row for each object: what was received, and our own results beside the
-- images that they are about. Results are no instances: nothing looks at them, nothing sends them on, and they count
-- among nobody's images.

CREATE TABLE archived (
    -- In the order of arrival; a result comes after its image.
    id              INTEGER PRIMARY KEY,
    -- The object itself, or the image that a result is about: it knows whose it is.
    image_id        INTEGER NOT NULL REFERENCES instance (id),
    -- NULL for what was received.
    report_id       INTEGER REFERENCES report (id),
    study_id        INTEGER NOT NULL,
    series_id       INTEGER NOT NULL,
    sop             TEXT    NOT NULL,
    sop_class       TEXT    NOT NULL,
    transfer_syntax TEXT    NOT NULL,
    spool_key       TEXT    NOT NULL,
    modality        TEXT,
    filed_at        INTEGER NOT NULL,
    FOREIGN KEY (series_id, study_id) REFERENCES series (id, study_id),
    -- A result's UID follows from image, model and version: the same result made again is the same row.
    UNIQUE (sop, study_id)
) STRICT;

CREATE INDEX archived_of_study ON archived (study_id, modality);
CREATE INDEX archived_of_series ON archived (series_id, study_id);

INSERT INTO archived (image_id, study_id, series_id, sop, sop_class, transfer_syntax, spool_key, modality, filed_at)
SELECT id, study_id, series_id, sop, sop_class, transfer_syntax, spool_key, modality, accepted_at
  FROM instance ORDER BY id;

-- In the transaction in which it is admitted. A result of ours that another system sends back is there already, as we
-- made it.
CREATE TRIGGER instance_is_archived AFTER INSERT ON instance
BEGIN
    INSERT INTO archived (image_id, study_id, series_id, sop, sop_class, transfer_syntax, spool_key, modality, filed_at)
    VALUES (NEW.id, NEW.study_id, NEW.series_id, NEW.sop, NEW.sop_class, NEW.transfer_syntax, NEW.spool_key,
            NEW.modality, NEW.accepted_at)
    ON CONFLICT (sop, study_id) DO NOTHING;
END;
