-- Where the evidence for a finding lies, in the grid of its model.

CREATE TABLE finding_heat (
    report_id     INTEGER NOT NULL,
    ordinal       INTEGER NOT NULL,
    rows          INTEGER NOT NULL CHECK (rows >= 1),
    columns       INTEGER NOT NULL CHECK (columns >= 1),
    -- The edges of the grid on the stored image, in pixels from its top left corner.
    extent_left   REAL    NOT NULL,
    extent_top    REAL    NOT NULL,
    extent_width  REAL    NOT NULL CHECK (extent_width > 0),
    extent_height REAL    NOT NULL CHECK (extent_height > 0),
    -- Row by row from the top left, 0 to 1, as IEEE 754 binary32 with the least significant byte first.
    cells         BLOB    NOT NULL CHECK (length(cells) = 4 * rows * columns),
    PRIMARY KEY (report_id, ordinal),
    FOREIGN KEY (report_id, ordinal) REFERENCES finding (report_id, ordinal)
) STRICT, WITHOUT ROWID;
