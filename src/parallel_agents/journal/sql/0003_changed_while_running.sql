-- The concurrency of an execution since it was changed, NULL while it is as it was submitted; and whether tasks may still
-- come in.
ALTER TABLE executions ADD COLUMN changed_concurrency INTEGER CHECK (changed_concurrency >= 1);
ALTER TABLE executions ADD COLUMN is_open INTEGER NOT NULL DEFAULT 0 CHECK (is_open IN (0, 1));

DROP VIEW execution_records;

CREATE VIEW execution_records AS
SELECT
    number, execution_id, submitted_at, max_concurrent, model, source, vault_root, settings, agents, ended_at,
    cancel_requested, paused, stopped, resources,
    (SELECT json_group_array(path ORDER BY file_id) FROM files WHERE files.execution_id = executions.execution_id)
        AS file_paths,
    changed_concurrency, is_open
FROM executions;

PRAGMA user_version = 3;
