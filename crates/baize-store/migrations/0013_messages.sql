-- The outbox learns messages: a delivery brings an object of a report, or a message about a study or a step of a visit.

ALTER TABLE recipient ADD COLUMN takes TEXT NOT NULL DEFAULT 'objects' CHECK (takes IN ('objects', 'messages'));
-- Of a recipient of messages: what it is told of.
ALTER TABLE recipient ADD COLUMN studies INTEGER NOT NULL DEFAULT 0 CHECK (studies IN (0, 1));
ALTER TABLE recipient ADD COLUMN triage INTEGER NOT NULL DEFAULT 0 CHECK (triage IN (0, 1));

-- SQLite changes no column: both tables are made again, since one refers to the other.
DROP INDEX delivery_next;
DROP INDEX delivery_of_study;
DROP INDEX delivery_in_state;
DROP INDEX delivery_object;
DROP INDEX commitment_next;
DROP INDEX commitment_of_transaction;
DROP TRIGGER delivery_stays_acknowledged;
ALTER TABLE delivery RENAME TO delivery_of_objects;
ALTER TABLE commitment RENAME TO commitment_of_objects;

-- Inserted in the transaction of its cause. A report's first row (ordinal 0) has no object at first and stands for all
-- that are to be made; when they are made it becomes the first of them. A message has no message_id until it is made.
CREATE TABLE delivery (
    id              INTEGER PRIMARY KEY,
    destination     TEXT    NOT NULL,
    kind            TEXT    NOT NULL CHECK (kind IN ('object', 'message')),
    report_id       INTEGER REFERENCES report (id),
    ordinal         INTEGER CHECK (ordinal >= 0),
    -- Of an object it repeats the image's, for the indexes.
    study_id        INTEGER REFERENCES study (id),
    visit           TEXT,
    sequence        INTEGER,
    -- What is sent in its order: messages about it, or the objects of its reports.
    subject         ANY     GENERATED ALWAYS AS (COALESCE(visit, study_id)) VIRTUAL,
    lane            INTEGER NOT NULL CHECK (lane BETWEEN 0 AND 2),
    -- Why a message is owed, with commas between, in the order in which it happened.
    causes          TEXT,
    sop_class       TEXT,
    sop_instance    TEXT,
    message_id      TEXT,
    state           TEXT    NOT NULL DEFAULT 'pending'
                    CHECK (state IN ('pending', 'sending', 'waiting', 'acknowledged', 'refused', 'covered')),
    attempts        INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    created_at      INTEGER NOT NULL,
    changed_at      INTEGER NOT NULL,
    next_attempt_at INTEGER,
    -- What the peer said of an object, and of a message.
    status          INTEGER CHECK (status BETWEEN 0 AND 65535),
    answer          TEXT,
    comment         TEXT,
    -- Of a covered message: whether what the peer knows was then all of a complete study.
    whole           INTEGER CHECK (whole IN (0, 1)),
    CHECK ((state = 'waiting') = (next_attempt_at IS NOT NULL)),
    CHECK ((sop_class IS NULL) = (sop_instance IS NULL)),
    CHECK ((visit IS NULL) = (sequence IS NULL)),
    CHECK (CASE kind
               WHEN 'object' THEN report_id IS NOT NULL AND ordinal IS NOT NULL AND study_id IS NOT NULL
                                  AND visit IS NULL AND causes IS NULL AND message_id IS NULL AND answer IS NULL
               ELSE report_id IS NULL AND ordinal IS NULL AND (study_id IS NULL) <> (visit IS NULL)
                    AND causes IS NOT NULL AND sop_instance IS NULL AND status IS NULL END),
    -- "Sent" is never said of an object or a message that has no name, or about which the peer said nothing.
    CHECK (state <> 'acknowledged'
           OR CASE kind WHEN 'object' THEN sop_instance IS NOT NULL AND status IS NOT NULL
                        ELSE message_id IS NOT NULL AND answer IS NOT NULL AND answer <> '' END),
    CHECK ((state = 'covered') = (whole IS NOT NULL)),
    CHECK (state <> 'covered' OR (kind = 'message' AND study_id IS NOT NULL AND message_id IS NULL)),
    UNIQUE (destination, report_id, ordinal),
    UNIQUE (destination, visit, sequence)
) STRICT;

INSERT INTO delivery (id, destination, kind, report_id, ordinal, study_id, lane, sop_class, sop_instance, state,
                      attempts, created_at, changed_at, next_attempt_at, status, comment)
SELECT id, destination, 'object', report_id, ordinal, study_id, lane, sop_class, sop_instance, state,
       attempts, created_at, changed_at, next_attempt_at, status, comment
  FROM delivery_of_objects;

CREATE TABLE commitment (
    delivery_id     INTEGER PRIMARY KEY REFERENCES delivery (id),
    destination     TEXT    NOT NULL,
    sop_instance    TEXT    NOT NULL,
    -- Of the last request; NULL before the first.
    transaction_uid TEXT,
    -- When to ask, or to ask again.
    ask_at          INTEGER,
    committed_at    INTEGER,
    -- The archive will not keep it: in the transaction that sends it again.
    denied          INTEGER NOT NULL DEFAULT 0 CHECK (denied IN (0, 1)),
    CHECK ((committed_at IS NULL) <> (ask_at IS NULL)),
    CHECK (denied = 0 OR committed_at IS NULL)
) STRICT;

INSERT INTO commitment (delivery_id, destination, sop_instance, transaction_uid, ask_at, committed_at, denied)
SELECT delivery_id, destination, sop_instance, transaction_uid, ask_at, committed_at, denied
  FROM commitment_of_objects;

DROP TABLE commitment_of_objects;
DROP TABLE delivery_of_objects;

-- Only unfinished deliveries are looked for, and they stay few while the others pile up.
CREATE INDEX delivery_next ON delivery (destination, (lane = 2) DESC, report_id, ordinal)
    WHERE kind = 'object' AND state IN ('pending', 'sending', 'waiting');
CREATE INDEX delivery_of_study ON delivery (destination, study_id, report_id, ordinal)
    WHERE kind = 'object' AND state IN ('pending', 'sending', 'waiting');
CREATE INDEX delivery_next_message ON delivery (destination, (lane = 2) DESC, id)
    WHERE kind = 'message' AND state IN ('pending', 'sending', 'waiting');
CREATE INDEX delivery_of_subject ON delivery (subject, destination, id)
    WHERE kind = 'message' AND state IN ('pending', 'sending', 'waiting');
-- What a destination was told of a study.
CREATE INDEX delivery_told ON delivery (study_id, destination)
    WHERE kind = 'message' AND state IN ('acknowledged', 'covered');
CREATE INDEX delivery_in_state ON delivery (state, id);
CREATE INDEX delivery_object ON delivery (sop_instance) WHERE kind = 'object';
CREATE INDEX commitment_next ON commitment (destination, ask_at) WHERE committed_at IS NULL;
CREATE INDEX commitment_of_transaction ON commitment (transaction_uid) WHERE committed_at IS NULL;

-- An acknowledgement is taken back only by the archive itself: when it says that it does not keep the object.
CREATE TRIGGER delivery_stays_acknowledged BEFORE UPDATE ON delivery
WHEN OLD.state = 'acknowledged'
 AND NOT (NEW.state = 'waiting'
          AND EXISTS (SELECT 1 FROM commitment WHERE commitment.delivery_id = OLD.id AND commitment.denied = 1))
BEGIN
    SELECT RAISE(ABORT, 'the delivery is acknowledged');
END;

-- A message as it was made. Nothing of it changes but that its bytes go when the peer has acknowledged it: every attempt
-- sends the same.
CREATE TABLE outgoing_message (
    delivery_id INTEGER PRIMARY KEY REFERENCES delivery (id),
    made_at     INTEGER NOT NULL,
    payload     BLOB,
    -- What it tells of a study; all NULL for a visit. The digests are SHA-256.
    standing    TEXT    CHECK (standing IN ('preliminary', 'corrected', 'final', 'amended')),
    whole       INTEGER CHECK (whole IN (0, 1)),
    content     BLOB    CHECK (length(content) = 32),
    results     BLOB    CHECK (length(results) = 32),
    corrections BLOB    CHECK (length(corrections) = 32),
    CHECK ((standing IS NULL) = (whole IS NULL)),
    CHECK ((standing IS NULL) = (content IS NULL)),
    CHECK ((standing IS NULL) = (results IS NULL)),
    CHECK ((standing IS NULL) = (corrections IS NULL))
) STRICT;

CREATE TRIGGER outgoing_message_is_never_changed BEFORE UPDATE ON outgoing_message
WHEN NEW.delivery_id IS NOT OLD.delivery_id OR NEW.made_at IS NOT OLD.made_at OR NEW.standing IS NOT OLD.standing
  OR NEW.whole IS NOT OLD.whole OR NEW.content IS NOT OLD.content OR NEW.results IS NOT OLD.results
  OR NEW.corrections IS NOT OLD.corrections
  OR (NEW.payload IS NOT OLD.payload
      AND NOT (NEW.payload IS NULL
               AND (SELECT state FROM delivery WHERE delivery.id = OLD.delivery_id) = 'acknowledged'))
BEGIN
    SELECT RAISE(ABORT, 'a message is sent as it was made');
END;
