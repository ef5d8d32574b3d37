-- What a task that waits for others gets its input from, once those are completed. While that has not been made
-- (`is_open`) it counts as one more thing that the task waits for.
CREATE TABLE bindings (
    key          INTEGER PRIMARY KEY REFERENCES tasks (key),
    execution_id TEXT    NOT NULL REFERENCES executions (execution_id),
    binding      BLOB    NOT NULL,
    is_open      INTEGER NOT NULL DEFAULT 1 CHECK (is_open IN (0, 1))
) STRICT;

CREATE INDEX bindings_open ON bindings (execution_id, key) WHERE is_open = 1;

-- SQLite changes no CHECK of a table that is there, so the history moves into a new one, which knows two more moves.
DROP TRIGGER history_of_submissions;
DROP TRIGGER history_of_moves;
DROP TRIGGER history_is_not_changed;
DROP TRIGGER history_is_not_deleted;
DROP INDEX history_by_execution;
DROP INDEX history_discarded;
ALTER TABLE history RENAME TO history_before;

CREATE TABLE history (
    sequence     INTEGER PRIMARY KEY AUTOINCREMENT,
    execution_id TEXT    NOT NULL,
    key          INTEGER NOT NULL REFERENCES tasks (key),
    attempt      INTEGER NOT NULL,
    at           REAL    NOT NULL,
    trigger      TEXT    NOT NULL,
    source       TEXT,
    target       TEXT    NOT NULL,
    detail       TEXT,
    CHECK (CASE trigger
        WHEN 'submitted'         THEN source IS NULL AND target = 'pending'
        WHEN 'reused'            THEN source IS 'pending' AND target = 'completed'
        WHEN 'started'           THEN source IS 'pending' AND target = 'running'
        WHEN 'succeeded'         THEN source IS 'running' AND target = 'completed'
        WHEN 'retry_scheduled'   THEN source IS 'running' AND target = 'waiting'
        WHEN 'gave_up'           THEN source IS 'running' AND target = 'failed'
        WHEN 'skipped'           THEN source IS 'running' AND target = 'skipped'
        WHEN 'worker_lost'       THEN source IS 'running' AND target = 'pending'
        WHEN 'engine_lost'       THEN source IS 'running' AND target = 'pending'
        WHEN 'poisoned'          THEN source IS 'running' AND target = 'failed'
        WHEN 'interrupted'       THEN source IS 'running' AND target = 'pending'
        WHEN 'due'               THEN source IS 'waiting' AND target = 'pending'
        WHEN 'dependency_failed' THEN source IS 'pending' AND target = 'skipped'
        WHEN 'not_needed'        THEN source IS 'pending' AND target = 'skipped'
        WHEN 'input_failed'      THEN source IS 'pending' AND target = 'failed'
        WHEN 'cancelled'         THEN source IN ('pending', 'waiting', 'running') AND target = 'cancelled'
        WHEN 'retried'           THEN source IN ('failed', 'skipped', 'cancelled') AND target = 'pending'
        WHEN 'renewed'           THEN source IS 'completed' AND target = 'pending'
        WHEN 'result_discarded'  THEN source IS target
        ELSE 0
    END IS 1)
) STRICT;

INSERT INTO history SELECT * FROM history_before ORDER BY sequence;
-- Numbers that were given once are not given again, also where the last lines are gone.
UPDATE sqlite_sequence
SET seq = max(seq, (SELECT before.seq FROM sqlite_sequence AS before WHERE before.name = 'history_before'))
WHERE name = 'history' AND EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'history_before');
DROP TABLE history_before;

CREATE INDEX history_by_execution ON history (execution_id);
CREATE INDEX history_discarded ON history (execution_id) WHERE trigger = 'result_discarded';

CREATE TRIGGER history_of_submissions AFTER INSERT ON tasks BEGIN
    INSERT INTO history (execution_id, key, attempt, at, trigger, source, target, detail)
    VALUES (NEW.execution_id, NEW.key, NEW.attempt, NEW.moved_at, NEW.moved_by, NULL, NEW.state, NEW.moved_because);
END;

CREATE TRIGGER history_of_moves AFTER UPDATE OF state ON tasks BEGIN
    INSERT INTO history (execution_id, key, attempt, at, trigger, source, target, detail)
    VALUES (
        NEW.execution_id, NEW.key, NEW.attempt, NEW.moved_at, NEW.moved_by, OLD.state, NEW.state, NEW.moved_because
    );
END;

CREATE TRIGGER history_is_not_changed BEFORE UPDATE ON history BEGIN
    SELECT RAISE(ABORT, 'the history is only ever added to');
END;

CREATE TRIGGER history_is_not_deleted BEFORE DELETE ON history BEGIN
    SELECT RAISE(ABORT, 'the history is only ever added to');
END;

PRAGMA user_version = 9;
