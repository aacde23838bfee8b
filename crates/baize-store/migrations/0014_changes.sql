-- What changes in what is told of studies and visits, in the order of the commits: for searches by time of change, and for
-- those who want to be told of each change.

CREATE TABLE result_change (
    sequence       INTEGER PRIMARY KEY,
    -- Never before that of the row ahead.
    at             INTEGER NOT NULL,
    study_id       INTEGER REFERENCES study (id),
    visit          TEXT,
    visit_sequence INTEGER,
    CHECK ((study_id IS NULL) <> (visit IS NULL)),
    CHECK ((visit IS NULL) = (visit_sequence IS NULL))
) STRICT;

CREATE UNIQUE INDEX result_change_of_step ON result_change (visit, visit_sequence) WHERE visit IS NOT NULL;
CREATE INDEX result_change_steps ON result_change (sequence) WHERE visit IS NOT NULL;

-- The last change of each study of which there is something to tell.
CREATE TABLE study_result (
    study_id   INTEGER PRIMARY KEY REFERENCES study (id),
    changed_at INTEGER NOT NULL
) STRICT;

CREATE INDEX study_result_changed ON study_result (changed_at);

-- The models that results name, and when they first did.
CREATE TABLE told_model (
    id      TEXT    NOT NULL,
    version TEXT    NOT NULL,
    since   INTEGER NOT NULL,
    PRIMARY KEY (id, version)
) STRICT, WITHOUT ROWID;

-- Of what was recorded before. Our own results that came back and objects without an image are told to nobody.
INSERT INTO result_change (at, study_id, visit, visit_sequence)
SELECT at, study_id, visit, visit_sequence
  FROM (SELECT report.finished_at AS at, instance.study_id, NULL AS visit, NULL AS visit_sequence
          FROM report JOIN instance ON instance.id = report.instance_id
         WHERE COALESCE(report.fault_code, '') NOT IN ('own_result', 'no_pixel_data')
        UNION ALL
        SELECT review.at, instance.study_id, NULL, NULL
          FROM review JOIN instance ON instance.id = review.instance_id
        UNION ALL
        SELECT at, NULL, visit, sequence FROM triage_entry)
 ORDER BY at, visit, visit_sequence;

INSERT INTO study_result (study_id, changed_at)
SELECT study_id, MAX(at) FROM result_change WHERE study_id IS NOT NULL GROUP BY study_id;

INSERT INTO told_model (id, version, since)
SELECT id, version, MIN(since)
  FROM (SELECT model_id AS id, model_version AS version, finished_at AS since FROM report WHERE model_id IS NOT NULL
        UNION ALL
        SELECT gate_id, gate_version, finished_at FROM report WHERE gate_id IS NOT NULL
        UNION ALL
        SELECT model_id, model_version, at FROM triage_entry WHERE model_id IS NOT NULL)
 GROUP BY id, version;

CREATE TRIGGER result_change_of_report AFTER INSERT ON report
WHEN COALESCE(NEW.fault_code, '') NOT IN ('own_result', 'no_pixel_data')
BEGIN
    INSERT INTO result_change (at, study_id)
    SELECT MAX(NEW.finished_at, COALESCE((SELECT at FROM result_change ORDER BY sequence DESC LIMIT 1), 0)), study_id
      FROM instance WHERE id = NEW.instance_id;
END;

CREATE TRIGGER result_change_of_review AFTER INSERT ON review
BEGIN
    INSERT INTO result_change (at, study_id)
    SELECT MAX(NEW.at, COALESCE((SELECT at FROM result_change ORDER BY sequence DESC LIMIT 1), 0)), study_id
      FROM instance WHERE id = NEW.instance_id;
END;

-- Its order and encounter are told with a study.
CREATE TRIGGER result_change_of_match AFTER INSERT ON match_record
WHEN NEW.action IN ('matched', 'undone') AND EXISTS (SELECT 1 FROM study_result WHERE study_id = NEW.study_id)
BEGIN
    INSERT INTO result_change (at, study_id)
    VALUES (MAX(NEW.at, COALESCE((SELECT at FROM result_change ORDER BY sequence DESC LIMIT 1), 0)), NEW.study_id);
END;

CREATE TRIGGER result_change_of_triage AFTER INSERT ON triage_entry
BEGIN
    INSERT INTO result_change (at, visit, visit_sequence)
    VALUES (MAX(NEW.at, COALESCE((SELECT at FROM result_change ORDER BY sequence DESC LIMIT 1), 0)),
            NEW.visit, NEW.sequence);
END;

CREATE TRIGGER study_result_follows AFTER INSERT ON result_change WHEN NEW.study_id IS NOT NULL
BEGIN
    INSERT INTO study_result (study_id, changed_at) VALUES (NEW.study_id, NEW.at)
    ON CONFLICT DO UPDATE SET changed_at = excluded.changed_at;
END;

CREATE TRIGGER told_model_of_report AFTER INSERT ON report WHEN NEW.model_id IS NOT NULL
BEGIN
    INSERT INTO told_model (id, version, since) VALUES (NEW.model_id, NEW.model_version, NEW.finished_at)
    ON CONFLICT DO NOTHING;
END;

CREATE TRIGGER told_model_of_gate AFTER INSERT ON report WHEN NEW.gate_id IS NOT NULL
BEGIN
    INSERT INTO told_model (id, version, since) VALUES (NEW.gate_id, NEW.gate_version, NEW.finished_at)
    ON CONFLICT DO NOTHING;
END;

CREATE TRIGGER told_model_of_triage AFTER INSERT ON triage_entry WHEN NEW.model_id IS NOT NULL
BEGIN
    INSERT INTO told_model (id, version, since) VALUES (NEW.model_id, NEW.model_version, NEW.at)
    ON CONFLICT DO NOTHING;
END;

CREATE TRIGGER result_change_is_never_changed BEFORE UPDATE ON result_change
BEGIN
    SELECT RAISE(ABORT, 'the record of changes is append-only');
END;

CREATE TRIGGER result_change_is_never_removed BEFORE DELETE ON result_change
BEGIN
    SELECT RAISE(ABORT, 'the record of changes is append-only');
END;

-- Also keeps REPLACE from taking a row's place, for which the trigger above is not run.
CREATE TRIGGER result_change_comes_next BEFORE INSERT ON result_change
WHEN NEW.sequence IS NOT NULL AND NEW.sequence <> -1
 AND NEW.sequence <= (SELECT COALESCE(MAX(sequence), 0) FROM result_change)
BEGIN
    SELECT RAISE(ABORT, 'a change must follow the last one');
END;

-- What searches look for.
CREATE INDEX study_updated ON study (updated_at);
CREATE INDEX instance_study_date ON instance (study_date, study_id) WHERE study_date IS NOT NULL;
CREATE INDEX triage_entry_of_encounter ON triage_entry (encounter) WHERE encounter IS NOT NULL;
