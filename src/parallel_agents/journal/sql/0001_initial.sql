-- The first shape of the journal. Times are seconds since the epoch, durations milliseconds.

CREATE TABLE executions (
    number           INTEGER PRIMARY KEY,
    execution_id     TEXT    NOT NULL UNIQUE,
    submitted_at     REAL    NOT NULL,
    max_concurrent   INTEGER NOT NULL CHECK (max_concurrent >= 1),
    model            TEXT,
    source           TEXT,
    vault_root       TEXT,
    settings         BLOB    NOT NULL,
    agents           TEXT    NOT NULL CHECK (json_valid(agents)),
    ended_at         REAL,
    cancel_requested INTEGER NOT NULL DEFAULT 0 CHECK (cancel_requested IN (0, 1)),
    paused           TEXT,
    stopped          INTEGER NOT NULL DEFAULT 0 CHECK (stopped IN (0, 1)),
    resources        BLOB
) STRICT;

CREATE TABLE files (
    file_id      INTEGER PRIMARY KEY,
    execution_id TEXT    NOT NULL REFERENCES executions (execution_id),
    path         TEXT    NOT NULL,
    UNIQUE (execution_id, path)
) STRICT;

CREATE VIEW execution_records AS
SELECT
    number, execution_id, submitted_at, max_concurrent, model, source, vault_root, settings, agents, ended_at,
    cancel_requested, paused, stopped, resources,
    (SELECT json_group_array(path ORDER BY file_id) FROM files WHERE files.execution_id = executions.execution_id)
        AS file_paths
FROM executions;

-- `attempt` only ever grows and is the fence of every settlement; `charged` is what a refund or a reset changes.
-- Within an execution `key` rises with `position`.
-- `moved_by`, `moved_at` and `moved_because` tell the trigger `history_of_moves` what to write down.
CREATE TABLE tasks (
    key            INTEGER PRIMARY KEY,
    execution_id   TEXT    NOT NULL REFERENCES executions (execution_id),
    task_id        TEXT    NOT NULL,
    position       INTEGER NOT NULL CHECK (position >= 0),
    agent_name     TEXT    NOT NULL,
    priority       TEXT    NOT NULL,
    rank           INTEGER NOT NULL CHECK (rank >= 0),
    timeout_s      REAL    NOT NULL,
    retry_attempts INTEGER NOT NULL CHECK (retry_attempts >= 0),
    memory_mb      REAL    NOT NULL,
    canvas_path    TEXT,
    node_id        TEXT,
    state          TEXT    NOT NULL DEFAULT 'pending' CHECK (
        state IN ('pending', 'running', 'waiting', 'completed', 'failed', 'skipped', 'cancelled')
    ),
    attempt        INTEGER NOT NULL DEFAULT 0 CHECK (attempt >= 0),
    charged        INTEGER NOT NULL DEFAULT 0 CHECK (charged BETWEEN 0 AND attempt),
    losses         INTEGER NOT NULL DEFAULT 0 CHECK (losses BETWEEN 0 AND attempt),
    engine_losses  INTEGER NOT NULL DEFAULT 0 CHECK (engine_losses BETWEEN 0 AND attempt),
    final_round    INTEGER NOT NULL DEFAULT 0 CHECK (final_round IN (0, 1)),
    due_at         REAL,
    completed_at   REAL,
    result_status  TEXT,
    result_reason  TEXT,
    fallback       TEXT    NOT NULL DEFAULT 'none',
    moved_by       TEXT    NOT NULL DEFAULT 'submitted',
    moved_at       REAL    NOT NULL,
    moved_because  TEXT,
    output         BLOB,
    UNIQUE (execution_id, task_id),
    UNIQUE (execution_id, position),
    CHECK ((completed_at IS NOT NULL) = (state IN ('completed', 'failed', 'skipped', 'cancelled'))),
    CHECK ((output IS NOT NULL) = (state = 'completed')),
    CHECK (state <> 'running' OR attempt >= 1),
    CHECK (due_at IS NULL OR state = 'waiting'),
    CHECK (state <> 'waiting' OR due_at IS NOT NULL OR final_round = 1)
) STRICT;

CREATE INDEX tasks_by_rank ON tasks (execution_id, state, rank, position);
CREATE INDEX tasks_pending ON tasks (execution_id, position) WHERE state = 'pending';
CREATE INDEX tasks_due ON tasks (execution_id, due_at) WHERE state = 'waiting';

-- Apart from the task, because an update of a row writes the whole row again.
CREATE TABLE inputs (
    key        INTEGER PRIMARY KEY REFERENCES tasks (key),
    input_data BLOB    NOT NULL,
    metadata   BLOB    NOT NULL
) STRICT;

CREATE VIEW task_records AS
SELECT
    key, tasks.execution_id, state, attempt, charged, losses, submitted_at, completed_at, due_at, output,
    result_status, result_reason, fallback,
    task_id, position, agent_name, input_data, priority, rank, timeout_s, retry_attempts, memory_mb, canvas_path,
    node_id, metadata
FROM tasks JOIN inputs USING (key) JOIN executions USING (execution_id);

CREATE VIEW ready_tasks AS
SELECT
    key, execution_id, attempt, charged, losses, final_round,
    task_id, position, agent_name, input_data, priority, rank, timeout_s, retry_attempts, memory_mb, canvas_path,
    node_id, metadata
FROM tasks JOIN inputs USING (key)
WHERE state = 'pending';

-- `charged` stays 1 for an attempt that was never refunded, also when the user later retries the task.
CREATE TABLE attempts (
    key               INTEGER NOT NULL REFERENCES tasks (key),
    attempt           INTEGER NOT NULL CHECK (attempt >= 1),
    worker_pid        INTEGER NOT NULL,
    thread_id         TEXT,
    node              TEXT,
    baseline_mb       REAL,
    effective         TEXT    NOT NULL,
    started_at        REAL    NOT NULL,
    ended_at          REAL,
    outcome           TEXT,
    charged           INTEGER NOT NULL DEFAULT 1 CHECK (charged IN (0, 1)),
    error             TEXT,
    duration_ms       REAL,
    waited_ms         REAL,
    cpu_ms            REAL,
    peak_memory_mb    REAL,
    calls             INTEGER NOT NULL DEFAULT 0,
    replayed          INTEGER NOT NULL DEFAULT 0,
    generation_ms     REAL,
    input_tokens      INTEGER,
    output_tokens     INTEGER,
    model             TEXT,
    is_language_model INTEGER CHECK (is_language_model IN (0, 1)),
    PRIMARY KEY (key, attempt),
    CHECK ((ended_at IS NULL) = (outcome IS NULL))
) STRICT, WITHOUT ROWID;

-- The CHECK is the transition table: a move that is not legal cannot be written down, and so cannot be made.
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
        WHEN 'submitted'        THEN source IS NULL AND target = 'pending'
        WHEN 'started'          THEN source IS 'pending' AND target = 'running'
        WHEN 'succeeded'        THEN source IS 'running' AND target = 'completed'
        WHEN 'retry_scheduled'  THEN source IS 'running' AND target = 'waiting'
        WHEN 'gave_up'          THEN source IS 'running' AND target = 'failed'
        WHEN 'skipped'          THEN source IS 'running' AND target = 'skipped'
        WHEN 'worker_lost'      THEN source IS 'running' AND target = 'pending'
        WHEN 'engine_lost'      THEN source IS 'running' AND target = 'pending'
        WHEN 'poisoned'         THEN source IS 'running' AND target = 'failed'
        WHEN 'interrupted'      THEN source IS 'running' AND target = 'pending'
        WHEN 'due'              THEN source IS 'waiting' AND target = 'pending'
        WHEN 'cancelled'        THEN source IN ('pending', 'waiting', 'running') AND target = 'cancelled'
        WHEN 'retried'          THEN source IN ('failed', 'skipped', 'cancelled') AND target = 'pending'
        WHEN 'result_discarded' THEN source IS target
        ELSE 0
    END IS 1)
) STRICT;

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

CREATE TABLE calls (
    key          INTEGER NOT NULL REFERENCES tasks (key),
    request_hash TEXT    NOT NULL,
    ordinal      INTEGER NOT NULL CHECK (ordinal >= 0),
    response     BLOB    NOT NULL,
    answered_at  REAL    NOT NULL,
    PRIMARY KEY (key, request_hash, ordinal)
) STRICT;

CREATE TABLE commands (
    command_id   INTEGER PRIMARY KEY AUTOINCREMENT,
    execution_id TEXT    NOT NULL REFERENCES executions (execution_id),
    verb         TEXT    NOT NULL CHECK (verb IN ('cancel', 'pause', 'resume', 'retry', 'concurrency')),
    arguments    TEXT    NOT NULL CHECK (json_valid(arguments)),
    asked_at     REAL    NOT NULL,
    answer       TEXT,
    answered_at  REAL,
    CHECK ((answer IS NULL) = (answered_at IS NULL))
) STRICT;

CREATE INDEX commands_open ON commands (execution_id) WHERE answer IS NULL;

PRAGMA application_id = 0x70416731;
PRAGMA user_version = 1;
