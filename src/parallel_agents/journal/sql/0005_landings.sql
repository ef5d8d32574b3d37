-- What was put on a canvas for an execution: written as begun before the canvas is touched. `added` is a msgpack map of
-- what was written, `reversal` a msgpack map of the way back to the byte, `checked` what was found when it was read back.
-- Counts are of the whole canvas.
CREATE TABLE landings (
    landing_id   INTEGER PRIMARY KEY,
    execution_id TEXT    NOT NULL REFERENCES executions (execution_id),
    canvas_path  TEXT    NOT NULL,
    state        TEXT    NOT NULL CHECK (state IN ('begun', 'done', 'dropped', 'undone')),
    begun_at     REAL    NOT NULL,
    moved_at     REAL    NOT NULL,
    added        BLOB    NOT NULL,
    reversal     BLOB    NOT NULL,
    nodes_before INTEGER NOT NULL CHECK (nodes_before >= 0),
    nodes_after  INTEGER NOT NULL CHECK (nodes_after >= 0),
    edges_before INTEGER NOT NULL CHECK (edges_before >= 0),
    edges_after  INTEGER NOT NULL CHECK (edges_after >= 0),
    checked      BLOB
) STRICT;

CREATE INDEX landings_by_execution ON landings (execution_id);

PRAGMA user_version = 5;
