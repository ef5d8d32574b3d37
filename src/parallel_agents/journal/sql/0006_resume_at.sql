-- When a pause is over that ends by itself, as far as the provider said so.
ALTER TABLE executions ADD COLUMN resume_at REAL;

DROP VIEW execution_records;

CREATE VIEW execution_records AS
SELECT
    number, execution_id, submitted_at, max_concurrent, model, source, vault_root, settings, agents, ended_at,
    cancel_requested, paused, stopped, resources,
    (SELECT json_group_array(path ORDER BY file_id) FROM files WHERE files.execution_id = executions.execution_id)
        AS file_paths,
    changed_concurrency, is_open, resume_at
FROM executions;

PRAGMA user_version = 6;
