-- What a task waits for: others of its execution (`dependencies`; `blockers` counts those that are not completed yet),
-- and who handed it in while it ran (`parent_id`, and `depth`, which is 0 for a task that nobody else handed in).
ALTER TABLE tasks ADD COLUMN blockers INTEGER NOT NULL DEFAULT 0 CHECK (blockers >= 0);
ALTER TABLE tasks ADD COLUMN parent_id TEXT;
ALTER TABLE tasks ADD COLUMN depth INTEGER NOT NULL DEFAULT 0 CHECK (depth >= 0);

CREATE TABLE dependencies (
    dependency_id INTEGER PRIMARY KEY,
    key           INTEGER NOT NULL REFERENCES tasks (key),
    on_key        INTEGER NOT NULL REFERENCES tasks (key),
    UNIQUE (key, on_key),
    CHECK (key <> on_key)
) STRICT;

CREATE INDEX dependents ON dependencies (on_key);

DROP INDEX tasks_by_rank;
DROP INDEX tasks_pending;
CREATE INDEX tasks_by_rank ON tasks (execution_id, state, blockers > 0, rank, position);
CREATE INDEX tasks_pending ON tasks (execution_id, position) WHERE state = 'pending' AND (blockers > 0) = 0;

DROP VIEW task_records;
DROP VIEW ready_tasks;

CREATE VIEW task_records AS
SELECT
    key, tasks.execution_id, state, attempt, charged, losses, submitted_at, completed_at, due_at, output,
    result_status, result_reason, fallback,
    task_id, position, agent_name, input_data, priority, rank, timeout_s, retry_attempts, memory_mb, canvas_path,
    node_id, metadata, parent_id, depth,
    (
        SELECT json_group_array(others.task_id)
        FROM dependencies JOIN tasks AS others ON others.key = on_key
        WHERE dependencies.key = tasks.key
    ) AS depends_on
FROM tasks JOIN inputs USING (key) JOIN executions USING (execution_id);

CREATE VIEW ready_tasks AS
SELECT
    key, execution_id, attempt, charged, losses, final_round,
    task_id, position, agent_name, input_data, priority, rank, timeout_s, retry_attempts, memory_mb, canvas_path,
    node_id, metadata, parent_id, depth,
    (
        SELECT json_group_array(others.task_id)
        FROM dependencies JOIN tasks AS others ON others.key = on_key
        WHERE dependencies.key = tasks.key
    ) AS depends_on
FROM tasks JOIN inputs USING (key)
WHERE state = 'pending' AND (blockers > 0) = 0;

-- SQLite changes no CHECK of a table that is there, so the history moves into a new one, which knows one more move.
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
        WHEN 'cancelled'         THEN source IN ('pending', 'waiting', 'running') AND target = 'cancelled'
        WHEN 'retried'           THEN source IN ('failed', 'skipped', 'cancelled') AND target = 'pending'
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

PRAGMA user_version = 4;
