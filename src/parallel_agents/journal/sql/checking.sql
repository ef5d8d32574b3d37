-- What `journal check` asks. Nothing here writes.

-- name: integrity
PRAGMA integrity_check(20)

-- name: soundness
PRAGMA quick_check(1)

-- name: count_executions
SELECT count(*) FROM executions

-- name: count_all_tasks
SELECT count(*) FROM tasks

-- name: tasks_without_input
SELECT count(*) FROM tasks WHERE key NOT IN (SELECT key FROM inputs)

-- name: tasks_without_execution
SELECT count(*) FROM tasks WHERE execution_id NOT IN (SELECT execution_id FROM executions)

-- name: tasks_beside_their_history
-- A row is told from its history by the line that was written with it: where others follow, the row is an old one.
WITH
    own AS (
        SELECT key, max(sequence) AS written
        FROM history JOIN tasks USING (key)
        WHERE history.attempt = tasks.attempt AND at = moved_at AND trigger = moved_by AND target = state
        GROUP BY key
    ),
    newest AS (
        SELECT key, max(sequence) AS last, attempt AS last_attempt
        FROM history
        WHERE trigger <> 'result_discarded'
        GROUP BY key
    )
SELECT count(*)
FROM tasks JOIN newest USING (key) LEFT JOIN own USING (key)
WHERE last > written OR last_attempt > tasks.attempt
