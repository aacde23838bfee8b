-- Who wants to be notified of which results: FHIR Subscriptions, each a place in the record of changes.

CREATE TABLE subscription (
    id              TEXT    NOT NULL PRIMARY KEY,
    -- How often it was made or replaced: what was told under an earlier wish moves no place of a later one.
    revision        INTEGER NOT NULL DEFAULT 1 CHECK (revision >= 1),
    owner           TEXT    NOT NULL,
    criteria        TEXT    NOT NULL,
    reason          TEXT    NOT NULL,
    endpoint        TEXT    NOT NULL,
    payload         TEXT    NOT NULL CHECK (payload IN ('', 'application/fhir+json')),
    -- Header lines that go with each notification.
    headers         TEXT    NOT NULL,
    status          TEXT    NOT NULL CHECK (status IN ('active', 'error', 'off')),
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    -- The last change that needs no telling any more.
    cursor          INTEGER NOT NULL CHECK (cursor >= 0),
    attempts        INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    next_attempt_at INTEGER NOT NULL,
    failing_since   INTEGER,
    last_error      TEXT
) STRICT, WITHOUT ROWID;
