-- Storage commitment: which archives are asked whether they keep what they have acknowledged, and what they said.

ALTER TABLE recipient ADD COLUMN commitment INTEGER NOT NULL DEFAULT 0 CHECK (commitment IN (0, 1));

-- Inserted when an object is acknowledged by an archive that shall commit itself.
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

CREATE INDEX commitment_next ON commitment (destination, ask_at) WHERE committed_at IS NULL;
CREATE INDEX commitment_of_transaction ON commitment (transaction_uid) WHERE committed_at IS NULL;

-- An acknowledgement is taken back only by the archive itself: when it says that it does not keep the object.
DROP TRIGGER delivery_stays_acknowledged;
CREATE TRIGGER delivery_stays_acknowledged BEFORE UPDATE ON delivery
WHEN OLD.state = 'acknowledged'
 AND NOT (NEW.state = 'waiting'
          AND EXISTS (SELECT 1 FROM commitment WHERE commitment.delivery_id = OLD.id AND commitment.denied = 1))
BEGIN
    SELECT RAISE(ABORT, 'the delivery is acknowledged');
END;
